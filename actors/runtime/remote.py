"""The seam between a cell and its links to other cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actors.runtime.actor import ActorId, R, Request
from actors.runtime.plain import Message
from actors.runtime.promise import Promise

ANSWERS_VERSION = 3
"""The link version from which on a peer's edge finds answers to senders in what is fanned out."""


class Remote(Protocol):
    """What a cell asks of its links. Calls return at once; items to one life keep the order of the calls."""

    def tell(self, life: str, to: Sequence[ActorId], message: Message) -> None:
        """Deliver to these actors of that life, at most once. What surely did not arrive comes back by `Local.undelivered`."""

    def spoken(self, life: str) -> int:
        """The link version agreed on with that life; 0 as long as there was no connection."""

    def ask(self, life: str, to: ActorId, request: Request[R], timeout: float) -> Promise[R]:
        """The answer; `Unavailable`, `Overloaded` (surely not done), `Unknown` (sent, no answer), or the `ChatError` answered."""


class Local(Protocol):
    """What links ask of their cell, when items arrive."""

    def take(self, to: ActorId, message: Message) -> str | None:
        """Put into the actor's mailbox. None where taken; else why not: `not_owner`, `overloaded`, `gone`."""

    def take_ask(self, to: ActorId, request: Request[R]) -> Promise[R]:
        """Deliver a request. Rejects with `Unavailable` where this cell does not own the target, `Overloaded` where full."""

    def undelivered(self, to: ActorId, message: Message, reason: str) -> None:
        """A tell surely did not arrive (`not_owner`, `overloaded`, `gone`, `no_link`) or may be lost (`lost`)."""

    def lost_link(self, life: str) -> None:
        """The link to that life broke or shed items: what is owed to it must be told again as heads."""
