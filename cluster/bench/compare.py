"""Comparisons of Warbler with itself: on a large store and on an empty one, with many connections and with few,
with two cells and with one."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from cluster.bench.load import Result, Told, Turn, take_turns
from cluster.bench.measure import memory_bytes
from cluster.bench.pairs import Pairs
from cluster.bench.plans import Plan
from cluster.bench.sample import Sample
from cluster.bench.seed import seed_accounts, shards_of
from cluster.bench.servers import PREFIX, bare_relay, fresh_cell, own_cell, server_on_ray
from cluster.bench.side import Side

ACTIVE = 200
"""Users who chat, in all comparisons."""
FEW, MANY = 1_000, 10_000
"""Connections in all."""

LARGE_STORE = Plan("large-store", "one-to-one: a large store over an empty one", lambda side: Pairs(side), ACTIVE, 1.2)
MANY_CONNECTIONS = Plan(
    "many-connections", "one-to-one: 10,000 connections over 1,000", lambda side: Pairs(side, idle=MANY - ACTIVE), MANY, 1.2
)
LINKS = Plan("links", "one-to-one: what a side of a link adds, two cells", lambda side: Pairs(side), ACTIVE, 0.3, against="base", ends=2)


def _nothing() -> None:
    pass


async def large_store(data: Path, folder: Path, core: int | None, rounds: int, seconds: float, told: Told) -> Result:
    """The same load on the folder `data`, which is full already, and on an empty one. Start and memory are in `extra`."""
    accounts = [devices[0] for devices in seed_accounts(data, ACTIVE, prefix=PREFIX)]
    with own_cell(data, accounts, core=core) as full, fresh_cell(LARGE_STORE, folder, core=core, shards=shards_of(data)) as empty:
        result = await _two(LARGE_STORE, full, empty, Pairs(empty), rounds, seconds, told)
        for side, samples in ((full, result.ours), (empty, result.bare)):
            samples[-1].extra["start_s"] = side.target.ready_s
            samples[-1].extra["pss_mib"] = memory_bytes(side.target.pids)[1] / 2**20
        return result


async def many_connections(folder: Path, core: int | None, rounds: int, seconds: float, told: Told) -> Result:
    """The same load beside many idle connections and beside few."""
    plan = MANY_CONNECTIONS
    with fresh_cell(plan, folder, core=core) as many, fresh_cell(plan, folder, core=core) as few:
        return await _two(plan, many, few, Pairs(few, idle=FEW - ACTIVE), rounds, seconds, told)


async def _two(plan: Plan, ours: Side, other: Side, others_load: Pairs, rounds: int, seconds: float, told: Told) -> Result:
    result = Result(plan)
    turns = [Turn(ours, plan.make(ours), result.ours), Turn(other, others_load, result.bare)]
    await take_turns(plan, turns, rounds, seconds, told, _nothing)
    return result


async def links(folder: Path, core: int | None, rounds: int, seconds: float, told: Told) -> Result:
    """Two cells on Ray, where half of the traffic crosses a link, one cell on Ray, and the bare relay."""
    result = Result(LINKS)
    with ExitStack() as stack:

        def opened(side: AbstractContextManager[Side], samples: list[Sample]) -> Turn:
            entered = stack.enter_context(side)
            return Turn(entered, Pairs(entered), samples)

        turns = [
            opened(server_on_ray(LINKS, folder, 2, core=core), result.ours),
            opened(server_on_ray(LINKS, folder, 1, core=core), result.base),
            opened(bare_relay(LINKS, core=core), result.bare),
        ]
        await take_turns(LINKS, turns, rounds, seconds, told, _nothing)
    return result
