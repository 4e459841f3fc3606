"""What is done to cells that run without Ray, each as one function: the tests play each once, the soak many times."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from cluster.bench.crowd import Shape
from tests.faults.cells import Cells
from tests.faults.storm import LOAD, Storm
from tests.kit import fault_plan
from tests.kit.spans import lasts

Fault = Callable[[Storm, Cells], Awaitable[None]]
POISON = "what the room cannot bear"
"""The room's code raises at a text that holds this."""


class Plan(NamedTuple):
    """A scenario."""

    fault: Fault
    shape: Shape = LOAD
    listeners: int = 0
    """Accounts beside the crowd's."""


def not_coordinator(cells: Cells) -> str:
    """A cell without the duty."""
    return next(name for name in cells.cells if name != cells.coordinator)


async def kill(storm: Storm, cells: Cells, *names: str) -> None:
    """SIGKILL to these at once; rooms that they owned have to come back."""
    rooms = cells.owned_by(names, storm.rooms)
    for name in names:
        cells.signal(name, signal.SIGKILL)
    storm.hit(f"{', '.join(names)} killed", rooms)
    for name in names:
        await cells.died(name)


async def cell_killed(storm: Storm, cells: Cells) -> None:
    """One that does not coordinate."""
    await kill(storm, cells, not_coordinator(cells))


async def coordinator_killed(storm: Storm, cells: Cells) -> None:
    """The one that has the duty."""
    await kill(storm, cells, cells.coordinator)


async def two_killed(storm: Storm, cells: Cells) -> None:
    """The coordinator and another one of three."""
    await kill(storm, cells, cells.coordinator, not_coordinator(cells))


async def all_killed(storm: Storm, cells: Cells) -> None:
    """All edges, all owners; started again at once."""
    await kill(storm, cells, *cells.cells)
    await cells.heal()


async def frozen(storm: Storm, cells: Cells) -> None:
    """SIGSTOP for as long as it is let live: the others kill it before they open its shards."""
    name = not_coordinator(cells)
    life, rooms = cells.life(name), cells.owned_by((name,), storm.rooms)
    note, version = fault_plan.frozen(cells.data), cells.view().version
    note.write_text(str(cells.cells[name].running.pid))
    cells.signal(name, signal.SIGSTOP)
    storm.hit(f"{name} frozen", rooms)
    assert await cells.died(name) == -signal.SIGKILL
    await storm.back()
    note.unlink()
    others = [other for other in cells.cells if other != name]
    assert cells.is_sealed(life)
    assert any(row["version"] > version for other in others for row in cells.events(other, "group_open"))
    assert [row for other in others for row in cells.events(other, "opened_beside_frozen")] == [], "opened before it was killed"


async def paused(storm: Storm, cells: Cells) -> None:
    """SIGSTOP for two seconds: nobody is ended for that."""
    name = not_coordinator(cells)
    life, rooms = cells.life(name), cells.owned_by((name,), storm.rooms)
    cells.signal(name, signal.SIGSTOP)
    storm.hit(f"{name} paused", rooms)
    await lasts(2.0)
    cells.signal(name, signal.SIGCONT)
    await storm.back()
    assert cells.life(name) == life, "a pause has ended a life"


ON_CELLS: dict[str, Plan] = {
    "cell killed": Plan(cell_killed),
    "coordinator killed": Plan(coordinator_killed),
    "two cells of three killed": Plan(two_killed),
    "all cells killed, started again": Plan(all_killed),
    "cell frozen": Plan(frozen),
    "cell paused for 2 s": Plan(paused),
}
