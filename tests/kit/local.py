"""A cell for tests of links: remembers what it was told, refuses what it is told to refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.errors import ChatError, Unavailable
from actors.runtime.actor import ActorId, R, Request
from actors.runtime.plain import Message
from actors.runtime.promise import Promise, rejected


class RecordingLocal:
    """Implements `Local`."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Message]] = []
        """What was put into mailboxes, in order."""
        self.undelivered_items: list[tuple[str, Message, str]] = []
        self.lost: list[str] = []
        """Lives whose link broke or shed."""
        self.refuse: dict[str, str] = {}
        """Address -> reason."""
        self.waiting: list[tuple[Request[Any], Promise[Any]]] = []
        """Requests that the test answers."""
        self.answer: Callable[[str, Request[Any]], Any] | None = None
        """Answers requests at once: a value, or a `ChatError`."""
        self.on_taken: Callable[[], None] | None = None
        """Called after every item."""
        self.on_lost: Callable[[str], None] | None = None

    def take(self, to: ActorId, message: Message) -> str | None:
        """Keep it, unless this address is to be refused."""
        if to in self.refuse:
            return self.refuse[to]
        self.taken.append((to, message))
        if self.on_taken is not None:
            self.on_taken()
        return None

    def take_ask(self, to: ActorId, request: Request[R]) -> Promise[R]:
        """Answer it by `answer`, or leave it to the test."""
        if to in self.refuse:
            return rejected(Unavailable(retry_after=0.2))
        promise: Promise[Any] = Promise()
        if self.answer is None:
            self.waiting.append((request, promise))
            return promise
        value = self.answer(to, request)
        if isinstance(value, ChatError):
            promise.reject(value)
        else:
            promise.resolve(value)
        return promise

    def undelivered(self, to: ActorId, message: Message, reason: str) -> None:
        """Keep it."""
        self.undelivered_items.append((to, message, reason))

    def lost_link(self, life: str) -> None:
        """Keep it."""
        self.lost.append(life)
        if self.on_lost is not None:
            self.on_lost(life)
