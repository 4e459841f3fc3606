"""Where addresses live, as the actors of a cell may know it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from actors.runtime.actor import ActorId
from actors.runtime.remote import ANSWERS_VERSION, Remote


class Places(Protocol):
    """The cell, seen by its own actors."""

    life: str
    """This cell's life."""

    def report(self, what: str, address: ActorId, message: Any, error: BaseException | None = None) -> None:
        """Something that operators should hear of."""

    @property
    def version(self) -> int:
        """The version of the view that this cell acts on."""

    def slot_of(self, address: ActorId) -> int:
        """The slot of an address."""

    def life_for(self, address: ActorId) -> str | None:
        """The life where an address lives now."""

    def epoch_of(self, address: ActorId) -> int:
        """The version in which the owner of an address last changed."""

    def owns(self, address: ActorId) -> bool:
        """Whether the slot of an address is open here."""


class Kept(NamedTuple):
    """Where something about an address was left: it stands there until the address has another owner."""

    life: str
    version: int
    """The view by which it was left."""

    def stands(self, places: Places, address: ActorId) -> bool:
        """False also where the owner has changed and changed back meanwhile."""
        return places.life_for(address) == self.life and places.epoch_of(address) <= self.version


class Peers:
    """What the other cells understand, as far as the links to them know."""

    def __init__(self) -> None:
        self._remote: Remote | None = None

    def connect(self, remote: Remote) -> None:
        """Ask these links."""
        self._remote = remote

    def take_answers(self, life: str) -> bool:
        """Whether the edge of that life finds the answers to senders in a `Fanout`; else they are told by `Accepted`."""
        return self._remote is not None and self._remote.spoken(life) >= ANSWERS_VERSION
