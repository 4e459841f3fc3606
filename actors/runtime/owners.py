"""Where slots live, as a cell may know it: the current view."""

from __future__ import annotations

from typing import Protocol

from actors.runtime.actor import ActorId


class Owners(Protocol):
    """One version of the picture."""

    @property
    def version(self) -> int:
        """The version of the view."""

    def slot_of(self, address: ActorId) -> int:
        """The slot of an address."""

    def owner(self, slot: int) -> str | None:
        """The life that owns the slot."""

    def epoch(self, slot: int) -> int:
        """The version in which the owner of the slot last changed."""
