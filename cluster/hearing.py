"""Who hears whom: from beats to "most cells miss it". No clock of its own, no input or output.

A cell is missed by whoever has not heard a beat of it for `silent_s`. To act on that, so many cells must miss it, the one
that decides included, that they are at least half of the view: a minority decides nothing, and in a tie the side of the
coordinator does. The time in which this process itself did not run counts for nobody's silence.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from math import inf

from actors.runtime.view import View
from cluster.beats import Beat

GRACE_S = 3.0
"""What a life that is new in the view is given beyond the usual limit until its first beat."""


class Hearing:
    """What one life has heard of the others."""

    def __init__(self, me: str, silent_s: float, cut_s: float, dead: Container[str] = ()) -> None:
        """`dead`: lives that are surely dead. They count in no majority: whoever survives most cells of a view is no minority."""
        self._me = me
        self._dead = dead
        self._silent_s = silent_s
        self._cut_s = cut_s
        self._lives: tuple[str, ...] = ()
        # When each was heard last, without the time in which this process did not run.
        self._heard_at: dict[str, float] = {}
        # The same with that time: whoever slept does not know what has become of its slots.
        self._really_at: dict[str, float] = {}
        self.beats: dict[str, Beat] = {}
        """The last beat of each life."""
        # Beats by an older view do not speak of all who are there now.
        self._since = 0

    def follow(self, view: View, now: float) -> None:
        """These are the cells now."""
        if self._lives != tuple(view.by_life):
            self._since = view.version
        self._lives = tuple(view.by_life)
        for life in self._lives:
            if life not in self._heard_at:
                self._heard_at[life] = now + GRACE_S
                self._really_at[life] = now
        for table in (self._heard_at, self._really_at, self.beats):
            for life in [life for life in table if life not in view.by_life]:
                del table[life]

    def beat(self, beat: Beat, now: float) -> bool:
        """A beat came; False where it is older than one that came before."""
        last = self.beats.get(beat.life)
        if last is not None and beat.number <= last.number:
            return False
        self.beats[beat.life] = beat
        self.met([beat.life], now)
        return True

    def met(self, lives: Iterable[str], now: float) -> None:
        """A sign of life other than a beat."""
        for life in lives:
            self._heard_at[life] = self._really_at[life] = now

    def slept(self, seconds: float) -> None:
        """This process did not run for so long: nobody else was silent meanwhile."""
        self._heard_at = {life: at + seconds for life, at in self._heard_at.items()}

    def quiet_for(self, life: str, now: float) -> float:
        """Seconds since a life was heard."""
        return now - self._heard_at.get(life, now)

    def heard(self, now: float) -> tuple[str, ...]:
        """The other lives of the view that are not missed here."""
        return tuple(life for life in self._lives if life != self._me and self.quiet_for(life, now) <= self._silent_s)

    def missed_by_most(self, now: float) -> list[str]:
        """Lives that are missed here and by so many others that it counts."""
        here = set(self.heard(now))
        missed = [life for life in self._lives if life != self._me and life not in here]
        return [life for life in missed if 2 * (1 + self._also_missed(life, here)) >= len(self._counted())]

    def deaf(self, now: float) -> list[str]:
        """Lives that are heard here and say that they hear so few others that they are in a minority: no request reaches them, nor
        the answers to theirs. In a tie those who do not hear this one, which asks because it coordinates."""
        if self.is_cut_off(now, holds_duty=True):
            return []
        counted = self._counted()
        return [life for life in self.heard(now) if life in counted and self._is_deaf(self._said(life), counted)]

    def _is_deaf(self, beat: Beat | None, counted: list[str]) -> bool:
        if beat is None:
            return False
        with_it = 1 + len(set(beat.heard) & set(counted))
        return 2 * with_it < len(counted) or (2 * with_it == len(counted) and self._me not in beat.heard)

    def is_mute(self, now: float) -> bool:
        """Whether most cells say that they miss this one, though it hears them: it can decide for nobody."""
        said = (self._said(life) for life in self.heard(now))
        return 2 * sum(beat is not None and self._me not in beat.heard for beat in said) > len(self._counted())

    def parted(self, now: float) -> list[tuple[str, str]]:
        """Pairs of lives that live and of which one says that it misses the other, in order of their names. Those that are missed
        here are judged by what this life hears itself."""
        here = self.heard(now)
        hears = {life: set(said.heard) for life in here if (said := self._said(life)) is not None}
        hears[self._me] = set(here)
        counted = sorted(self._counted())
        missed = ((one, other) for one in counted for other in counted if one in hears and one != other and other not in hears[one])
        return sorted({(min(pair), max(pair)) for pair in missed})

    def _said(self, life: str) -> Beat | None:
        """The last beat of a life, where it speaks of the cells of this view."""
        beat = self.beats.get(life)
        return beat if beat is not None and beat.view >= self._since else None

    def _counted(self) -> list[str]:
        """Lives of the view that may live."""
        return [life for life in self._lives if life == self._me or life not in self._dead]

    def _also_missed(self, life: str, here: set[str]) -> int:
        """How many of those that are heard here say that they miss it too."""
        return sum(life not in self.beats[other].heard for other in here if other in self.beats)

    def is_cut_off(self, now: float, holds_duty: bool) -> bool:
        """Whether this cell hears so few others that they may be about to take its slots. A tie is the coordinator's."""
        return now > self.sure_until(holds_duty)

    def sure_until(self, holds_duty: bool) -> float:
        """Until when enough others are heard, if none of them is heard again. The time in which this process does not run counts."""
        counted = self._counted()
        others = sorted((self._really_at[life] for life in counted if life != self._me), reverse=True)
        needed = (len(counted) + 1) // 2 - 1 if holds_duty else len(counted) // 2
        return inf if self._me not in self._lives or needed <= 0 else others[needed - 1] + self._cut_s
