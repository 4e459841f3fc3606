"""Time for the edge, handed in like everywhere: any `Scheduler` is also a `Clock`."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the HTTP side asks of time."""

    def now(self) -> float:
        """Seconds of a monotonic clock: for limits, waits and caches."""

    def wall(self) -> float:
        """Seconds since 1970: for the end of tokens, and for people."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()
