"""A room with everybody online in it: a fixed number of posts in flight, or posts at a fixed rate."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import deque

from cluster.bench.dialect import MSG, SENT, TAG_AT, Member
from cluster.bench.lean_client import LoadError, text_frame
from cluster.bench.sample import Clock, Sample
from cluster.bench.side import Side, check_connected, dismiss, drained, gather_members

_WARM_S = 0.5
_POSTS = (MSG, SENT)
"""A member has had a post by its delivery, the sender by its answer."""


class Hall:
    """`members` online in one room. A post is in flight until every member has it, the sender by its answer."""

    def __init__(
        self, side: Side, *, members: int = 1000, posters: int = 4, in_flight: int = 4, rate: float = 0.0, body_bytes: int = 100
    ) -> None:
        self._side = side
        self._count = members
        self._posters_count = posters
        self._in_flight = in_flight
        self._rate = rate
        self._body = b"x" * body_bytes
        self._members: list[Member] = []
        self._posters: list[Poster] = []
        self._running = False
        # how many members have had so many frames: all members see all posts, in one order
        self.arrived: list[int] = [0]
        self.deliveries = 0
        self._sent_at: deque[float] = deque()
        self._posted = 0
        # seconds from posting until the last member had it
        self._spread = array("d")

    async def prepare(self) -> None:
        """Connect everyone and make the room."""
        self._members = await gather_members(self._side, self._count)
        room = await self._side.dialect.open_room(self._members)
        dialect = self._side.dialect
        for member in self._members[: self._posters_count]:
            self._posters.append(Poster(self, member, dialect.room_tag, room, self._body, dialect.own_mark(member.account)))
        for poster in self._posters:
            poster.post()
        for member in self._members:
            # With the first posts has come all that the room had to tell before.
            await member.first_posts(len(self._posters))
            member.client.on_frame = Listener(self).frame
        for poster in self._posters:
            poster.begin()

    async def window(self, seconds: float) -> Sample:
        """Load for `seconds` after a short warm-up."""
        self._running = True
        pump = asyncio.ensure_future(self._at_rate(_WARM_S + seconds)) if self._rate else None
        if pump is None:
            for _ in range(self._in_flight):
                self._post()
        await asyncio.sleep(_WARM_S)
        clock, deliveries, bytes_in = Clock(self._side.target), self.deliveries, self._bytes_in()
        self._spread = array("d")
        for poster in self._posters:
            poster.latencies = array("d")
        await asyncio.sleep(seconds)
        acked = tuple(value for poster in self._posters for value in poster.latencies)
        spread = sorted(self._spread)
        sample = clock.sample(
            self.deliveries - deliveries,
            latencies_s=acked,
            bytes_in=self._bytes_in() - bytes_in,
            posts_per_s=(self.deliveries - deliveries) / self._count / seconds,
            all_have_it_p50_ms=spread[len(spread) // 2] * 1e3 if spread else 0.0,
        )
        await self._drain(pump)
        return sample

    def complete(self) -> None:
        """Every member has one post more."""
        self._spread.append(time.perf_counter() - self._sent_at.popleft())
        if self._running and not self._rate:
            self._post()

    def _post(self) -> None:
        self._sent_at.append(time.perf_counter())
        self._posters[self._posted % len(self._posters)].post()
        self._posted += 1

    async def _at_rate(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self._post()
            await asyncio.sleep(1.0 / self._rate)

    async def _drain(self, pump: asyncio.Task[None] | None) -> None:
        self._running = False
        if pump is not None:
            await pump
        clients = [member.client for member in self._members]
        check_connected(clients)
        await drained(lambda: self.deliveries == self._posted * self._count, clients, self._missing)

    def _missing(self) -> str:
        return f"{self._posted} posts to {self._count} members, {self.deliveries} deliveries"

    def _bytes_in(self) -> int:
        return sum(member.client.bytes_in for member in self._members)

    @property
    def size(self) -> int:
        """Members in the room."""
        return self._count

    async def finish(self) -> None:
        """Close all connections."""
        await dismiss([member.client for member in self._members])


class Listener:
    """A member who only listens."""

    __slots__ = ("_had", "_hall", "other")

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        # frames of posts that it has had
        self._had = 0
        self.other = 0

    def frame(self, data: bytes, start: int, stop: int) -> None:
        """Count one frame."""
        if not data.startswith(_POSTS, start + TAG_AT):
            self._else(data[start:stop])
            return
        hall = self._hall
        hall.deliveries += 1
        self._had = had = self._had + 1
        arrived = hall.arrived
        if had == len(arrived):
            arrived.append(0)
        arrived[had] += 1
        if arrived[had] == hall.size:
            hall.complete()

    def _else(self, text: bytes) -> None:
        if text.startswith((b'{"t":"refused"', b'{"t":"error"', b'{"t":"lagging"')):
            raise LoadError(f"a member was told {text!r}")
        self.other += 1


class Poster:
    """A member who also posts, and times the answers."""

    __slots__ = ("_client", "_head", "_listener", "_mark", "_n", "_sent_at", "_tail", "latencies")

    def __init__(self, hall: Hall, member: Member, tag: bytes, room: str, body: bytes, mark: bytes) -> None:
        self._client = member.client
        self._listener = Listener(hall)
        self._head = b'{"t":"%b","room":"%b","n":' % (tag, room.encode())
        self._tail = b'","body":"%b"}' % body
        self._mark = mark
        self._n = 0
        self._sent_at: deque[float] = deque()
        self.latencies = array("d")

    def begin(self) -> None:
        """Count and time from here."""
        self._sent_at.clear()
        self._client.on_frame = self._frame

    def post(self) -> None:
        """Send the next one."""
        self._n += 1
        n = b"%d" % self._n
        self._sent_at.append(time.perf_counter())
        self._client.write(text_frame(self._head + n + b',"id":"bench-' + n.rjust(10, b"0") + self._tail))

    def _frame(self, data: bytes, start: int, stop: int) -> None:
        if data.find(self._mark, start, stop) >= 0:
            self.latencies.append(time.perf_counter() - self._sent_at.popleft())
        self._listener.frame(data, start, stop)
