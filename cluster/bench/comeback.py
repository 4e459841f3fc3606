"""People who were away come back: what it takes until they have everything, and how much of the database each of them causes to be read.

Nothing of theirs is in the server's memory: every window has people of its own, whose rooms lie in the store only. Each misses the same
number of posts in each of the rooms that changed; the others of their rooms did not.
"""

from __future__ import annotations

import asyncio
import time
import urllib.request
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from actors.naming import room_for
from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.store.rows import CursorRow, MarkRow, UserMarkRow
from cluster.bench.dialect import Account
from cluster.bench.lean_client import LeanClient, LoadError, connect, text_frame
from cluster.bench.sample import Clock, Sample
from cluster.bench.seed_rows import Plot, RoomPlan, SlotRow, device_of, room_rows, user_rows
from cluster.bench.side import Side, dismiss

_LIMIT_S = 30.0
_PAGE = 200
AT_ONCE = 16
"""Pages that a client has asked for and not got: a server answers no more than so many side by side."""
WRITER = 0
"""The user who wrote to everybody."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Who was away, and what happened meanwhile."""

    at_once: int
    """People who come back together."""
    changed: int
    """Rooms of each of them in which there is something new."""
    unchanged: int
    """Rooms of each of them in which there is not."""
    missed: int = 10
    """Posts in each room that changed."""
    had: int = 20
    """Posts in every room before."""
    windows: int = 3
    """Windows for which there are people."""
    prefix: str = "bench"

    @property
    def users(self) -> int:
        """Accounts: the writer, those of the windows, and as many again as one for a warm-up."""
        return 1 + self.at_once * self.windows + 1

    def rows(self) -> Iterator[SlotRow]:
        """Everything of theirs that is stored beside the accounts."""
        plot = Plot(0, 0, prefix=self.prefix)
        for index in range(1, self.users):
            rooms = [self._room(plot, index, number) for number in range(self.changed + self.unchanged)]
            for number, room in enumerate(rooms):
                yield from room_rows(plot, room)
                yield from self._marks(plot, index, room, number < self.changed)
            yield from user_rows(plot, {index: rooms}, index)

    def _room(self, plot: Plot, index: int, number: int) -> RoomPlan:
        length = self.had + (self.missed if number < self.changed else 0)
        return RoomPlan(room_for(plot.user(index), str(number)), "room", (index, WRITER), length)

    def _marks(self, plot: Plot, index: int, room: RoomPlan, is_marked: bool) -> Iterator[SlotRow]:
        user = plot.user(index)
        slot = slot_of(actor_id("user", user))
        yield slot, CursorRow(user, device_of(self.prefix, plot.seed, index), room.room, self.had)
        if is_marked:
            yield room.slot, MarkRow(room.room, user, self.had + 1, True, True)
            yield slot, UserMarkRow(user, room.room, self.had + 1)


class Comeback:
    """In each window people who were not here yet come back at once, and have everything when it ends."""

    def __init__(self, side: Side, absence: Absence) -> None:
        self._side = side
        self._absence = absence
        self._next = 1

    async def prepare(self) -> None:
        """One comes and goes, so that what is loaded on first use is loaded."""
        await dismiss([client for client, _ in await self._come(1)])

    async def window(self, seconds: float) -> Sample:
        """Everybody of this window comes back, however long it takes."""
        absence, url = self._absence, self._side.target.urls[0]
        before, clock = queries(url), Clock(self._side.target)
        came = await self._come(absence.at_once)
        after = queries(url)
        found = {kind: after[kind] - before.get(kind, 0.0) for kind in after}
        reads = found.get("read", 0.0) / absence.at_once
        sample = clock.sample(
            absence.at_once,
            latencies_s=tuple(array("d", (took for _, took in came))),
            bytes_in=sum(client.bytes_in for client, _ in came),
            reads_per_unit=reads,
            # A room that changed is worth two: where it stands, and the page of what is missed.
            beside_reads=reads - 2 * absence.changed,
            joined_per_unit=found.get("joined", 0.0) / absence.at_once,
        )
        await dismiss([client for client, _ in came])
        return sample

    async def _come(self, count: int) -> list[tuple[LeanClient, float]]:
        first, self._next = self._next, self._next + count
        accounts = self._side.accounts[first : first + count]
        if len(accounts) < count:
            raise LoadError("nobody is left who was away: fewer rounds, please")
        return await asyncio.gather(*(self._one(account) for account in accounts))

    async def _one(self, account: Account) -> tuple[LeanClient, float]:
        start = time.perf_counter()
        comer = Comer(await connect(self._side.target.urls[0]), self._absence)
        try:
            await asyncio.wait_for(comer.catch_up(account), _LIMIT_S)
        except TimeoutError as error:
            raise LoadError(f"{account.user} has {comer.had} of {comer.wanted} posts that it missed") from error
        return comer.client, time.perf_counter() - start

    async def finish(self) -> None:
        """Nothing is open between windows."""


class Comer:
    """One of them: says hello with what it knows, and pulls what the welcome does not bring."""

    def __init__(self, client: LeanClient, absence: Absence) -> None:
        self.client = client
        self._absence = absence
        self.wanted = absence.changed * absence.missed
        # posts of the absence that are here
        self.had = 0
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # rooms whose page is still to be asked for
        self._pulls: Iterator[str] = iter(())
        self._q = 0
        client.on_frame = self._frame

    async def catch_up(self, account: Account) -> None:
        """Returns when everything is here."""
        since = self._absence.changed + self._absence.unchanged
        self._send({"t": "hello", "v": 1, "token": account.token, "since": since, "agent": "warbler-bench"})
        await self._done

    def _send(self, frame: dict[str, Any]) -> None:
        self.client.write(text_frame(orjson.dumps(frame)))

    def _frame(self, data: bytes, start: int, stop: int) -> None:
        frame = orjson.loads(data[start:stop])
        if frame["t"] == "welcome":
            self._welcomed(frame)
        elif frame["t"] == "page":
            self._add(len(frame["entries"]))
            self._pull()
        elif frame["t"] in ("error", "refused", "lagging"):
            raise LoadError(f"somebody who came back was told {frame}")

    def _welcomed(self, frame: dict[str, Any]) -> None:
        marked = [room["room"] for room in frame["rooms"] if room.get("marked")]
        brought = {page["room"] for page in frame["pages"]}
        if len(marked) != self._absence.changed:
            raise LoadError(f"{self._absence.changed} rooms changed, the welcome names {len(marked)}")
        self._pulls = iter([room for room in marked if room not in brought])
        self._add(sum(len(page["entries"]) for page in frame["pages"]))
        for _ in range(AT_ONCE):
            self._pull()

    def _pull(self) -> None:
        room = next(self._pulls, None)
        if room is not None:
            self._q += 1
            self._send({"t": "pull", "q": self._q, "room": room, "after": self._absence.had, "limit": _PAGE})

    def _add(self, count: int) -> None:
        self.had += count
        if self.had >= self.wanted and not self._done.done():
            self._done.set_result(None)


def queries(url: str) -> dict[str, float]:
    """Statements that the cell has sent to its database so far, by kind."""
    with urllib.request.urlopen(f"{url}/metrics?scope=cell", timeout=10) as answer:
        return parse_queries(answer.read().decode())


def parse_queries(text: str) -> dict[str, float]:
    """The same, from the text of the metrics."""
    found = {}
    for line in text.splitlines():
        if line.startswith("warbler_store_queries_total{"):
            labels, _, value = line.rpartition("} ")
            found[labels.partition('kind="')[2].partition('"')[0]] = float(value)
    return found
