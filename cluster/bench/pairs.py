"""One-to-one: users in pairs, each posting to the other; closed loop (k in flight a user) or at a given rate."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import deque
from collections.abc import Awaitable

from cluster.bench.dialect import MSG, SENT, TAG_AT, Member
from cluster.bench.lean_client import LoadError, text_frame
from cluster.bench.sample import Clock, Sample
from cluster.bench.side import Side, check_connected, dismiss, drained, gather_members

_WARM_S = 0.4
"""A window starts so long after its load, when batches have found their size."""


class Talker:
    """One user: posts to its peer, times the answers, counts what the peer sent."""

    __slots__ = ("acked", "client", "head", "latencies", "member", "n", "other", "received", "running", "sent_at", "tail", "user")

    def __init__(self, member: Member, tag: bytes, room: str, body: bytes) -> None:
        self.member = member
        self.user = member.account.user
        self.client = member.client
        self.head = b'{"t":"%b","room":"%b","n":' % (tag, room.encode())
        self.tail = b'","body":"%b"}' % body
        self.n = 0
        self.acked = 0
        self.received = 0
        # frames of other kinds, by tag: told, never dropped unseen
        self.other: dict[bytes, int] = {}
        # whether an answer is followed by the next post
        self.running = False
        self.sent_at: deque[float] = deque()
        self.latencies = array("d")

    async def begin(self, firsts: int) -> None:
        """Count from here: `firsts` first posts have come, and with them all that the room had to tell before."""
        await self.member.first_posts(firsts)
        self.sent_at.clear()
        self.n = 1
        self.client.on_frame = self._frame

    def post(self) -> None:
        """Send the next one."""
        self.n += 1
        n = b"%d" % self.n
        self.sent_at.append(time.perf_counter())
        self.client.write(text_frame(self.head + n + b',"id":"bench-' + n.rjust(10, b"0") + self.tail))

    def _frame(self, data: bytes, start: int, stop: int) -> None:
        if data.startswith(MSG, start + TAG_AT):
            self.received += 1
        elif data.startswith(SENT, start + TAG_AT):
            self.acked += 1
            self.latencies.append(time.perf_counter() - self.sent_at.popleft())
            if self.running:
                self.post()
        else:
            self._else(data[start:stop])

    def _else(self, text: bytes) -> None:
        if text.startswith((b'{"t":"refused"', b'{"t":"error"', b'{"t":"lagging"')):
            raise LoadError(f"{self.user} was told {text!r}")
        name = text[TAG_AT : text.find(b'"', TAG_AT)]
        self.other[name] = self.other.get(name, 0) + 1


class Pairs:
    """`users` in pairs. With `in_flight` each keeps so many posts unanswered; with `rate` all send so many a second.

    `idle` further users are connected and say nothing.
    """

    def __init__(
        self, side: Side, *, users: int = 200, in_flight: int = 1, rate: float = 0.0, body_bytes: int = 100, idle: int = 0
    ) -> None:
        self._side = side
        self._users = users
        # further users who are connected and say nothing
        self._idle = idle
        self._silent: list[Member] = []
        self._in_flight = in_flight
        self._rate = rate
        self._body = b"x" * body_bytes
        self._talkers: list[Talker] = []
        # whether posts at a rate go on
        self._sending = False

    async def prepare(self) -> None:
        """Connect everyone and open the direct chats."""
        everybody = await gather_members(self._side, self._users + self._idle)
        members, self._silent = everybody[: self._users], everybody[self._users :]
        for a, b in zip(members[::2], members[1::2], strict=True):
            from_a, from_b = await self._side.dialect.open_pair(a, b)
            tag = self._side.dialect.post_tag
            self._talkers += [Talker(a, tag, from_a, self._body), Talker(b, tag, from_b, self._body)]
        for talker in self._talkers:
            talker.post()
        for talker in self._talkers:
            await talker.begin(firsts=2)

    async def window(self, seconds: float) -> Sample:
        """Load for `seconds` after a short warm-up."""
        return await self.during(asyncio.sleep(seconds))

    async def during(self, what: Awaitable[None]) -> Sample:
        """Load after a short warm-up for as long as something takes."""
        self._sending = True
        pump = asyncio.ensure_future(self._at_rate()) if self._rate else None
        if pump is None:
            self._fill()
        await asyncio.sleep(_WARM_S)
        clock, received, bytes_in = Clock(self._side.target), self._received(), self._bytes_in()
        for talker in self._talkers:
            talker.latencies = array("d")
        await what
        latencies = tuple(value for talker in self._talkers for value in talker.latencies)
        sample = clock.sample(self._received() - received, latencies_s=latencies, bytes_in=self._bytes_in() - bytes_in)
        await self._drain(pump)
        if pump is not None:
            sample.extra["sent_late_ms"] = pump.result() * 1e3
        return sample

    def _fill(self) -> None:
        for talker in self._talkers:
            talker.running = True
        for _ in range(self._in_flight):
            for talker in self._talkers:
                talker.post()

    async def _at_rate(self) -> float:
        """Post on time, whatever comes back; returns by how much the latest post was late, in seconds."""
        start = time.perf_counter()
        sent, late = 0, 0.0
        while self._sending:
            now = time.perf_counter() - start
            while sent < now * self._rate:
                late = max(late, now - sent / self._rate)
                self._talkers[sent % len(self._talkers)].post()
                sent += 1
            await asyncio.sleep(max(0.0, sent / self._rate - now))
        return late

    async def _drain(self, pump: asyncio.Task[float] | None) -> None:
        self._sending = False
        if pump is not None:
            await pump
        for talker in self._talkers:
            talker.running = False
        clients = [talker.client for talker in self._talkers]
        check_connected(clients)
        await drained(self._complete, clients, self._missing)

    def _complete(self) -> bool:
        return self._received() == self._posted() and not any(talker.sent_at for talker in self._talkers)

    def _missing(self) -> str:
        return f"{self._posted()} sent, {sum(talker.acked for talker in self._talkers)} acknowledged, {self._received()} received"

    def _posted(self) -> int:
        return sum(talker.n - 1 for talker in self._talkers)

    def _received(self) -> int:
        return sum(talker.received for talker in self._talkers)

    def _bytes_in(self) -> int:
        return sum(talker.client.bytes_in for talker in self._talkers)

    async def finish(self) -> None:
        """Close all connections."""
        await dismiss([talker.client for talker in self._talkers])
        await dismiss([member.client for member in self._silent])
