"""Several cells on this machine without Ray, and what a message costs on four of them over what it costs on two.

Both servers have the same people in the same rooms, all their cells share the server's core, and the clients are spread over the
cells by chance, as they would come. So a message that stays in one cell with two cells more often crosses with four: on two cells it
crosses one link in the mean (to its room's cell, and from there to its reader's), on four cells one and a half. What is
compared is CPU of all cells, links and idle work included.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from actors.store.cluster_file import ClusterFile
from cluster.bench.dialect import WarblerDialect
from cluster.bench.lean_client import LoadError
from cluster.bench.load import Result, Told, Turn, take_turns
from cluster.bench.measure import with_children
from cluster.bench.pairs import Pairs
from cluster.bench.plans import Plan
from cluster.bench.seed import seed_accounts
from cluster.bench.servers import PREFIX, UNLIMITED, cell_command
from cluster.bench.side import Side
from cluster.bench.target import Target, started
from cluster.membership import Membership

FEW, MANY = 2, 4
"""Cells of the two servers."""
USERS = 200
SHARED_S = 30.0
"""For the cells to have equal parts of the slots."""
CELLS = Plan("cells", "one-to-one: four cells over two, one in flight", lambda side: Pairs(side, users=USERS), USERS, 1.3)
CELLS_BUSY = Plan(
    "cells-8", "one-to-one: four cells over two, eight in flight", lambda side: Pairs(side, users=USERS, in_flight=8), USERS, 1.3
)


@contextlib.contextmanager
def joined_cells(plan: Plan, folder: Path, count: int, *, core: int | None, seed: int = 1) -> Iterator[Side]:
    """So many cells on an empty folder, each a process that joins the others."""
    with tempfile.TemporaryDirectory(prefix="warbler-bench-", dir=folder) as name, contextlib.ExitStack() as processes:
        data, began = Path(name), time.perf_counter()
        accounts = [devices[0] for devices in seed_accounts(data, plan.users, prefix=PREFIX, cells=count)]
        urls, pids = [], []
        for number in range(1, count + 1):
            command = [*cell_command(data), "--join", f"cell-{number}"]
            process, line = processes.enter_context(started(command, core=core, environment=UNLIMITED))
            urls.append(line.split()[1])
            pids += with_children([process.pid])
        _wait_for_shares(data, count)
        # drawn once for each user, so that both rounds and all windows of a server have the same people in the same places
        chance = random.Random(seed)
        places = tuple(chance.choice(urls) for _ in accounts)
        yield Side(Target(places, tuple(pids), folder=data, ready_s=time.perf_counter() - began), WarblerDialect(accounts))


def _wait_for_shares(data: Path, count: int) -> None:
    cluster = ClusterFile(data)
    end = time.monotonic() + SHARED_S
    try:
        while not _is_shared(Membership(cluster), count):
            if time.monotonic() > end:
                raise LoadError(f"{count} cells have not shared the slots within {SHARED_S:.0f} s")
            time.sleep(0.05)
    finally:
        cluster.close()


def _is_shared(membership: Membership, count: int) -> bool:
    view = membership.view()
    if view is None or view.moves or len(view.cells) != count:
        return False
    owned = [view.owner_lives.count(cell.life) for cell in view.cells]
    return max(owned) - min(owned) <= 1 and sum(owned) == view.groups


async def cells(plan: Plan, folder: Path, core: int | None, rounds: int, seconds: float, told: Told) -> Result:
    """The same load on four cells (`ours`) and on two (`bare`), in turns."""
    result = Result(plan)
    with joined_cells(plan, folder, MANY, core=core) as many, joined_cells(plan, folder, FEW, core=core) as few:
        turns = [Turn(many, plan.make(many), result.ours), Turn(few, plan.make(few), result.bare)]
        await take_turns(plan, turns, rounds, seconds, told, lambda: None)
    return result
