"""The context of an activation: all that an actor sees of its cell."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from actors.runtime.actor import ActorId, R, Request
from actors.runtime.plain import Message
from actors.runtime.promise import Promise
from actors.runtime.scheduler import Timer

if TYPE_CHECKING:
    from actors.runtime.activation import Activation
    from actors.runtime.cell import Cell


class CellContext:
    """Implements `actors.runtime.actor.Context` over a cell."""

    __slots__ = ("_activation", "_cell", "_rank", "me", "now", "tell", "waiting", "wall")

    def __init__(self, cell: Cell, me: ActorId, rank: int, activation: Activation) -> None:
        self.me = me
        self._cell = cell
        self._rank = rank
        self._activation = activation
        # the very methods of clock and cell: these three run for every message
        self.now = cell.scheduler.now
        self.wall = cell.scheduler.wall
        self.tell = cell.tell_bound
        self.waiting = activation.waiting
        """Messages in my mailbox."""

    def tell_many(self, to: Collection[ActorId], message: Message) -> None:
        """Tell several actors the same."""
        self._cell.tell_many(to, message)

    def ask(self, to: ActorId, request: Request[R], *, timeout: float = 5.0) -> Promise[R]:
        """The promise of the answer."""
        return self._cell.ask(to, request, timeout=timeout, rank=self._rank)

    def after(self, delay: float, message: Message) -> Timer:
        """Tell myself after `delay` seconds, if this instance is still the one."""
        return self._cell.scheduler.later(delay, self._wake, message)

    def stored(self) -> None:
        """A commit was taken."""
        self._activation.is_proved = True

    def is_sure(self) -> bool:
        """Whether reads are answered here."""
        return self._cell.answers_reads

    def pause(self, seconds: float) -> Promise[None]:
        """Settled after so long."""
        promise: Promise[None] = Promise()
        self._cell.scheduler.later(seconds, promise.resolve, None)
        return promise

    def stop(self) -> None:
        """Let this instance go."""
        if self._activation.context is self:
            self._activation.stop()

    def fail(self, error: Exception) -> None:
        """Treat `error` as raised by a handler: for calls that share memory with this actor."""
        self._activation.fail(error)

    def _wake(self, message: Message) -> None:
        if self._activation.context is self:
            self._activation.put(message)
