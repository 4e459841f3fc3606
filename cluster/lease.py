"""The coordinator's lease, as one cell watches it. Trusts no wall clock: who holds it makes its count grow, and who sees no
change for `run_out_s` of its own clock, in looks that succeeded, may take it. Two holders at once do no harm: whatever they
do to the view is compared and set, and lives that are not known to be dead are sealed only by a holder that `is_sure`.
"""

from __future__ import annotations

from cluster.registry import Lease


class LeaseWatch:
    """What one life knows of the lease."""

    def __init__(self, me: str, run_out_s: float) -> None:
        self._me = me
        self._run_out_s = run_out_s
        self.stored: Lease | None = None
        """As it was seen last; None before the first look."""
        self._since = 0.0
        # When it was seen to change last, whatever this process slept since.
        self._changed_at = 0.0
        self._is_blind = True
        # Since when it has been sure that the holder does not live.
        self._orphan_since: float | None = None

    @property
    def mine(self) -> bool:
        """Whether it was this life's at the last look."""
        return self.stored is not None and self.stored.holder == self._me

    @property
    def holder(self) -> str:
        """Who had it at the last look."""
        return self.stored.holder if self.stored is not None else ""

    def seen(self, lease: Lease, now: float) -> None:
        """A look, or a change by this life, has found this."""
        if lease != self.stored or self._is_blind:
            self._since = now
        if lease != self.stored:
            self._changed_at = now
        self._is_blind = False
        self.stored = lease

    def is_sure(self, now: float) -> bool:
        """Whether it is this life's, and was made to grow so lately that nobody can have taken it since: half of the time in which it
        runs out. Who is not sure seals nobody that may live."""
        return self.mine and now - self._changed_at <= self._run_out_s / 2

    def not_seen(self) -> None:
        """The store did not answer: what passes until it does says nothing about the holder, who cannot reach it either."""
        self._is_blind = True

    def slept(self, seconds: float) -> None:
        """This process did not run for so long, and did not look."""
        self._since += seconds

    def may_take(self, now: float, holder_lives: bool, delay_s: float) -> bool:
        """Whether this life should try to take it. `delay_s`: what it lets others go first by."""
        if self.stored is None or self.mine or self._is_blind:
            return False
        if holder_lives:
            self._orphan_since = None
            return now - self._since >= self._run_out_s + delay_s
        if self._orphan_since is None:
            self._orphan_since = now
        return now - self._orphan_since >= delay_s

    def claim(self) -> tuple[Lease, Lease]:
        """(before, after) of the change that takes or keeps it."""
        before = self.stored or Lease()
        return before, Lease(self._me, before.number + 1)

    def resign(self) -> tuple[Lease, Lease]:
        """(before, after) of the change that gives it back."""
        before = self.stored or Lease()
        return before, Lease("", before.number + 1)
