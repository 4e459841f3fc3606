"""One timer for all connections of a listener: a wheel of one-second slots.

A connection waits in one slot at most. Moving it costs two set operations, and an idle listener with ten thousand
connections has one timer in the event loop. Times are late by up to one slot and a half.

Who came in the same second is due in the same second: a crowd of thousands. They are called in pieces, so that nobody waits for all of them.
"""

from __future__ import annotations

from math import ceil
from typing import Protocol

from actors.runtime.scheduler import Scheduler, Timer

SLOTS = 128
"""Slots of the wheel; the longest delay is one slot less."""
SLOT_S = 1.0
"""Seconds in a slot."""
PIECE, PAUSE_S = 32, 0.005
"""So many are called in one turn of the loop, and the next ones after this time."""
PIECES = 100
"""More in one turn where a slot would take more turns than this: half a second."""


class Timed(Protocol):
    """Who waits in the wheel."""

    slot: int
    """The slot it waits in; -1: in none. Written by the wheel only."""

    def on_time(self) -> float:
        """Its time has come. Returns the seconds until the next one; 0 where it waits no more (or has moved itself)."""


class Wheel:
    """Slots of a turning wheel. `start` and `stop` are safe to repeat."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._slots: list[set[Timed]] = [set() for _ in range(SLOTS)]
        self._at = 0
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin to turn."""
        if self._timer is None:
            self._timer = self._scheduler.later(SLOT_S, self._turn)

    def stop(self) -> None:
        """Turn no more; who waits keeps its slot."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def move(self, timed: Timed, delay_s: float) -> None:
        """Let it wait `delay_s` from now, in place of what it waited for."""
        self.forget(timed)
        steps = min(max(1, round(delay_s / SLOT_S)), SLOTS - 1)
        timed.slot = (self._at + steps) % SLOTS
        self._slots[timed.slot].add(timed)

    def forget(self, timed: Timed) -> None:
        """Let it wait no more; harmless where it does not."""
        if timed.slot >= 0:
            self._slots[timed.slot].discard(timed)
            timed.slot = -1

    def _turn(self) -> None:
        # armed first, so that a failure below cannot stop the wheel
        self._timer = self._scheduler.later(SLOT_S, self._turn)
        self._at = (self._at + 1) % SLOTS
        due = len(self._slots[self._at])
        if due:
            self._call(self._at, max(PIECE, ceil(due / PIECES)))

    def _call(self, slot: int, piece: int) -> None:
        due = self._slots[slot]
        if self._timer is None:
            return
        if len(due) > piece:
            self._scheduler.later(PAUSE_S, self._call, slot, piece)
        for _ in range(min(piece, len(due))):
            if not due:  # one that was called has let others wait no more
                return
            timed = due.pop()
            timed.slot = -1
            delay_s = timed.on_time()
            if delay_s > 0:
                self.move(timed, delay_s)
