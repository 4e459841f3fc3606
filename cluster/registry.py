"""What is stored of the cluster, as cells ask for it: the view, the coordinator's lease, and the end of lives.

One small protocol, so that the same coordinator works on the cluster file, on Cassandra, and in a simulation. Every call
returns a promise and may be rejected with a `StoreError`: then nothing is known of its outcome unless it says so.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from actors.runtime.promise import Promise


class Lease(NamedTuple):
    """The coordinator's duty as it is stored. No time in it: a lease that others see unchanged for a while has run out."""

    holder: str = ""
    """A life; empty where nobody ever had it, or it was given back."""
    number: int = 0
    """Grows with every change."""


class Stored(NamedTuple):
    """What one look finds."""

    version: int
    """Of the view; 0: there is none yet."""
    data: bytes | None
    """The view, where it is newer than the version that the asker knows."""
    lease: Lease


class Registry(Protocol):
    """Belongs to one life and one loop; promises are settled there."""

    groups: int
    """How many groups of slots the store moves."""
    drains: bool
    """Whether a sealed life may have commits that are not yet where its taker reads."""

    def read(self, known: int) -> Promise[Stored]:
        """Look; the view's bytes only where its version is above `known`."""

    def change_view(self, expected: int, data: bytes) -> Promise[bool]:
        """Compare and set: store this as version `expected` + 1. False where another version is stored."""

    def change_lease(self, before: Lease, after: Lease) -> Promise[bool]:
        """Compare and set."""

    def enter(self, life: str) -> Promise[None]:
        """Note where the process of this life (the caller's own) runs, so that others can end it or see that it is gone."""

    def is_dead(self, life: str) -> Promise[bool]:
        """Whether its process is gone, for sure. False where that cannot be seen from here."""

    def end_life(self, life: str) -> Promise[None]:
        """Seal a life. Where its process can be reached from here it is killed, and gone, before."""

    def is_sealed(self, life: str) -> Promise[bool]:
        """Whether a life was sealed."""

    def drain(self, life: str) -> Promise[None]:
        """Bring everything that a sealed life has committed to where its takers read."""
