"""Cells come and go in good order while people chat: how many slots move, for how long one is closed, and how clients spread."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence

from actors.runtime.view import SLOTS, View
from tests.faults.cells import Cells
from tests.faults.on_cells import Plan
from tests.faults.storm import LOAD, Storm
from tests.kit.watcher import Watcher

EVEN = 1.25
"""No edge has more times the mean."""
CROWDED = 150
"""Clients that are all on one edge."""
EVEN_S = 120.0
MOVED_MORE, PAUSE = "slots moved beyond their share, of all", "longest pause of a slot, s"
EVEN_AFTER, LOST = "connections even after, s", "connections lost"


def _moved(before: View, after: View) -> float:
    """The share of the slots that have another owner."""
    return sum(old != new for old, new in zip(before.by_slot, after.by_slot, strict=True)) / SLOTS


async def added_and_taken_off(storm: Storm, cells: Cells) -> None:
    """One more than there were; then it is emptied and ends. Its share is a cell's part of all slots."""
    name, more, pauses = f"cell-{len(cells.cells) + 1}", [], []
    storm.hit("a cell is added, and taken off", storm.rooms)
    share = 1 / (len(cells.cells) + 1)
    for step in (cells.start_one, cells.take_off):
        before = cells.view()
        await step(name)
        await cells.settled()
        more.append(_moved(before, cells.view()) - share)
        pauses.extend(cells.pauses(before.version))
        await storm.goes_on()
    assert pauses, "no slot was handed over"
    storm.figures |= {MOVED_MORE: max(more), PAUSE: max(pauses)}


async def skewed_start(storm: Storm, cells: Cells) -> None:
    """All clients are on the only edge when two more come; nobody loses a connection, and soon no edge has many more than others."""
    (only,) = cells.cells
    accounts = [devices[0] for devices in storm.accounts[LOAD.accounts :]]
    clients = [Watcher(account, lambda: cells.cells[only].url, storm.gauge, account.device, 1) for account in accounts]
    try:
        await storm.crowd.come(clients)
        more = [f"cell-{number}" for number in (2, 3)]
        storm.hit("two cells come to one that has all clients", storm.rooms)
        began = time.monotonic()
        await asyncio.gather(*(cells.start_one(name) for name in more))
        async with asyncio.timeout(EVEN_S):
            await _any_sees(clients, lambda: _are_even(clients, 1 + len(more)))
        storm.figures |= {EVEN_AFTER: time.monotonic() - began, LOST: sum(client.losses for client in (*clients, *storm.crowd.devices))}
        await storm.goes_on()
    finally:
        await asyncio.gather(*(client.stop() for client in clients))
    assert storm.figures[LOST] == 0, "somebody was thrown out for balance"


def _are_even(clients: Sequence[Watcher], edges: int) -> bool:
    counts = Counter(client.life for client in clients)
    return len(counts) == edges and max(counts.values()) <= EVEN * len(clients) / edges


async def _any_sees(clients: Sequence[Watcher], condition: Callable[[], bool]) -> None:
    """Wait until it is true, looking whenever one of the clients hears something."""
    waits = [asyncio.ensure_future(client.until(condition)) for client in clients]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)


ON_GROWTH: dict[str, Plan] = {"a cell added, and taken off": Plan(added_and_taken_off)}
ON_SKEW: dict[str, Plan] = {f"{CROWDED} clients on one edge when two more come": Plan(skewed_start, listeners=CROWDED)}
"""On a server of one cell."""
