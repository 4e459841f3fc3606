"""What people do to a server: they stop reading, write far more at once, send what crashes a room, and all come back together."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from cluster.bench.history import History
from tests.faults.cells import Cells
from tests.faults.on_cells import POISON, Plan, kill, not_coordinator
from tests.faults.storm import LOAD, Storm
from tests.kit.raw import Raw
from tests.kit.watcher import Watcher

SLOW = 50
CLIENTS = 2000
BURSTS = (5, 20)
WITH_MANY = replace(LOAD, hall_members=LOAD.users + SLOW)
COME_BACK_S = 120.0
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
    """Fifty members of the hall stop reading; they read again, and have everything. None is thrown out; one that was asked to move
    before it stopped may have moved."""
    slow = [
        Watcher(account, storm.edge(number), storm.gauge, account.device, 1)
        for number, (account, *_) in enumerate(storm.accounts[LOAD.users :])
    ]
    for device in slow:
        device.follow(storm.rooms[-1])
        device.start()
    storm.crowd.devices.extend(slow)
    await asyncio.gather(*(device.until(lambda device=device: device.welcomed) for device in slow))  # type: ignore[misc]
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
        dead = {cells.life(name) for name in names}
        lost = [client for client in clients if client.life in dead]
        waiting = [asyncio.ensure_future(_back(client, client.welcomes)) for client in lost]
        await kill(storm, cells, *names)
        async with asyncio.timeout(COME_BACK_S):
            await cells.heal()
            took = sorted(await asyncio.gather(*waiting))
        print(
            f"  {len(took)} of {len(clients)} clients had to come back: 99 % in {took[int(0.99 * len(took))]:.1f} s, all in {took[-1]:.1f} s"
        )
    finally:
        await asyncio.gather(*(client.stop() for client in clients))


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
    f"edge killed, {CLIENTS} clients": Plan(edge_killed, listeners=CLIENTS),
    f"all edges killed, {CLIENTS} clients": Plan(all_edges_killed, listeners=CLIENTS),
}
