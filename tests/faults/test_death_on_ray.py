"""Two cells on Ray: the one that owns the room, or the one that holds a reader, dies at a chosen step of a post's way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvloop

from cluster.bench.dialect import Account
from cluster.bench.killable import RayServer
from cluster.bench.servers import UNLIMITED
from tests.faults.scene import Cast, Map, Size, connect_through, make_accounts, make_room
from tests.kit.fault_plan import Step, dies

pytestmark = pytest.mark.slow

CELLS = 2
SHARDS = 8
LIMIT_S = 60.0
SCENES: dict[str, tuple[Step, Size]] = {
    "room-cell-dies-small": ("before_answer", "small"),
    "room-cell-dies-answered": ("after_answer", "small"),
    "reader-edge-dies-small": ("at_edge", "small"),
    "room-cell-dies-large": ("before_answer", "large"),
    "reader-edge-dies-large": ("at_edge", "large"),
}
"""trigger -> where it kills, in a room of which size."""


async def play(server: RayServer, places: Map, accounts: Sequence[Sequence[Account]], trigger: str) -> None:
    """The poster is connected to the room's cell, the readers to the other one; one of the two dies."""
    step, size = SCENES[trigger]
    await places.settled(CELLS)
    room = await make_room(server.url(0), accounts, f"key-{trigger}", size)
    cast = Cast(accounts, server, room)
    await cast.warm_up()
    for device in (cast.poster, *cast.stays):
        await device.stop()
    home = places.owner_of(room)
    other = next(cell.life for cell in places.view().cells if cell.life != home)
    await connect_through(cast.poster, home)
    await asyncio.gather(*(connect_through(device, other) for device in cast.stays))
    sessions = [device.session for device in cast.stays]
    assert places.owner_of(room) == home
    cast.post_and_be_silent(trigger)
    await places.changed(other if step == "at_edge" else home)
    cast.history.fault(trigger)
    await cast.all_have(trigger)
    if step != "at_edge":
        assert [device.session for device in cast.stays] == sessions, "those on the other cell had to connect again"
    await cast.leave()


def test_members_on_the_other_cell_and_those_who_were_away_get_what_a_dying_cell_has_committed(tmp_path: Path) -> None:
    async def run() -> None:
        accounts = make_accounts(tmp_path, "large", SHARDS)
        server = RayServer(tmp_path, CELLS, {**UNLIMITED, **dies({trigger: step for trigger, (step, _) in SCENES.items()}, tmp_path)})
        try:
            await server.start()
            places = Map(tmp_path)
            for trigger in SCENES:
                async with asyncio.timeout(LIMIT_S):
                    await play(server, places, accounts, trigger)
                assert (tmp_path / trigger).exists()
            places.close()
        finally:
            await server.end()

    uvloop.run(run())
