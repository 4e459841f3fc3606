"""Fifty devices that stop reading cost at most a mebibyte each and nobody else anything; they catch up when they read again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil
import pytest
import uvloop

from cluster.bench.history import History
from cluster.bench.judge import explain, judge
from cluster.bench.servers import UNLIMITED
from tests.faults.scene import MEMBERS, Cell, Size, make_accounts, make_room
from tests.kit.watcher import Watcher

pytestmark = pytest.mark.slow

LIMIT_S = 120.0
MIB = 1 << 20
SLOW = {"small": 3, "large": 50}
"""Devices that stop reading, by the size of the room."""
BODY = "x" * 16_000
WAVE = 500
"""Posts of one wave: 7.6 MiB for every member, more than the system keeps for a socket."""
IN_FLIGHT = 8
SLACK_BYTES = 12 * MIB
"""What a wave may leave behind in caches whoever reads: generations of the ledger, pages of the database."""


class Hall:
    """A room, devices that go on reading, and devices that stop."""

    def __init__(self, server: Cell, devices: list[Watcher], slow: int, history: History) -> None:
        self.server = server
        self.history = history
        self.poster, self.quick, self.slow = devices[0], devices[1:-slow], devices[-slow:]
        (self.room,) = self.poster.rooms

    async def wave(self) -> float:
        """Post a wave with a few in flight; returns when all who read have all of it, after how long."""
        start = time.perf_counter()
        for _ in range(WAVE):
            self.poster.post(self.room, BODY)
            await self.poster.until(lambda: self.poster.unanswered() < IN_FLIGHT)
        await self.poster.until(lambda: not self.poster.unanswered())
        await self.all_have(self.quick)
        return time.perf_counter() - start

    async def all_have(self, devices: list[Watcher]) -> None:
        """These devices have what the poster has."""
        head = self.poster.rooms[self.room].head
        await asyncio.gather(*(device.until(lambda device=device: device.has({self.room: head})) for device in devices))  # type: ignore[misc]

    def rss(self) -> int:
        """Resident bytes of the server."""
        return int(psutil.Process(self.server.pid).memory_info().rss)


async def story(data: Path, size: Size) -> None:
    accounts = make_accounts(data, size)
    server, history = Cell(data, UNLIMITED), History()
    await server.start()
    try:
        room = await make_room(server.url(0), accounts, "the-hall", size)
        slow = SLOW[size]
        devices = []
        for devices_of_user in accounts[: min(MEMBERS[size], slow + 10)]:
            device = Watcher(devices_of_user[0], lambda: server.url(0), history, devices_of_user[0].device, 1)
            device.follow(room)
            devices.append(device)
        async with asyncio.timeout(LIMIT_S):
            for device in devices:
                device.start()
            hall = Hall(server, devices, slow, history)
            await asyncio.gather(*(device.until(lambda device=device: device.welcomed) for device in devices))  # type: ignore[misc]
            await stop_and_go(hall)
        await asyncio.gather(*(device.stop() for device in devices))
        history.head(room, hall.poster.rooms[room].head)
        violations = judge(history)
        assert not violations, explain(violations)
    finally:
        await server.kill()


async def stop_and_go(hall: Hall) -> None:
    everybody = [*hall.quick, *hall.slow]
    await hall.wave()
    usual_s = await hall.wave()  # the second one, so that caches are as full as they get
    await hall.all_have(everybody)
    before = hall.rss()
    sessions = [device.session for device in hall.slow]
    for device in hall.slow:
        device.stop_reading()
    with_slow_s = await hall.wave()
    grown = hall.rss() - before
    print(
        f"{len(hall.slow)} of {len(everybody) + 1} stopped reading: the server grew by {grown / MIB:.1f} MiB over {WAVE * len(BODY) / MIB:.1f} MiB "
        f"for each of them; the others had the wave in {with_slow_s:.2f} s (before: {usual_s:.2f} s)"
    )
    assert grown <= len(hall.slow) * MIB + SLACK_BYTES
    assert with_slow_s < 5 * usual_s + 2
    start = time.perf_counter()
    for device in hall.slow:
        device.read_again()
    await hall.all_have(hall.slow)
    print(f"reading again, they had everything after {time.perf_counter() - start:.2f} s")
    assert [device.session for device in hall.slow] == sessions, "they caught up by connecting again, not by pulling"
    assert all(device.lagging for device in hall.slow)


@pytest.mark.parametrize("size", ["small", "large"])
def test_devices_that_stop_reading_cost_little_and_catch_up_by_pulling(tmp_path: Path, size: Size) -> None:
    uvloop.run(story(tmp_path, size))
