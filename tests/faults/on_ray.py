"""What is done to a server on Ray, each as one function."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.faults.ray_nodes import CELLS, RayNodes
from tests.faults.storm import Storm
from tests.kit.log_lines import until
from tests.kit.spans import lasts

Fault = Callable[[Storm, RayNodes], Awaitable[None]]
HEAD_AWAY_S, HEAD_GONE_S = 20.0, 600.0
FROZEN_S = 20.0
ADOPTED_S = 60.0
"""For Ray to start a supervisor again, and for that to find all cells."""


PUT_OFF = "answers that put a post off"


def _on(nodes: RayNodes, node: str) -> list[str]:
    """Lives of the cells of a node."""
    return [life for life, zone in nodes.lives().items() if zone == node]


async def cell_killed(storm: Storm, nodes: RayNodes) -> None:
    """Its supervisor hears of it by a call that never ends, the other cells by their links."""
    life = _on(nodes, "head")[0]
    rooms = nodes.owned_by([life], storm.rooms)
    nodes.kill_cell(life)
    storm.hit("cell killed", rooms)


async def supervisor_killed(storm: Storm, nodes: RayNodes) -> None:
    """Ray starts it again, and it adopts what lives."""
    before, adoptions = set(nodes.lives()), nodes.adoptions()
    nodes.kill_supervisor()
    storm.hit("supervisor killed", storm.rooms)
    await storm.back()
    async with asyncio.timeout(ADOPTED_S):
        await until(lambda: nodes.adoptions() == adoptions + len(before), nodes.logs)
    assert set(nodes.lives()) == before, "cells were ended because their supervisor was"


async def head_killed(storm: Storm, nodes: RayNodes) -> None:
    """Nobody who chats notices, for as long as it is away."""
    await _without_head(storm, nodes, HEAD_AWAY_S)


async def _without_head(storm: Storm, nodes: RayNodes, seconds: float) -> None:
    before = set(nodes.lives())
    nodes.kill_head()
    storm.hit("Ray's head killed", storm.rooms)
    await storm.back()
    await lasts(seconds)
    assert storm.put_off == 0, "posts were put off because Ray's head was away"
    assert set(nodes.lives()) == before, "cells were ended because Ray's head was away"


async def head_gone(storm: Storm, nodes: RayNodes) -> None:
    """Nobody starts it again for ten minutes: much longer than Ray's nodes wait for it if nobody tells them to."""
    await _without_head(storm, nodes, HEAD_GONE_S)


async def head_and_cell_killed(storm: Storm, nodes: RayNodes) -> None:
    """The other cells take over without Ray."""
    life = _on(nodes, "head")[-1]
    rooms = nodes.owned_by([life], storm.rooms)
    nodes.kill_head()
    nodes.kill_cell(life)
    storm.hit("Ray's head and a cell killed", rooms)


async def node_killed(storm: Storm, nodes: RayNodes) -> None:
    """Everything on a node, Ray's own processes too."""
    rooms = nodes.owned_by(_on(nodes, "other"), storm.rooms)
    nodes.kill_node()
    storm.hit("a node killed", rooms)


async def node_frozen(storm: Storm, nodes: RayNodes) -> None:
    """SIGSTOP to everything on a node, for 20 s; Ray itself does not notice."""
    (life,) = _on(nodes, "other")
    rooms = nodes.owned_by([life], storm.rooms)
    nodes.freeze_node()
    storm.hit("a node frozen", rooms)
    ends = asyncio.get_running_loop().time() + FROZEN_S
    await storm.back()
    await lasts(ends - asyncio.get_running_loop().time())
    nodes.thaw_node()
    await nodes.has_cells(sum(CELLS.values()))
    assert life not in nodes.lives(), "the frozen life goes on"


async def drained(storm: Storm, nodes: RayNodes) -> None:
    """A cell is emptied and ended, and comes back; nobody fails to send."""
    storm.hit("a cell is drained", storm.rooms)
    name = nodes.names()[-1]
    assert await nodes.command("drain", name) == [f"{name}: empty, and ended"]
    await storm.goes_on()
    await nodes.command("drain", name, "--undo")
    await nodes.has_cells(sum(CELLS.values()))
    await _nobody_failed(storm)


async def rolled(storm: Storm, nodes: RayNodes) -> None:
    """The supervisor and every cell are replaced, one after the other; nobody fails to send."""
    before = set(nodes.lives())
    storm.hit("all cells are replaced", storm.rooms)
    said = await nodes.command("roll")
    assert [line.endswith(": replaced") for line in said] == [True] * (1 + sum(CELLS.values()))
    assert before & set(nodes.lives()) == set()
    await _nobody_failed(storm)


async def _nobody_failed(storm: Storm) -> None:
    await storm.goes_on()
    storm.figures[PUT_OFF] = storm.put_off


ON_RAY: dict[str, Fault] = {
    "Ray: cell killed": cell_killed,
    "Ray: supervisor killed": supervisor_killed,
    "Ray: node killed": node_killed,
    "Ray: head killed for 20 s": head_killed,
    "Ray: head and a cell killed": head_and_cell_killed,
    "Ray: node frozen for 20 s": node_frozen,
}
UPKEEP: dict[str, Fault] = {
    "Ray: a cell drained, and back": drained,
    "Ray: all cells rolled": rolled,
}
"""For the soak alone: `test_rolls.py` does the same with two versions of the code."""
FOR_LONG: dict[str, Fault] = {"Ray: head killed for 10 minutes": head_gone}
"""For the soak alone."""
