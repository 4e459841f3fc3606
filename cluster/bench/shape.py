"""What it costs that every room, or every room and every session, is a process of its own: each shape measured in the same way.

    python -m cluster.bench.shape cell rooms process

For each shape a server on Ray with one edge cell and an empty folder, twenty devices, ten rooms of two. CPU is that of all cells
together (edge, rooms, sessions), without Ray's own processes. Posts have 200 bytes, are stored durably and delivered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import uvloop

from cluster.bench.device import Device
from cluster.bench.dialect import Account
from cluster.bench.history import History
from cluster.bench.measure import cpu_seconds, memory_bytes, percentile
from cluster.bench.seed import seed_accounts
from cluster.bench.servers import run_warbler
from gateway.client import Client

SHAPES = ("cell", "rooms", "process")
ROOMS = 10
ALONE, BUSY = 400, 6000
"""Posts one at a time, and with many in flight."""
IN_FLIGHT = 64
IDLE_S = 4.0
WAIT_S = 300.0
BODY = "x" * 200


class Group(NamedTuple):
    """The cells of one kind, idle."""

    processes: int
    rss: int
    pss: int
    threads: int
    idle_ms_per_s: float
    """CPU for one of them."""


class Run:
    """One shape, measured."""

    def __init__(self, data: Path, accounts: Sequence[Account], url: str) -> None:
        self._data = data
        self._accounts = accounts
        self._url = url
        history = History()
        self.devices = [Device(account, lambda: url, history, account.device, 1) for account in accounts]
        self.rooms: list[str] = []
        self._answers = 0
        self._came = asyncio.Event()

    # --- arriving ---

    async def make_rooms(self) -> float:
        """Ten rooms of two. Returns how many seconds the very first connection waited for its welcome."""
        began = time.perf_counter()
        async with Client(self._url.replace("http", "ws", 1) + "/ws", self._accounts[0].token):
            first_s = time.perf_counter() - began
        for number in range(ROOMS):
            pair = self.devices[2 * number : 2 * number + 2]
            async with Client(self._url.replace("http", "ws", 1) + "/ws", pair[0].account.token) as client:
                room = (await client.create(f"Room {number}", members=[pair[1].account.user])).room
            self.rooms.append(room)
            for device in pair:
                device.follow(room)
        return first_s

    async def come(self) -> float:
        """All connect at once. Seconds until the last is welcomed."""
        began = time.perf_counter()
        for device in self.devices:
            device.on_answer = self._answered
            device.start()
        await asyncio.gather(*(device.until(lambda device=device: device.welcomed) for device in self.devices))  # type: ignore[misc]
        return time.perf_counter() - began

    async def settled(self, shape: str) -> list[dict[str, Any]]:
        """Wait until everything has the process that it is to have; the cells then."""
        wanted = {"cell": 1, "rooms": 1 + ROOMS, "process": 1 + ROOMS + len(self.devices)}[shape]
        async with asyncio.timeout(WAIT_S):
            while True:
                cells = json.loads(await asyncio.to_thread(run_warbler, "status", "--data", str(self._data), "--json"))["cells"]
                own = [cell for cell in cells if (cell["state"] == "serving" and _kind(cell) in ("edge", "session")) or _has_room(cell)]
                if len(own) == len(cells) >= wanted:
                    return list(cells)
                for device, room in zip(self.devices[::2], self.rooms, strict=True):
                    device.post(room, "are you there?")
                await self._all_answered()

    # --- posting ---

    async def alone(self) -> list[float]:
        """One post at a time: seconds until it is acknowledged."""
        took = []
        for number in range(ALONE):
            device, room = self.devices[2 * (number % ROOMS)], self.rooms[number % ROOMS]
            began = time.perf_counter()
            device.post(room, BODY)
            await device.until(lambda state=device.rooms[room]: not state.unanswered)  # type: ignore[misc]
            took.append(time.perf_counter() - began)
        return took

    async def busy(self) -> float:
        """Many in flight over all rooms: posts a second."""
        began, sent, start = time.perf_counter(), 0, self._answers
        while self._answers - start < BUSY:
            while sent - (self._answers - start) < IN_FLIGHT and sent < BUSY:
                self.devices[2 * (sent % ROOMS)].post(self.rooms[sent % ROOMS], BODY)
                sent += 1
            self._came.clear()
            await self._came.wait()
        return BUSY / (time.perf_counter() - began)

    async def delivered(self) -> None:
        """Everybody has everything."""
        heads = {room: max(device.rooms[room].have for device in self.devices if room in device.rooms) for room in self.rooms}
        await asyncio.gather(*(device.until(lambda device=device: device.has(heads)) for device in self.devices))  # type: ignore[misc]

    async def leave(self) -> None:
        """Everybody goes."""
        await asyncio.gather(*(device.stop() for device in self.devices))

    async def _all_answered(self) -> None:
        await asyncio.gather(*(device.until(lambda device=device: not device.unanswered()) for device in self.devices))  # type: ignore[misc]

    def _answered(self) -> None:
        self._answers += 1
        self._came.set()


def _kind(cell: dict[str, Any]) -> str:
    head = str(cell["name"]).partition(":")[0]
    return head if head in ("room", "session") else "edge"


def _has_room(cell: dict[str, Any]) -> bool:
    return _kind(cell) == "room" and cell["state"] == "serving" and cell.get("slots") == 1


async def groups_of(cells: Sequence[dict[str, Any]]) -> dict[str, Group]:
    """The cells by kind, measured while nobody does anything."""
    pids: dict[str, list[int]] = {}
    for cell in cells:
        pids.setdefault(_kind(cell), []).append(int(cell["pid"]))
    before = {kind: cpu_seconds(found) for kind, found in pids.items()}
    await asyncio.sleep(IDLE_S)
    groups = {}
    for kind, found in pids.items():
        idle_ms = 1e3 * (cpu_seconds(found) - before[kind]) / IDLE_S / len(found)
        rss, pss = memory_bytes(found)
        threads = sum(psutil.Process(pid).num_threads() for pid in found)
        groups[kind] = Group(len(found), rss // len(found), pss // len(found), threads // len(found), idle_ms)
    return groups


async def measure(shape: str, data: Path, accounts: Sequence[Account], url: str) -> None:
    """Print the figures of one shape."""
    run = Run(data, accounts, url)
    first_s = await run.make_rooms()
    all_s = await run.come()
    cells = await run.settled(shape)
    pids = [int(cell["pid"]) for cell in cells]
    print(f"{shape}: first welcome {first_s:.2f} s, all {len(accounts)} at once {all_s:.2f} s", flush=True)
    for kind, group in (await groups_of(cells)).items():
        print(
            f"  {kind:8} {group.processes:3} processes, each RSS {group.rss / 2**20:.0f} MiB, PSS {group.pss / 2**20:.0f} MiB, "
            f"{group.threads} threads, idle {group.idle_ms_per_s:.1f} ms of CPU a second",
            flush=True,
        )
    before, began = cpu_seconds(pids), time.perf_counter()
    took = await run.alone()
    used, per_s = 1e6 * (cpu_seconds(pids) - before) / ALONE, ALONE / (time.perf_counter() - began)
    p50, p99 = 1e3 * percentile(took, 0.5), 1e3 * percentile(took, 0.99)
    print(f"  one at a time: p50 {p50:.2f} ms, p99 {p99:.2f} ms, {per_s:.0f}/s, {used:.0f} us of CPU a post", flush=True)
    before = cpu_seconds(pids)
    per_s = await run.busy()
    await run.delivered()
    used = 1e6 * (cpu_seconds(pids) - before) / BUSY
    print(f"  {IN_FLIGHT} in flight: {per_s:.0f}/s, {used:.0f} us of CPU a post", flush=True)
    await run.leave()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the shapes that are named."""
    parser = argparse.ArgumentParser(prog="cluster.bench.shape", description="The price of a process for each room and session.")
    parser.add_argument("shapes", nargs="+", choices=SHAPES)
    parser.add_argument("--data", type=Path, default=None, help="where the data folders are made")
    given = parser.parse_args(arguments)
    for shape in given.shapes:
        with tempfile.TemporaryDirectory(prefix="warbler-shape-", dir=given.data) as name:
            accounts = [account for (account,) in seed_accounts(Path(name), 2 * ROOMS, prefix="user")]
            run_warbler(
                "up", "--data", name, "--port", "0", "--cells", "1", "--detach", WARBLER_ISOLATION=shape, WARBLER_SPAM_FILTER="true"
            )
            try:
                url = json.loads(run_warbler("status", "--data", name, "--json"))["url"].rstrip("/")
                uvloop.run(measure(shape, Path(name), accounts, url))
            finally:
                run_warbler("down", "--data", name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
