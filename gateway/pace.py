"""How many newcomers may be served now. No clock of its own: time, and the CPU that the loop has used, come in.

The rate follows the loop: as long as all its work, chat and newcomers together, takes less than a share of the time, the rate
grows; above that it falls. So a storm of newcomers gets what chat leaves of that share, however dear each of them is on this
machine, and the threads beside the loop get the rest. It never falls below `LEAST_PER_S`: a loop that is busy with chat alone
lets people in all the same.
"""

from __future__ import annotations

TICK_S = 0.004
"""Between two looks while somebody waits. Newcomers of one tick are the longest that anybody else waits for them."""
LEAST_PER_S, MOST_PER_S = 250.0, 10_000.0
"""Steps; a client that comes has three. So 2,000 are in within half a minute, whatever else there is to do."""
FIRST_PER_S = 400.0
"""The rate as long as nobody has had to wait."""
BURST = 8.0
"""So many are served at once after a pause."""
_UP, _DOWN = 1.04, 0.85
_FRESH = 0.25
"""The weight of the last tick in the share that is looked at: work comes in turns, some with a fsync between."""


class Pace:
    """The rate of one loop."""

    __slots__ = ("_at", "_cpu_s", "_credit", "_share", "_used", "per_s")

    def __init__(self, share: float) -> None:
        """`share`: of the loop's time, above which newcomers wait; 1: they never do for that."""
        self._share = share
        self.per_s = FIRST_PER_S
        """The rate now."""
        self._credit = BURST
        self._at = 0.0
        # CPU at the last tick, and the smoothed share of the time that it took
        self._cpu_s = 0.0
        self._used = 0.0

    def takes(self, now: float) -> bool:
        """Whether one more may come in at once, while nobody waits."""
        self._earn(now)
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True

    def begin(self, now: float, cpu_s: float) -> None:
        """From now on somebody waits: ticks follow."""
        self._earn(now)
        self._cpu_s = cpu_s
        self._used = self._share

    def tick(self, now: float, cpu_s: float) -> int:
        """How many of those who wait may come in now."""
        passed_s = max(now - self._at, 1e-6)
        self._used += _FRESH * (min((cpu_s - self._cpu_s) / passed_s, 1.0) - self._used)
        self._cpu_s = cpu_s
        faster = self._used <= self._share
        self.per_s = min(max(self.per_s * (_UP if faster else _DOWN), LEAST_PER_S), MOST_PER_S)
        self._earn(now)
        count = int(self._credit)
        self._credit -= count
        return count

    def _earn(self, now: float) -> None:
        most = max(BURST, 2.0 * self.per_s * TICK_S)
        self._credit = min(most, self._credit + (now - self._at) * self.per_s)
        self._at = now
