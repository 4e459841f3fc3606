"""A whole cell on a real folder, in this process: two of them share the work, hand shards over, and take over."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from actors.runtime.actor import actor_id
from actors.store.cluster_file import ClusterFile
from actors.store.shards import owner_of
from cluster.account_calls import do_account_call
from cluster.accounts import numbered
from cluster.data_folder import prepare
from cluster.folder_lock import folder_lock
from cluster.lonely import only_cell
from cluster.membership import Membership
from cluster.problems import StartProblem
from cluster.settings import Settings
from tests.kit.cells import Pair

SHARDS = 2


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, port=0, shards=SHARDS)


def play(settings: Settings, scenario: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(settings), 30))


def test_a_shard_moves_to_the_second_cell_with_all_that_is_in_it(settings: Settings) -> None:
    async def scenario(settings: Settings) -> None:
        async with Pair(settings) as pair:
            first, second = pair.apps
            users = numbered("user", 12)
            await first.accounts.create_many(users)
            await pair.move_one()
            assert [app.store.owned() for app in pair.apps] == [[1], [0]] or [app.store.owned() for app in pair.apps] == [[0], [1]]
            there = [user for user in users if second.chat.cell.owns(actor_id("user", user))]
            assert 0 < len(there) < len(users)
            assert [(await second.accounts.show(user)).user for user in there] == there

    play(settings, scenario)


def test_either_cell_answers_for_both_over_the_link(settings: Settings) -> None:
    async def scenario(settings: Settings) -> None:
        async with Pair(settings) as pair:
            first, second = pair.apps
            await pair.move_one()
            users = numbered("user", 12)
            await second.accounts.create_many(users)
            assert [(await first.accounts.show(user)).user for user in users] == users

    play(settings, scenario)


def test_a_withdrawn_move_leaves_the_owner_serving(settings: Settings) -> None:
    async def scenario(settings: Settings) -> None:
        async with Pair(settings) as pair:
            first, _ = pair.apps
            view = pair.membership.begin_moves(1)
            assert view is not None
            await pair.push(view)
            assert owner_of(settings.data, view.moves[0].group) == ""
            await pair.push(pair.membership.withdraw_moves({view.moves[0].group}))
            assert first.store.owned() == [0, 1]
            assert len(await first.accounts.create_many(numbered("user", 8))) == 8

    play(settings, scenario)


def test_a_cell_takes_over_from_a_sealed_one_and_an_old_view_is_ignored(settings: Settings) -> None:
    async def scenario(settings: Settings) -> None:
        async with Pair(settings) as pair:
            first, second = pair.apps
            users = numbered("user", 8)
            await first.accounts.create_many(users)
            old = pair.membership.view()
            pair.membership.seal(first.who.life)
            view = pair.membership.leave(first.who.life)
            assert view is not None
            assert old is not None
            assert await second.apply_view(view.encode()) == view.version
            assert await second.apply_view(old.encode()) == view.version
            assert [(await second.accounts.show(user)).user for user in users] == users

    play(settings, scenario)


def test_doors_answer_with_health_metrics_and_figures(settings: Settings) -> None:
    async def scenario(settings: Settings) -> None:
        async with only_cell(settings) as app:
            port = await app.open_doors(0)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                healthy = await client.get("/healthz")
                assert (healthy.status_code, healthy.json()["ok"]) == (200, True)
                assert "warbler_slots" in (await client.get("/metrics")).text
                assert (await client.get("/connect")).json()["edges"] in ([f"ws://127.0.0.1:{port}/ws"], [app.doors.edge_url])
            stats = app.stats()
            assert (stats["port"], stats["slots"], stats["pid"]) == (port, 4096, os.getpid())
            assert stats["commits"] > 0

    play(settings, scenario)


def test_a_port_that_is_taken_is_told(settings: Settings) -> None:
    async def scenario(settings: Settings) -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        async with only_cell(settings) as app:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(StartProblem, match=f"Port {port} .* cannot be listened on"):
                await app.open_doors(port)
        server.close()

    play(settings, scenario)


def test_only_one_process_works_on_a_folder(settings: Settings) -> None:
    prepare(settings)
    with folder_lock(settings), pytest.raises(StartProblem, match="Another Warbler process"), folder_lock(settings):
        pass


def test_a_cell_alone_leaves_nobody_who_could_commit(settings: Settings) -> None:
    async def scenario(settings: Settings) -> None:
        async with only_cell(settings) as app:
            assert Membership(ClusterFile(settings.data)).unsealed() == [app.who.life]
        assert Membership(ClusterFile(settings.data)).unsealed() == []

    play(settings, scenario)


# --- accounts ---


def test_accounts_are_made_changed_and_shown(settings: Settings) -> None:
    async def scenario(settings: Settings) -> None:
        async with only_cell(settings) as app:

            async def call(name: str, **arguments: Any) -> Any:
                return await do_account_call(app.accounts, name, arguments)

            made = await call("create", user="anna", display="Anna", password="long enough", admin=False)
            assert (made["user"], made["display"], made["admin"], made["disabled"]) == ("anna", "Anna", False, False)
            assert (await call("change", user="anna", admin=True))["admin"]
            assert (await call("change", user="anna", disabled=True))["disabled"]
            assert (await call("show", user="anna"))["disabled"]
            assert (await call("create_service", user="robot", display="")).startswith("wbl:robot:")
            for arguments, sentence in (
                ({"user": "anna", "display": "", "password": "long enough"}, "taken"),
                ({"user": "bert", "display": "", "password": "short"}, "8 to 200"),
                ({"user": "No Name", "display": "", "password": "long enough"}, "cannot be a name"),
            ):
                with pytest.raises(StartProblem, match=sentence):
                    await call("create", **arguments)
            with pytest.raises(StartProblem, match="no such user"):
                await call("change", user="nobody", disabled=True)

    play(settings, scenario)


def test_many_accounts_get_tokens_that_work_and_a_repeat_gives_new_ones(settings: Settings) -> None:
    async def scenario(settings: Settings) -> None:
        async with only_cell(settings) as app:
            first = await app.accounts.create_many(numbered("load", 300))
            again = await app.accounts.create_many(numbered("load", 2))
            assert len({token for _, token in first}) == 300
            port = await app.open_doors(0)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                for user, token in (first[0], again[0], first[299]):
                    me = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
                    assert (me.status_code, me.json()["user"]) == (200, user)

    play(settings, scenario)


def test_numbers_that_make_no_names_are_refused() -> None:
    for prefix, count in (("x", 0), ("x" * 32, 10), ("No", 1)):
        with pytest.raises(StartProblem):
            numbered(prefix, count)
