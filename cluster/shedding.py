"""How many clients an edge asks to move, and when: plain decisions from figures, without input or output."""

from __future__ import annotations

import math
from collections.abc import Iterable

from cluster.loads import Load

START_ABOVE, STOP_BELOW = 1.15, 1.05
"""An edge that has so many times its share begins to ask, and goes on until it has so many times its share."""
LEAST_EXCESS = 4
"""So few too many are left alone: a handful of clients is never even."""
EASE_S = 12.0
"""What is too much is brought down by about 1/e in this time: a few a second, more where there is far too much."""
LEAST_PER_S = 2.0


class Shedding:
    """The decisions of one edge."""

    def __init__(self, life: str) -> None:
        self._life = life
        self.is_on = False
        """Whether it is asking clients to move."""

    def count(self, loads: Iterable[Load], under_way: int, passed_s: float) -> int:
        """How many more to ask now. `under_way`: those who were asked and are still here; `passed_s`: since the last call."""
        edges = [load for load in loads if load.edge_url and not load.draining and load.weight > 0]
        me = next((load for load in edges if load.life == self._life), None)
        if me is None or all(load.edge_url == me.edge_url for load in edges):
            self.is_on = False
            return 0
        share = sum(load.connections for load in edges) * me.weight / sum(load.weight for load in edges)
        bound = (STOP_BELOW if self.is_on else START_ABOVE) * share
        self.is_on = me.connections > bound and me.connections - share >= LEAST_EXCESS
        if not self.is_on:
            return 0
        excess = me.connections - under_way - STOP_BELOW * share
        per_s = max(LEAST_PER_S, excess / EASE_S)
        return max(0, min(math.ceil(excess), math.ceil(per_s * passed_s)))


class Emptying:
    """How an edge that is to end sends its clients away: each is asked in a time slot of its own."""

    def __init__(self, spread_s: float) -> None:
        self._spread_s = spread_s
        self._began_at: float | None = None

    def count(self, here: int, asked: int, now: float) -> int:
        """How many more to ask now, of those who are `here`, `asked` of them before."""
        if self._began_at is None:
            self._began_at = now
        left_s = self._began_at + self._spread_s - now
        waiting = here - asked
        return waiting if left_s < 1.0 else math.ceil(waiting / left_s)
