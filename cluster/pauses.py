"""How long to wait before something that ended is started again: not at all at first, longer the more often it ends."""

from __future__ import annotations

from collections.abc import Callable

FREE = 3
"""Ends within the window after which pauses begin."""
WINDOW_S = 60.0
FIRST_S = 1.0
LONGEST_S = 30.0


class Pauses:
    """The ends of one child. `now` is a monotonic clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ends: list[float] = []

    def next(self) -> float:
        """It ended just now: seconds to wait before the next start."""
        now = self._now()
        self._ends = [*(at for at in self._ends if at > now - WINDOW_S), now][-20:]
        beyond = len(self._ends) - FREE
        return 0.0 if beyond <= 0 else min(FIRST_S * 2.0 ** (beyond - 1), LONGEST_S)
