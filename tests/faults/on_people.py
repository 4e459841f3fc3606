"""What people do to a server: they stop reading, write far more at once, send what crashes a room, and all come back together."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from cluster.bench.history import History
from tests.faults.cells import Cells
from tests.faults.gauge import at
from tests.faults.on_cells import POISON, Plan, kill, not_coordinator
from tests.faults.storm import LOAD, Storm
from tests.kit.raw import Raw
from tests.kit.watcher import Watcher

SLOW = 50
CLIENTS = 2000
BURSTS = (5, 20)
WITH_MANY = replace(LOAD, hall_members=LOAD.users + SLOW)
COME_BACK_S = 120.0
MOVED = "of the slow readers moved when they were asked to"
CALM = 1000
"""Answers with which those are compared that come while clients come back."""
BACK, SLOWER = "99 % of the clients are back after, s", "others' wait for an answer, p99, times that before"
AT_ONCE = 50


async def crash(storm: Storm, cells: Cells) -> None:
    """A text that the room's code raises at, each time: it is set aside, and the room goes on for the others."""
    room = storm.rooms[-1]
    (owner,) = (name for name in cells.cells if cells.owned_by((name,), [room]))
    raw = await Raw.log_in(cells.cells[owner].url, storm.accounts[0][-1].token)
    raw.say({"t": "post", "room": room, "n": 1, "id": f"{1:024x}", "body": POISON})
    await cells.until(lambda: bool(cells.events(owner, "actor_set_aside")))
    storm.hit("a text crashed its room", [room])
    await storm.back()
    await raw.leave()


async def slow_readers(storm: Storm, cells: Cells) -> None:
    """Fifty members of the hall stop reading; they read again, and have everything. None is thrown out; who has another session
    then was asked to move to a less busy edge, and did so as a client does."""
    slow = [
        Watcher(account, storm.edge(number), storm.gauge, account.device, 1)
        for number, (account, *_) in enumerate(storm.accounts[LOAD.users :])
    ]
    for device in slow:
        device.follow(storm.rooms[-1])
        device.start()
    storm.crowd.devices.extend(slow)
    await asyncio.gather(*(device.until(lambda device=device: device.welcomed) for device in slow))  # type: ignore[misc]
    sessions = [(device, device.session, device.moves) for device in slow]
    for device in slow:
        device.stop_reading()
    storm.hit(f"{SLOW} devices stop reading", storm.rooms)
    await storm.back()
    await storm.goes_on(2000)
    for device in slow:
        device.read_again()
    heads = await storm.crowd.heads()
    await asyncio.gather(*(device.until(lambda device=device: device.has(heads)) for device in slow))  # type: ignore[misc]
    assert sum(device.losses for device in slow) == 0, "slow readers were thrown out"
    moved = [device.moves - moves for device, session, moves in sessions if device.session != session]
    assert all(moved), "a slow reader has another session, and was not asked to move"
    storm.figures[MOVED] = len(moved)


async def bursts(storm: Storm, cells: Cells) -> None:
    """Five times, then twenty times as much for a while."""
    usual = storm.crowd.pause_s
    storm.hit("bursts", storm.rooms)
    for times in BURSTS:
        storm.crowd.pause_s = (usual[0] / times, usual[1] / times)
        began = time.monotonic()
        await storm.goes_on(400 * times)
        print(f"  {times} times as much wanted: {400 * times / (time.monotonic() - began):.0f} acked a second")
    storm.crowd.pause_s = usual


async def _come_back(storm: Storm, cells: Cells, *names: str) -> None:
    """Clients that only listen, spread over the cells; these cells are killed and started again."""
    history = History()
    accounts = [devices[0] for devices in storm.accounts[LOAD.accounts :]]
    clients = [Watcher(account, storm.edge(number), history, account.device, number) for number, account in enumerate(accounts)]
    try:
        for first in range(0, len(clients), AT_ONCE):
            await storm.crowd.come(clients[first : first + AT_ONCE])
        calm_at = time.monotonic()
        await storm.goes_on(CALM)
        dead = {cells.life(name) for name in names}
        lost = [client for client in clients if client.life in dead]
        began = time.monotonic()
        waiting = [asyncio.ensure_future(_back(client, client.welcomes)) for client in lost]
        await kill(storm, cells, *names)
        async with asyncio.timeout(COME_BACK_S):
            await cells.heal()
            took = sorted(await asyncio.gather(*waiting))
        _compare(storm, (calm_at, began, began + took[-1]))
        storm.figures[BACK] = at(took, 0.99)
    finally:
        await asyncio.gather(*(client.stop() for client in clients))


def _compare(storm: Storm, times: tuple[float, float, float]) -> None:
    """How long those who kept their edge waited in rooms that kept their cell, while the rest came back."""
    kept = {device.recorder.history.device for device in storm.crowd.present if not device.losses}
    calm_at, began, ended = times
    waits = [wait for wait in storm.gauge.waits if wait.device in kept and wait.room not in storm.gauge.hit_rooms]
    before = [wait.took_s for wait in waits if calm_at <= wait.sent_at < began]
    during = [wait.took_s for wait in waits if began <= wait.sent_at < ended]
    if before and during:
        storm.figures[SLOWER] = at(during, 0.99) / at(before, 0.99)


async def _back(client: Watcher, welcomes: int) -> float:
    """Seconds until it is welcomed once more."""
    began = time.monotonic()
    await client.until(lambda: client.welcomes > welcomes)
    return time.monotonic() - began


async def edge_killed(storm: Storm, cells: Cells) -> None:
    """One edge of three, with many clients."""
    await _come_back(storm, cells, not_coordinator(cells))


async def all_edges_killed(storm: Storm, cells: Cells) -> None:
    """All at once."""
    await _come_back(storm, cells, *cells.cells)


ON_PEOPLE: dict[str, Plan] = {
    "a text that crashes the room's code": Plan(crash),
    f"{SLOW} slow readers": Plan(slow_readers, WITH_MANY),
    "bursts of 5 and 20 times as much": Plan(bursts),
}
ON_RETURN: dict[str, Plan] = {
    f"edge killed, {CLIENTS} clients": Plan(edge_killed, listeners=CLIENTS),
    f"all edges killed, {CLIENTS} clients": Plan(all_edges_killed, listeners=CLIENTS),
}
"""Played where clients are let in at the rate that is the default."""
