"""`isolation = "process"`: every room and every session is a named Ray actor of its own. The protocol's own tests pass in this shape, and
a killed room and a killed session under load lose and repeat nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import uvloop

from actors.lines import process_of
from cluster.bench.judge import explain, judge
from tests.kit.literal_shape import Shape, ShapeStage, Talk
from tests.kit.program import Program
from tests.kit.protocol_scenes import SCENES, Scene, play

pytestmark = pytest.mark.slow
ROOMS, SESSIONS, MEMBERS = 10, 20, 6
LIMIT_S = 300.0


@pytest.fixture(scope="module")
def shape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    found = Shape(tmp_path_factory.mktemp("shape"), SESSIONS + 2 * len(SCENES))
    yield found
    found.server.run("down")
    assert found.server.processes() == []


def named_actors(shape: Shape) -> list[str]:
    program = Program(shape.server)
    names: list[str] = program.value("[row['name'] for row in ray.util.list_named_actors(all_namespaces=True)]")
    program.end()
    return names


async def all_alone(shape: Shape, rooms: list[str], talk: Talk) -> None:
    """Wait until every room and every session is in its own process, and nobody shares one."""
    while len(own_rooms := await shape.own("room")) < ROOMS:
        pass
    own_sessions = await shape.own("session")
    assert own_rooms.keys() == {f"room:{room}" for room in rooms}
    assert own_sessions.keys() == {process_of(device.account.user, device.account.device) for device in talk.devices}
    assert len({cell["pid"] for cell in (*own_rooms.values(), *own_sessions.values())}) == ROOMS + SESSIONS
    edges = [cell for name, cell in (await shape.cells()).items() if name.startswith("cell-")]
    assert [cell["sessions"] for cell in edges] == [0, 0]
    assert sum(cell["connections"] for cell in edges) >= SESSIONS
    assert {*own_rooms, *own_sessions} <= set(await asyncio.to_thread(named_actors, shape))


async def kill_a_room_and_a_session(shape: Shape) -> None:
    talk = Talk(shape, shape.take(SESSIONS))
    rooms = await talk.make_rooms(ROOMS, MEMBERS)
    await talk.come()
    async with asyncio.TaskGroup() as tasks:
        for device in talk.devices:
            tasks.create_task(talk.chat(device))
        await talk.answers(500)
        await all_alone(shape, rooms, talk)
        room, victim = f"room:{rooms[0]}", talk.devices[5]
        session = process_of(victim.account.user, victim.account.device)
        before = [device.losses for device in talk.devices]
        talk.history.fault("a room and a session killed")
        await shape.kill(room)
        await shape.kill(session)
        await victim.until(lambda: victim.losses > before[5])
        await victim.until(lambda: victim.welcomed)
        while room not in (own := {**await shape.own("room"), **await shape.own("session")}):
            pass
        assert [own[name]["restarts"] for name in (room, session)] == [1, 1]
        await talk.answers(500)
        talk.stop()
    await talk.agree()
    assert [device.losses - lost for device, lost in zip(talk.devices, before, strict=True)] == [int(d is victim) for d in talk.devices]
    violations = judge(talk.history, quiet=False)
    assert not violations, explain(violations)


def test_twenty_sessions_and_ten_rooms_are_actors_and_the_death_of_one_of_each_loses_and_repeats_nothing(shape: Shape) -> None:
    uvloop.run(asyncio.wait_for(kill_a_room_and_a_session(shape), LIMIT_S))


def test_the_processes_of_devices_that_have_gone_end_after_a_while(shape: Shape) -> None:
    cells = shape.server.until(lambda cells: not any(name.startswith("session:") for name in cells))
    assert not any(name.startswith("session:") for name in named_actors(shape))
    assert {"cell-1", "cell-2"} <= cells.keys()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_a_client_written_from_the_page_finds_what_the_page_says(shape: Shape, scene: Scene) -> None:
    uvloop.run(asyncio.wait_for(play(scene, ShapeStage(shape)), LIMIT_S))
