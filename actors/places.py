"""Where addresses live, as the actors of a cell may know it."""

from __future__ import annotations

from typing import Protocol

from actors.runtime.actor import ActorId


class Places(Protocol):
    """The cell, seen by its own actors."""

    life: str
    """This cell's life."""

    def life_for(self, address: ActorId) -> str | None:
        """The life where an address lives now."""

    def owns(self, address: ActorId) -> bool:
        """Whether the slot of an address is open here."""
