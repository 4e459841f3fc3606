"""Stores from a seed: the same seed makes the same rows, the rows fit each other, and a server serves them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import uvloop

from actors.numbers import Numbers
from actors.store.rows import CheckpointRow, EntryRow, MemberRow, UserRoomRow
from cluster.bench.dialect import Account, join_server
from cluster.bench.seed import seed_accounts, seed_store
from cluster.bench.seed_rows import Plot, plan_rooms, room_rows, token_of, user_rows
from cluster.bench.servers import own_cell

PLOT = Plot(messages=3000, rooms=60, seed=5)


def test_the_same_seed_makes_the_same_rows_and_another_seed_others() -> None:
    def rows(plot: Plot) -> list[object]:
        return [row for plan in plan_rooms(plot)[:10] for row in room_rows(plot, plan)]

    assert rows(PLOT) == rows(Plot(messages=3000, rooms=60, seed=5))
    assert rows(PLOT) != rows(Plot(messages=3000, rooms=60, seed=6))


def test_rooms_hold_as_many_messages_as_were_asked_for_some_of_them_most() -> None:
    plans = plan_rooms(PLOT)
    lengths = sorted((plan.length for plan in plans), reverse=True)
    assert sum(lengths) == 3000
    assert len({plan.room for plan in plans}) == 60
    assert sum(lengths[:6]) > 3000 * 0.2
    assert min(lengths) >= 1


def test_a_room_is_numbered_without_holes_and_summed_up_to_its_head() -> None:
    plan = max(plan_rooms(PLOT), key=lambda plan: plan.length)
    rows = [row for slot, row in room_rows(PLOT, plan) if slot == plan.slot]
    entries = [row for row in rows if isinstance(row, EntryRow)]
    assert [entry.seq for entry in entries] == list(range(1, plan.length + 1))
    (checkpoint,) = (row for row in rows if isinstance(row, CheckpointRow))
    assert checkpoint.seq == plan.length
    numbers = Numbers.decode(checkpoint.devices)
    for device, posts in Counter(entry.device for entry in entries if entry.n).items():
        assert numbers.of(device).last == posts
        assert [entry.n for entry in entries if entry.device == device] == list(range(1, posts + 1))
    assert all(entry.user in {row.user for row in rows if isinstance(row, MemberRow)} for entry in entries)


def test_a_users_list_names_the_rooms_whose_member_the_user_is() -> None:
    plans = plan_rooms(PLOT)
    rooms_of = {index: [plan for plan in plans if index in plan.members] for index in range(PLOT.users)}
    for index in range(PLOT.users):
        listed = [row for _, row in user_rows(PLOT, rooms_of, index) if isinstance(row, UserRoomRow)]
        assert {row.room for row in listed} == {plan.room for plan in rooms_of[index]}
        assert [row.version for row in listed] == list(range(1, len(listed) + 1))


@pytest.mark.slow
def test_a_server_serves_what_was_seeded_and_goes_on_from_there(tmp_path: Path) -> None:
    told: list[int] = []
    rows = seed_store(tmp_path, PLOT, told.append, workers=1)
    assert rows > 3000
    plan = max(plan_rooms(PLOT), key=lambda plan: plan.length)
    index = plan.members[0]
    account = Account(PLOT.user(index), token_of(PLOT.prefix, PLOT.seed, index))

    async def run() -> None:
        with own_cell(tmp_path, [account], core=None) as side:
            member = await join_server(side.target.url(0), side.dialect, account)
            page = await member.ask({"t": "pull", "room": plan.room, "after": plan.length - 3, "limit": 50})
            assert [entry["seq"] for entry in page["entries"]] == [plan.length - 2, plan.length - 1, plan.length]
            assert page["head"] == plan.length
            listed = await member.ask({"t": "rooms", "limit": 200})
            assert plan.room in str(listed["result"])
            member.client.close()
            await member.client.gone

    uvloop.run(run())


@pytest.mark.slow
def test_accounts_can_be_added_to_a_folder_and_log_in_with_every_device(tmp_path: Path) -> None:
    seed_accounts(tmp_path, 1, prefix="early")
    accounts = seed_accounts(tmp_path, 2, prefix="load", devices=2)

    async def run() -> None:
        with own_cell(tmp_path, [], core=None) as side:
            for account in (accounts[1][0], accounts[1][1]):
                member = await join_server(side.target.url(0), side.dialect, account)
                assert (await member.ask({"t": "who", "user": "early0"}))["result"]
                member.client.close()
                await member.client.gone

    uvloop.run(run())
