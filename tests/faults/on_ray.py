"""What is done to a server on Ray, each as one function."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.faults.ray_nodes import RayNodes
from tests.faults.storm import Storm
from tests.kit.log_lines import until
from tests.kit.spans import lasts

Fault = Callable[[Storm, RayNodes], Awaitable[None]]
HEAD_AWAY_S = 20.0
ADOPTED_S = 60.0
"""For Ray to start a supervisor again, and for that to find all cells."""


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
    before = set(nodes.lives())
    nodes.kill_head()
    storm.hit("Ray's head killed", storm.rooms)
    await storm.back()
    await lasts(HEAD_AWAY_S)
    assert storm.put_off == 0, "posts were put off because Ray's head was away"
    assert set(nodes.lives()) == before, "cells were ended because Ray's head was away"


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


ON_RAY: dict[str, Fault] = {
    "Ray: cell killed": cell_killed,
    "Ray: supervisor killed": supervisor_killed,
    "Ray: node killed": node_killed,
    "Ray: head killed for 20 s": head_killed,
    "Ray: head and a cell killed": head_and_cell_killed,
}
