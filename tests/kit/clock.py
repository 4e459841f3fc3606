"""A clock that the test moves by hand: the `Scheduler` of every test of the core.

Nothing here waits. `run` runs what is due in this turn and in the turns that it causes; `advance` moves the time
from timer to timer. Two runs of the same test take the same steps in the same order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

MAX_STEPS = 1_000_000
"""Callbacks in one `run`; more means that two parts wake each other for ever."""


class Endless(AssertionError):
    """The callbacks never came to an end."""


class Timing:
    """A callback that waits for its time."""

    __slots__ = ("args", "at", "callback", "order")

    def __init__(self, at: float, order: int, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.at = at
        self.order = order
        self.callback: Callable[..., Any] | None = callback
        self.args = args

    def cancel(self) -> None:
        """Forget it; harmless when it has already run."""
        self.callback = None
        self.args = ()


class Clock:
    """Time and turns, moved by hand. Implements `Scheduler`."""

    def __init__(self, now: float = 1_000.0, wall: float = 1_700_000_000.0) -> None:
        self._now = now
        self._wall_offset = wall - now
        self._soon: deque[Timing] = deque()
        # (time, order of the calls, what): plain tuples compare faster than anything of our own
        self._later: list[tuple[float, int, Timing]] = []
        self._order = 0
        self.steps = 0
        """Callbacks run so far."""

    # --- the Scheduler ---

    def now(self) -> float:
        """Seconds of the hand-moved clock."""
        return self._now

    def wall(self) -> float:
        """Seconds since 1970; moves with `now`, and by `set_wall`."""
        return self._now + self._wall_offset

    def soon(self, callback: Callable[..., Any], *args: Any) -> Timing:
        """Run `callback(*args)` in the next turn."""
        timing = self._timing(self._now, callback, args)
        self._soon.append(timing)
        return timing

    def later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Timing:
        """Run `callback(*args)` when the clock has been moved on by `delay` seconds."""
        timing = self._timing(self._now + max(0.0, delay), callback, args)
        heappush(self._later, (timing.at, timing.order, timing))
        return timing

    # --- the test's side ---

    def run(self) -> int:
        """Run until nothing is due at this time; returns how many callbacks ran. An exception of one comes out here."""
        started = self.steps
        later = self._later
        while self._soon or (later and later[0][0] <= self._now):
            self._turn()
            if self.steps - started > MAX_STEPS:
                raise Endless(f"still {len(self._soon)} callbacks due after {MAX_STEPS}")
        return self.steps - started

    def advance(self, seconds: float) -> None:
        """Move the time on, stopping at every timer on the way to run it and what it causes."""
        end = self._now + seconds
        self.run()
        while (at := self._next()) is not None and at <= end:
            self._now = max(self._now, at)
            self.run()
        self._now = end
        self.run()

    def set_wall(self, wall: float) -> None:
        """Let the people's clock jump; the monotonic one stays."""
        self._wall_offset = wall - self._now

    def next_timer(self) -> float | None:
        """Seconds until the next timer; None where none waits."""
        at = self._next()
        return None if at is None else max(0.0, at - self._now)

    def timers(self) -> int:
        """How many timers wait, cancelled ones not counted: a test of clean-up looks here."""
        return sum(timing.callback is not None for _, _, timing in self._later)

    # --- inside ---

    def _timing(self, at: float, callback: Callable[..., Any], args: tuple[Any, ...]) -> Timing:
        self._order += 1
        return Timing(at, self._order, callback, args)

    def _next(self) -> float | None:
        while self._later and self._later[0][2].callback is None:
            heappop(self._later)
        return self._later[0][0] if self._later else None

    def _turn(self) -> None:
        # As an event loop does: what is due now runs in this turn, what it asks for `soon` runs in the next.
        ready = self._soon
        self._soon = deque()
        later, now = self._later, self._now
        while later and later[0][0] <= now:
            ready.append(heappop(later)[2])
        try:
            while ready:
                timing = ready.popleft()
                callback, args = timing.callback, timing.args
                timing.cancel()
                if callback is not None:
                    self.steps += 1
                    callback(*args)
        finally:
            ready.extend(self._soon)
            self._soon = ready
