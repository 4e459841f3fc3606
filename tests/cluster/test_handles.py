"""Rooms and sessions as Ray actors, asked by a program of its own on a real Ray, while cells die and rooms move."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator

import pytest

from actors.events import Notice
from gateway.client import Client
from tests.kit.program import Talkers, talkers_on
from tests.kit.ray_server import LIMIT_S

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talkers]:
    with talkers_on(tmp_path_factory.mktemp("handles")) as talkers:
        yield talkers


def test_ray_get_wait_and_tasks_take_what_a_room_answers(scene: Talkers) -> None:
    room, ask = f'get_actor("room:{scene.room()}")', scene.program.value
    assert ask(f'ray.get({room}.post.remote("anna", "good morning"))')["seq"] == 2
    assert ask(f'ray.get(post_from_a_task.remote({room}, "bob", "and to you"))')["seq"] == 3
    assert ask(f"ray.get(count_entries.remote({room}.history.remote()))") == 3
    assert ask(f"[len(part) for part in ray.wait([{room}.stats.remote() for _ in range(8)], num_returns=8, timeout=30)]") == [8, 0]
    stats = ask(f"ray.get({room}.stats.remote())")
    assert (stats["kind"], stats["head"], stats["members"]) == ("room", 3, 2)
    assert ask(f"ray.get(ray.get_actor('switch', namespace='warbler').act.remote({room}.address, 'stats', {{}}, 5.0))")["head"] == 3
    assert [member["user"] for member in ask(f"ray.get({room}.members.remote())")["members"]] == ["anna", "bob"]
    assert ask(f'ray.get({room}.kick.remote("bob"))') is None
    assert [member["user"] for member in ask(f"ray.get({room}.members.remote())")["members"]] == ["anna"]


@pytest.mark.parametrize("how", ["", ", direct=True"])
def test_what_is_refused_is_an_error_with_a_code(scene: Talkers, how: str) -> None:
    room, ask = f'get_actor("room:{scene.room()}"{how})', scene.program.answer
    assert ask(f'ray.get({room}.post.remote("carl", "hello"))')["code"] == "no_such_room"
    assert ask(f'ray.get({room}.kick.remote("anna"))') == {"code": "forbidden", "retry": False, "text": "You may not do that"}
    assert ask(f'ray.get(get_actor("room:nothing"{how}).stats.remote())')["code"] == "no_such_room"
    assert ask(f'ray.get(get_actor("session:cell-9-00000000~1"{how}).stats.remote())')["code"] == "no_such_session"
    assert "is no address" in ask('get_actor("nothing")')["mistake"]
    assert "unexpected keyword" in ask(f"{room}.stats.remote(limit=1)")["mistake"]


def test_the_same_key_makes_one_post_on_either_way(scene: Talkers) -> None:
    room = scene.room()
    once = 'post.remote("anna", "once", key="my-own-key-1"))["seq"]'
    ways = [scene.program.value(f'ray.get(get_actor("room:{room}"{how}).{once}') for how in ("", ", direct=True", "")]
    assert ways == [2, 2, 2]
    assert scene.bodies(room) == ["once"]


def test_calls_outlive_the_death_of_the_rooms_cell_and_its_moving_back_and_every_post_is_there_once(scene: Talkers) -> None:
    room = scene.room()
    home = scene.life(room)
    scene.program.value(f'[None for globals()["room"] in [get_actor("room:{room}")]]')
    refs = '[globals()["refs"] for globals()["refs"] in [[room.post.remote("anna", f"text {n}") for n in range(100)]]] and None'
    scene.program.value(refs)
    os.kill(scene.pid(home), signal.SIGKILL)
    seqs = [stored["seq"] for stored in scene.program.value("ray.get(refs, timeout=60)")]
    assert sorted(seqs) == list(range(2, 102))
    assert sorted(scene.bodies(room)) == sorted(f"text {n}" for n in range(100))
    # the cell comes back and gets its slots back, from a living owner, while posts go on
    posted, end = 100, time.monotonic() + LIMIT_S
    name = home.rpartition("-")[0]
    while scene.life(room).rpartition("-")[0] != name or scene.life(room) == home:
        assert time.monotonic() < end
        assert scene.program.value(f'ray.get(room.post.remote("bob", "text {posted}"))')["seq"] == posted + 2
        posted += 1
    assert scene.program.value('ray.get(room.post.remote("bob", "at home"))')["seq"] == posted + 2
    page = scene.program.value("ray.get(room.history.remote(after=101, limit=200))")
    assert [entry["body"] for entry in page["entries"]] == [*(f"text {n}" for n in range(100, posted)), "at home"]


def test_a_direct_call_after_its_cell_has_died_goes_to_the_new_owner(scene: Talkers) -> None:
    room = scene.room()
    scene.server.until(lambda cells: len(cells) == 2)
    scene.program.value(f'[None for globals()["near"] in [get_actor("room:{room}", direct=True)]]')
    before = scene.program.value("ray.get(near.stats.remote())")["life"]
    os.kill(scene.pid(before), signal.SIGKILL)
    end = time.monotonic() + LIMIT_S
    while "value" not in (found := scene.program.answer('ray.get(near.post.remote("anna", "here", key="after-the-death"))')):
        assert found == {"ray": "ActorDiedError"}
        assert time.monotonic() < end
    assert scene.program.value("ray.get(near.stats.remote())")["life"] != before
    assert scene.bodies(room) == ["here"]


def test_the_tree_shows_cells_actors_and_that_programs_ask(scene: Talkers) -> None:
    scene.program.value("ray.get(list_sessions())")
    rows = {row["name"]: row for row in json.loads(scene.server.run("status", "--tree", "--json").stdout)}
    assert rows["switch"]["now"] == "asked"
    assert {"cell-1", "cell-2", "room", "session"} <= rows.keys()
    assert "supervisor" in scene.server.run("status", "--tree").stdout


def test_a_session_is_found_told_asked_and_closed(scene: Talkers) -> None:
    async def scenario() -> None:
        heard: asyncio.Queue[Notice] = asyncio.Queue()
        value = scene.program.value
        async with Client(scene.url, scene.tokens["bob"]) as client:
            client.on_notice(heard.put_nowait)
            (address,) = await asyncio.to_thread(value, 'ray.get(list_sessions("bob"))')
            session = f'get_actor("{address}")'
            await asyncio.to_thread(value, f'ray.get({session}.tell.remote("back in a minute"))')
            assert (await heard.get()).text == "back in a minute"
            stats = await asyncio.to_thread(value, f"ray.get({session}.stats.remote())")
            assert (stats["user"], stats["session"], stats["device"]) == ("bob", address, client.device)
            await asyncio.to_thread(value, f"ray.get({session}.close.remote())")
            gone = await asyncio.to_thread(scene.program.answer, f"ray.get({session}.stats.remote())")
            assert gone["code"] == "no_such_session"
            again = []
            while not again:  # the client comes back by itself
                again = await asyncio.to_thread(value, 'ray.get(list_sessions("bob"))')
            assert again != [address]

    asyncio.run(asyncio.wait_for(scenario(), LIMIT_S))
