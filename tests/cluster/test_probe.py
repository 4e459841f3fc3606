"""Health means that a post of this cell goes the whole way; whatever does not is named by the step where it is stuck."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

import cluster.probe
from actors.messages.room import KeyedPost
from actors.runtime.actor import actor_id
from actors.runtime.promise import Promise, rejected
from actors.runtime.ring import slot_of
from actors.runtime.seating import open_seat, seat_room
from actors.runtime.view import CellInfo, begin_moves, end_moves, first_view, wanted_moves
from actors.store.cluster_file import ClusterFile
from actors.store.store import StoreUnavailable
from cluster.app import CellApp
from cluster.lonely import only_cell
from cluster.membership import Membership
from cluster.probe import Probe, find_place
from cluster.settings import Settings
from gateway.api.bridge import settle
from gateway.health import ProbeFailed
from tests.kit.cells import Pair

SOON_S = 0.15


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, port=0, shards=2)


def play(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 30))


def with_cell(settings: Settings, scenario: Callable[[CellApp, Probe], Coroutine[Any, Any, None]]) -> None:
    """One cell, and a probe that has succeeded once and gives up soon."""

    async def around() -> None:
        async with only_cell(settings) as app:
            probe = Probe(app.chat, app.store, app.who.name)
            await probe()
            probe._limit_s = SOON_S
            await scenario(app, probe)

    play(around())


async def failure(probe: Probe) -> tuple[str, str]:
    with pytest.raises(ProbeFailed) as caught:
        await probe()
    return caught.value.step, caught.value.code


def test_a_post_goes_all_the_way_and_each_one_is_the_next_of_its_room(settings: Settings) -> None:
    async def scenario(app: CellApp, probe: Probe) -> None:
        commits = app.store.info()["commits"]
        first, second = await probe(), await probe()
        assert second["seq"] == first["seq"] + 1
        assert list(second["ms"]) == ["view", "connect", "commit", "fan_out", "trim"]
        assert app.store.info()["commits"] >= commits + 2
        assert len(app.chat.tables.sessions) == 0

    with_cell(settings, scenario)


def test_a_store_that_does_not_commit_is_found_where_the_post_is_committed(settings: Settings) -> None:
    async def scenario(app: CellApp, probe: Probe) -> None:
        works, stuck = app.store.commit, Promise[None]()
        app.store.commit = lambda change: stuck  # type: ignore[method-assign]
        assert await failure(probe) == ("commit", "timeout")
        app.store.commit = works  # type: ignore[method-assign]
        stuck.reject(StoreUnavailable("the end"))

    with_cell(settings, scenario)


def test_a_store_that_refuses_is_told_at_once(settings: Settings) -> None:
    async def scenario(app: CellApp, probe: Probe) -> None:
        works = app.store.commit
        app.store.commit = lambda change: rejected(StoreUnavailable("the disk is full"))  # type: ignore[method-assign]
        assert await failure(probe) == ("commit", "store_unavailable")
        app.store.commit = works  # type: ignore[method-assign]
        probe._limit_s = 5.0
        assert (await probe())["seq"] > 1

    with_cell(settings, scenario)


def test_a_room_that_is_stuck_is_found(settings: Settings) -> None:
    async def scenario(app: CellApp, probe: Probe) -> None:
        place = find_place(app.chat)
        stuck = Promise[None]()
        app.store.post_key = lambda *_: stuck  # type: ignore[method-assign,assignment,return-value]
        app.chat.cell.ask(actor_id("room", place.room), KeyedPost(place.user, "key-000001", "never"))
        assert await failure(probe) == ("commit", "timeout")
        stuck.reject(StoreUnavailable("the end"))

    with_cell(settings, scenario)


def test_a_sealed_life_is_found_although_its_reads_go_on(settings: Settings) -> None:
    async def scenario(app: CellApp, probe: Probe) -> None:
        Membership(ClusterFile(settings.data)).seal(app.who.life)
        assert await failure(probe) == ("commit", "timeout")

    with_cell(settings, scenario)


def test_a_fan_out_that_reaches_nobody_is_found_although_the_post_is_durable(settings: Settings) -> None:
    async def scenario(app: CellApp, probe: Probe) -> None:
        app.chat.tables.sessions.deliver = lambda *_: []  # type: ignore[method-assign]
        assert await failure(probe) == ("fan_out", "timeout")

    with_cell(settings, scenario)


def test_a_user_that_does_not_answer_is_found_where_clients_connect(settings: Settings) -> None:
    async def scenario(app: CellApp, probe: Probe) -> None:
        stuck = Promise[list[Any]]()
        app.store.user_rooms_since = lambda *_: stuck  # type: ignore[method-assign]
        assert await failure(probe) == ("connect", "timeout")
        assert len(app.chat.tables.sessions) == 0
        stuck.reject(StoreUnavailable("the end"))

    with_cell(settings, scenario)


def test_a_cell_without_a_view_is_not_healthy(settings: Settings) -> None:
    async def scenario() -> None:
        async with only_cell(settings) as app:
            app.chat.view = None
            assert await failure(Probe(app.chat, app.store, "cell-1")) == ("view", "unavailable")

    play(scenario())


def test_the_answer_of_the_port_names_the_step(settings: Settings) -> None:
    async def scenario() -> None:
        async with only_cell(settings) as app:
            port = await app.open_doors(0)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                works = app.store.commit
                app.store.commit = lambda change: rejected(StoreUnavailable("the disk is full"))  # type: ignore[method-assign]
                sick = await client.get("/healthz")
                assert (sick.status_code, sick.json()["step"], sick.json()["code"]) == (503, "account", "store_unavailable")
                app.store.commit = works  # type: ignore[method-assign]

    play(scenario())


def test_each_of_two_cells_posts_in_its_own_slots(settings: Settings) -> None:
    async def scenario() -> None:
        async with Pair(settings) as pair:
            await pair.move_one()
            rooms = [(await Probe(app.chat, app.store, app.who.name)())["room"] for app in pair.apps]
            assert rooms[0] != rooms[1]
            assert all(app.chat.cell.owns(actor_id("room", room)) for app, room in zip(pair.apps, rooms, strict=True))

    play(scenario())


def test_a_cell_that_owns_nothing_posts_to_another_one_and_both_may_ask_at_once(settings: Settings) -> None:
    async def scenario() -> None:
        async with Pair(settings) as pair:
            first, second = (Probe(app.chat, app.store, app.who.name) for app in pair.apps)
            found = await asyncio.gather(first(), second())
            assert [told["slots"] for told in found] == [4096, 0]
            assert found[0]["room"] == found[1]["room"]

    play(scenario())


def test_the_log_of_the_canaries_stays_small_and_goes_on_after_a_restart(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.probe, "TRIM_POSTS", 20)

    async def scenario() -> None:
        last = 0
        for _ in range(2):
            async with only_cell(settings) as app:
                probe, place = Probe(app.chat, app.store, app.who.name), find_place(app.chat)
                for _ in range(45):
                    seq = (await probe())["seq"]
                    assert seq > last
                    last = seq
                rows = await settle(app.store.entries_after(slot_of(actor_id("room", place.room)), place.room, 0, 200))
                assert len(rows) < 20 + cluster.probe.KEPT_ENTRIES and rows[-1].seq == last

    play(scenario())


def test_no_probe_runs_unasked(settings: Settings) -> None:
    async def scenario() -> None:
        async with only_cell(settings) as app:
            await app.open_doors(0)
            assert await settle(app.store.heads([(slot_of(actor_id("room", "canary0")), "canary0")])) == {}

    play(scenario())


def test_a_rooms_own_cell_probes_where_it_owns_nothing_itself() -> None:
    view = seat_room(
        first_view([CellInfo("cell-1-a", "cell-1"), CellInfo("room:9f2c-a", "room:9f2c", ("room",))], 4), actor_id("room", "9f2c")
    )
    view = open_seat(view, 0, view.seats[0].since, "cell-1-a")
    moves = wanted_moves(view)
    view = end_moves(begin_moves(view, moves), {move.group for move in moves})
    assert view.owner_of(actor_id("room", "9f2c")) == "room:9f2c-a"
    for life in ("cell-1-a", "room:9f2c-a"):
        chat: Any = SimpleNamespace(life=life, view=view, cell=SimpleNamespace(life_for=view.owner_of))
        place = find_place(chat)
        assert view.owner_of(actor_id("room", place.room)) == "cell-1-a"
