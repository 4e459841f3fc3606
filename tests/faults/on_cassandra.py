"""What is done to the database of cells, three nodes at replication 3, and to cells whose database is Cassandra."""

from __future__ import annotations

import asyncio

from cluster.bench.crowd import Shape
from tests.faults.cells import Cells
from tests.faults.nodes import Nodes
from tests.faults.on_cells import Plan, not_coordinator
from tests.faults.on_network import cut_one_off, frozen_far
from tests.faults.storm import Storm
from tests.kit.fault_plan import no_store
from tests.kit.spans import lasts

PAUSED_S = 20.0
STUCK_S = 0.5
"""A node stands still for so long until requests of all cells have come to it."""
AWAY_S = 15.0
"""Longer than something is tried to be stored before its sender hears that it was not."""
CUT_S = 8.0
CALM = Shape(users=10, directs=6, groups=4, hall_members=10, pause_s=(0.1, 0.5))
"""Three nodes, three cells and the crowd share what cores there are."""


def nodes_of(cells: Cells) -> Nodes:
    """The nodes of the database."""
    assert cells.nodes is not None
    return cells.nodes


async def node_killed(storm: Storm, cells: Cells) -> None:
    """One of three is killed, and started again while everybody goes on."""
    nodes = nodes_of(cells)
    nodes.kill(2)
    storm.hit("node 2 killed", storm.rooms)
    await storm.back()
    await storm.goes_on()
    await nodes.start_again(2)


async def lost_in_flight(storm: Storm, cells: Cells) -> None:
    """A node is killed with requests in hand: nobody knows which of them were done."""
    nodes = nodes_of(cells)
    nodes.pause(3)
    await lasts(STUCK_S)
    assert nodes.unread_bytes(3), "no request was under way at the node"
    nodes.kill(3)
    storm.hit("node 3 killed with requests in hand", storm.rooms)
    await storm.back()


async def node_paused(storm: Storm, cells: Cells) -> None:
    """One stands still for 20 s: the others carry everything meanwhile, and what it does late does no harm."""
    nodes = nodes_of(cells)
    nodes.pause(1)
    storm.hit("node 1 paused", storm.rooms)
    ends = asyncio.get_running_loop().time() + PAUSED_S
    await storm.back()
    await storm.goes_on()
    await lasts(ends - asyncio.get_running_loop().time())
    nodes.resume(1)


async def two_killed(storm: Storm, cells: Cells) -> None:
    """Nothing can be stored: posts are put off, none is acknowledged; the service returns by itself with one of them."""
    nodes = nodes_of(cells)
    put_off = storm.put_off
    nodes.kill(2)
    nodes.kill(3)
    await lasts(STUCK_S)  # what was stored before is told
    acked = storm.gauge.acked
    await lasts(AWAY_S)
    assert storm.gauge.acked == acked, "acknowledged without a quorum"
    assert storm.put_off > put_off, "nobody was told to come again"
    await nodes.start_again(2)
    storm.hit("node 2 is there again", storm.rooms)
    await storm.back()


async def disk_full(storm: Storm, cells: Cells) -> None:
    """A node has no room for another file: it stops to serve, the others go on without it."""
    nodes = nodes_of(cells)
    nodes.fill_disk(2)
    await nodes.fail_to_write(2)
    storm.hit("node 2 has given up", storm.rooms)
    await storm.back()
    await storm.goes_on()


async def cut_off_twice(storm: Storm, cells: Cells) -> None:
    """A cell does not reach the store for a while, and is cut off from the other cells as soon as it does again."""
    name = not_coordinator(cells)
    gate = no_store(cells.data, name)
    gate.touch()
    await lasts(CUT_S)
    gate.unlink()
    await cut_one_off(storm, cells, name)


ON_CASSANDRA: dict[str, Plan] = {
    "Cassandra: node killed, and back": Plan(node_killed, CALM),
    "Cassandra: node killed with requests in hand": Plan(lost_in_flight, CALM),
    "Cassandra: node paused for 20 s": Plan(node_paused, CALM),
    "Cassandra: two nodes of three killed": Plan(two_killed, CALM),
    "Cassandra: disk of a node full": Plan(disk_full, CALM),
    "Cassandra: cell frozen for 20 s": Plan(frozen_far, CALM),
    "Cassandra: cell cut off from the store, then from the others": Plan(cut_off_twice, CALM),
}
