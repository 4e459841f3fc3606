"""Pairs of cells that do not hear each other though the others hear both: a session here then never reaches a room there, and
no majority mends it. Of each such pair one has to go: the one with more such pairs. No clock of its own, no input or output.
"""

from __future__ import annotations

from collections import Counter

from cluster.hearing import Hearing


class Parted:
    """What one life knows of such pairs."""

    def __init__(self, me: str, hearing: Hearing, limit_s: float) -> None:
        self._me = me
        self._hearing = hearing
        self._limit_s = limit_s
        # Since when each pair has been seen in each look, without a break.
        self._since: dict[tuple[str, str], float] = {}

    def look(self, now: float) -> None:
        """How it is now; to be called again and again. Where too little is heard here to judge, everything begins anew."""
        pairs = [] if self._hearing.is_cut_off(now, holds_duty=True) else self._hearing.parted(now)
        self._since = {pair: self._since.get(pair, now) for pair in pairs}

    def forget(self) -> None:
        """This process did not run: what it knew is old."""
        self._since.clear()

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Those of the last look, however short they have been parted."""
        return list(self._since)

    def worst(self, now: float) -> tuple[str, str] | None:
        """(life, why) of the one that has to go, if any has been parted from another for too long. In a tie not this one."""
        pairs = [pair for pair, since in self._since.items() if now - since >= self._limit_s]
        if not pairs:
            return None
        counts = Counter(life for pair in pairs for life in pair)
        life = max(counts, key=lambda life: (counts[life], life != self._me, life))
        others = sorted({one for pair in pairs if life in pair for one in pair} - {life})
        return life, f"for {self._limit_s:.0f} s it and {', '.join(others)} have not heard each other, though others hear both"
