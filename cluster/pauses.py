"""How long to wait before something that ended is started again: not at all at first, longer the more often it ends."""

from __future__ import annotations

from collections.abc import Callable

from cluster.tree import CELL_LIMIT, Limit


class Pauses:
    """The ends of one child. `now` is a monotonic clock."""

    def __init__(self, now: Callable[[], float], limit: Limit = CELL_LIMIT) -> None:
        self._now = now
        self._limit = limit
        self._ends: list[float] = []

    def next(self) -> float:
        """It ended just now: seconds to wait before the next start."""
        now, limit = self._now(), self._limit
        self._ends = [*(at for at in self._ends if at > now - limit.window_s), now][-20:]
        beyond = len(self._ends) - limit.ends
        return 0.0 if beyond <= 0 else min(limit.first_s * 2.0 ** (beyond - 1), limit.longest_s)
