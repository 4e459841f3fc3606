"""Connecting: what it costs to come in with a valid token, and what an idle connection holds of memory."""

from __future__ import annotations

import asyncio
import time
from array import array

from cluster.bench.dialect import CONNECTING_AT_ONCE, Member, join_server
from cluster.bench.measure import memory_bytes
from cluster.bench.sample import Clock, Sample
from cluster.bench.side import Side, check_connected, dismiss, gather_members

_SETTLE_S = 0.3
"""What a server does after its answer (announce, note, free) still belongs to the connection."""
_FIRST = 50
"""Connections made once before the first window, so that what is loaded on first use is loaded."""


class Connect:
    """`count` users come in, `at_once` side by side, and stay until the window is over; closing is measured apart."""

    def __init__(self, side: Side, *, count: int = 1000, at_once: int = 50) -> None:
        self._side = side
        self._count = count
        self._at_once = at_once
        self._latencies = array("d")

    async def prepare(self) -> None:
        """Come in once and go."""
        members = await gather_members(self._side, min(_FIRST, self._count))
        await dismiss([member.client for member in members])

    async def window(self, seconds: float) -> Sample:
        """All come in once, however long it takes."""
        self._latencies = array("d")
        waiting = iter(range(self._count))
        members: list[Member] = []
        clock = Clock(self._side.target)
        start = time.perf_counter()
        await asyncio.gather(*(self._arrive(waiting, members) for _ in range(self._at_once)))
        taken_s = time.perf_counter() - start
        await asyncio.sleep(_SETTLE_S)
        clients = [member.client for member in members]
        sample = clock.sample(
            self._count,
            latencies_s=tuple(self._latencies),
            bytes_in=sum(client.bytes_in for client in clients),
            connections_per_s=self._count / taken_s,
        )
        check_connected(clients)
        closing = Clock(self._side.target)
        await dismiss(clients)
        sample.extra["close_cpu_us"] = closing.sample(self._count).cpu_us
        return sample

    async def _arrive(self, waiting: object, members: list[Member]) -> None:
        for index in waiting:  # type: ignore[attr-defined]
            start = time.perf_counter()
            account = self._side.accounts[index]
            members.append(await join_server(self._side.target.url(index), self._side.dialect, account))
            self._latencies.append(time.perf_counter() - start)

    async def finish(self) -> None:
        """Nothing is open between windows."""


class Idle:
    """`count` users come in and say nothing more: memory that the server holds for each, and what it spends on them."""

    def __init__(self, side: Side, *, count: int = 5000) -> None:
        self._side = side
        self._count = count
        self._members: list[Member] = []

    async def prepare(self) -> None:
        """Come in once with a few and go."""
        members = await gather_members(self._side, min(_FIRST, self._count))
        await dismiss([member.client for member in members])

    async def window(self, seconds: float) -> Sample:
        """All come in, are left alone for `seconds`, are weighed, and go."""
        target = self._side.target
        rss_before, pss_before = memory_bytes(target.pids)
        members: list[Member] = []
        for first in range(0, self._count, CONNECTING_AT_ONCE):
            group = range(first, min(self._count, first + CONNECTING_AT_ONCE))
            members += await asyncio.gather(
                *(join_server(target.url(index), self._side.dialect, self._side.accounts[index]) for index in group)
            )
        await asyncio.sleep(_SETTLE_S)
        quiet = Clock(target)
        await asyncio.sleep(seconds)
        rss, pss = memory_bytes(target.pids)
        idle = quiet.sample(self._count)
        clients = [member.client for member in members]
        check_connected(clients)
        await dismiss(clients)
        return Sample(
            seconds=idle.seconds,
            units=self._count,
            cpu_s=idle.cpu_s,
            daemons_cpu_s=idle.daemons_cpu_s,
            load_cpu_s=idle.load_cpu_s,
            memory_bytes=pss - pss_before,
            rss_bytes=rss - rss_before,
            extra={"idle_cpu_ms_per_s": idle.cpu_s / idle.seconds * 1e3},
        )

    async def finish(self) -> None:
        """Nothing is open between windows."""
