"""A history that also looks at the clock: how long rooms were away after a fault, and what the longest gap was that a client saw."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from math import ceil
from types import MappingProxyType
from typing import NamedTuple

from cluster.bench.device import Device
from cluster.bench.history import DeviceHistory, History, Recorder
from cluster.bench.judge import Violation, judge

LOST = frozenset({"lost", "missing", "hole", "left_out"})
REPEATED = frozenset({"repeated", "shown_twice", "two_answers"})
REORDERED = frozenset({"disorder", "own_order", "went_back"})
"""Kinds of violation; every other kind is what a commit of a sealed life leaves behind: two contents at one seq, one seq for two."""


def at(values: Iterable[float], share: float) -> float:
    """A percentile: the smallest value that so large a share does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else 0.0


class Report(NamedTuple):
    """What a scenario prints."""

    name: str
    acked: int
    lost: int
    repeated: int
    reordered: int
    stale: int
    """Stale commits accepted, as histories show them."""
    first_s: float
    """From the fault to the first new acknowledgement in a room that it hit."""
    all_s: float
    """The same until every such room had one."""
    gap_s: float
    """The longest time for which one device had posts under way to one room and none of them was acknowledged. Runs of long ago count the
    pauses of people in."""
    put_off: int
    """Answers that said that a post can succeed later."""
    reconnects: int
    wait_s: float | None = None
    """The longest time from a post to its acknowledgement, while they chatted. Runs of long ago do not have it."""
    figures: Mapping[str, float] = MappingProxyType({})
    """What is measured in this scenario alone, by name."""

    def __str__(self) -> str:
        more = "".join(f"; {name}: {value:.3g}" for name, value in self.figures.items())
        return (
            f"{self.name}: {self.acked} acked, {self.lost} lost, {self.repeated} repeated, {self.reordered} reordered, "
            f"{self.stale} stale commits accepted; first new ack {self.first_s:.2f} s, in all rooms hit {self.all_s:.2f} s after the fault, "
            f"longest gap {self.gap_s:.2f} s, longest wait {self.wait_s or 0:.2f} s; {self.put_off} put off, {self.reconnects} reconnects{more}"
        )


class Wait(NamedTuple):
    """How long one post was under way."""

    device: str
    room: str
    sent_at: float
    """For the first time."""
    took_s: float


class Gauge(History):
    """Belongs to one loop."""

    def __init__(self) -> None:
        super().__init__()
        self.acked = 0
        self.back: dict[str, float] = {}
        """Rooms that the last fault hit and that acknowledge again -> seconds from the fault."""
        self._hit: frozenset[str] = frozenset()
        self._fault_at = 0.0
        # posts that were sent, for the first time or again, since the fault
        self._sent: set[tuple[str, str, int]] = set()
        self._counted: set[tuple[str, str, int]] = set()
        # posts without an answer -> when they were sent first
        self.under_way: dict[tuple[str, str, int], float] = {}
        self.waits: list[Wait] = []
        """Of all posts that were sent and acknowledged while they chatted."""
        # (device, room) with posts under way -> how many, and since when none was acknowledged
        self._waiting: dict[tuple[str, str], tuple[int, float]] = {}
        self._gap_s = 0.0
        self._chatting = False
        self._came = asyncio.Event()

    def device(self, user: str, device: str) -> Recorder:
        """See `History`."""
        kept = DeviceHistory(user, device)
        self.devices.append(kept)
        return _Timed(kept, self._moments, self)

    # --- the fault ---

    def hit(self, what: str, rooms: Collection[str]) -> None:
        """Done now; these rooms have to come back."""
        self.fault(what)
        self._fault_at = time.monotonic()
        self._hit = frozenset(rooms)
        self._sent.clear()
        self.back = {}

    @property
    def hit_rooms(self) -> frozenset[str]:
        """Those that the last fault hit."""
        return self._hit

    async def all_back(self, limit_s: float) -> None:
        """Wait until every room that was hit has acknowledged something that was sent after the fault."""
        async with asyncio.timeout(limit_s):
            while len(self.back) < len(self._hit):
                self._came.clear()
                await self._came.wait()

    # --- gaps ---

    def begin(self) -> None:
        """They chat from now on."""
        self._chatting = True

    def end(self) -> None:
        """They fall silent: gaps end here."""
        now = time.monotonic()
        self._gap_s = max([self._gap_s, *(now - since for _, since in self._waiting.values())])
        self._chatting = False

    def sent(self, device: str, room: str, n: int) -> None:
        """A device sent a post."""
        self._sent.add((device, room, n))
        if self._chatting and (device, room, n) not in self._counted and (device, room, n) not in self.under_way:
            now = self.under_way[device, room, n] = time.monotonic()
            count, since = self._waiting.get((device, room), (0, now))
            self._waiting[device, room] = count + 1, since

    def answered(self, device: str, room: str, n: int) -> None:
        """A device was acknowledged a post."""
        now = time.monotonic()
        if (device, room, n) not in self._counted:
            self._counted.add((device, room, n))
            self.acked += 1
        since = self.under_way.pop((device, room, n), None)
        if since is not None:
            self.waits.append(Wait(device, room, since, now - since))
            self._end_gap(device, room, now)
        if room in self._hit and room not in self.back and (device, room, n) in self._sent:
            self.back[room] = now - self._fault_at
            self._came.set()

    def _end_gap(self, device: str, room: str, now: float) -> None:
        count, since = self._waiting.pop((device, room))
        if self._chatting:
            self._gap_s = max(self._gap_s, now - since)
        if count > 1:
            self._waiting[device, room] = count - 1, now

    # --- the end ---

    def report(self, name: str, devices: Sequence[Device], figures: Mapping[str, float] | None = None) -> tuple[Report, list[Violation]]:
        """The figures, and what the history breaks."""
        violations = judge(self, quiet=False)
        kinds = Counter(violation.kind for violation in violations)
        lost, repeated, reordered = (sum(kinds[kind] for kind in group) for group in (LOST, REPEATED, REORDERED))
        back = self.back.values()
        return (
            Report(
                name,
                self.acked,
                lost,
                repeated,
                reordered,
                len(violations) - lost - repeated - reordered,
                min(back, default=0.0),
                max(back, default=0.0),
                self._gap_s,
                sum(device.put_off for device in devices),
                sum(device.losses for device in devices),
                max((wait.took_s for wait in self.waits), default=0.0),
                dict(figures or {}),
            ),
            violations,
        )


class _Timed(Recorder):
    """Tells the gauge what it writes down."""

    __slots__ = ("_gauge",)

    def __init__(self, history: DeviceHistory, moments: count[int], gauge: Gauge) -> None:
        super().__init__(history, moments)
        self._gauge = gauge

    def sent(self, room: str, n: int, ident: str, body: str) -> None:
        """See `Recorder`."""
        super().sent(room, n, ident, body)
        self._gauge.sent(self.history.device, room, n)

    def acked(self, room: str, n: int, seq: int) -> None:
        """See `Recorder`."""
        super().acked(room, n, seq)
        self._gauge.answered(self.history.device, room, n)
