"""Catching up: one device comes back and fetches the messages of its absence from one room."""

from __future__ import annotations

import asyncio
import time

from cluster.bench.dialect import Member, join_server
from cluster.bench.lean_client import LoadError
from cluster.bench.pairs import Talker
from cluster.bench.sample import Clock, Sample
from cluster.bench.side import Side, dismiss, drained, gather_members

_TIMEOUT_S = 30.0
_WINDOW = 32
"""Posts under way while the past is being made."""


class CatchUp:
    """`messages` lie in a direct chat; a device connects and pulls them again and again, each time all of them.

    The time runs from the request for them to the last one; connecting is measured elsewhere.
    """

    def __init__(self, side: Side, *, messages: int = 1000, body_bytes: int = 100) -> None:
        self._side = side
        self._messages = messages
        self._body = b"p" * body_bytes
        self._pulls: list[bytes] = []

    async def prepare(self) -> None:
        """Two users fill their chat with what is to be fetched (the relay has it in memory already)."""
        a, b = await gather_members(self._side, 2)
        room, _ = await self._side.dialect.open_pair(a, b)
        talker = Talker(a, self._side.dialect.post_tag, room, self._body)
        talker.post()
        await talker.begin(firsts=1)
        while talker.n < self._messages:
            for _ in range(min(_WINDOW, self._messages - talker.n)):
                talker.post()
            await drained(lambda: not talker.sent_at, [a.client, b.client], lambda: f"{talker.acked} of {talker.n} acknowledged")
        await dismiss([a.client, b.client])
        self._pulls = self._side.dialect.pulls(room, self._messages)

    async def window(self, seconds: float) -> Sample:
        """Fetch everything as often as fits into `seconds`."""
        member = await join_server(self._side.target.url(1), self._side.dialect, self._side.accounts[1])
        taken: list[float] = []
        clock = Clock(self._side.target)
        end = time.perf_counter() + seconds
        while not taken or time.perf_counter() < end:
            taken.append(await self._fetch(member))
        sample = clock.sample(
            self._messages * len(taken), latencies_s=tuple(taken), bytes_in=member.client.bytes_in, times=float(len(taken))
        )
        await dismiss([member.client])
        return sample

    async def _fetch(self, member: Member) -> float:
        fetch = Fetch(self._side, member, self._pulls, self._messages)
        try:
            return await asyncio.wait_for(fetch.run(), _TIMEOUT_S)
        except TimeoutError as error:
            raise LoadError(f"{fetch.had} of {self._messages} messages of the past arrived") from error

    async def finish(self) -> None:
        """Nothing is open between windows."""


class Fetch:
    """One run through the past: the next page is asked for when the one before is there, as a plain client does."""

    def __init__(self, side: Side, member: Member, pulls: list[bytes], messages: int) -> None:
        self._dialect = side.dialect
        self._client = member.client
        self._pulls = iter(pulls)
        self._messages = messages
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # messages that have arrived
        self.had = 0

    async def run(self) -> float:
        """Seconds from the first request to the last message."""
        self._client.on_frame = self._frame
        start = time.perf_counter()
        self._client.write(next(self._pulls))
        await self._done
        return time.perf_counter() - start

    def _frame(self, data: bytes, start: int, stop: int) -> None:
        entries = self._dialect.entries(data, start, stop)
        self.had += entries
        if self.had >= self._messages:
            self._done.set_result(None)
        elif entries:
            following = next(self._pulls, None)
            if following is not None:
                self._client.write(following)
