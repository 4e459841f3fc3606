"""What stands in a mailbox beside plain messages, and how a handler says more than a value: pure data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.errors import ChatError
from actors.runtime.plain import Message
from actors.runtime.promise import Promise


class Call:
    """A request in a mailbox, with the promise of its answer."""

    __slots__ = ("promise", "request")

    def __init__(self, request: Message, promise: Promise[Any]) -> None:
        self.request = request
        self.promise = promise


class Again:
    """A told message that was in a crashed batch: run alone, and set aside if it crashes alone."""

    __slots__ = ("message",)

    def __init__(self, message: Message) -> None:
        self.message = message


class LostOwnership(Exception):
    """Raised by a handler whose commit was refused: this life is sealed, or the slot is not its own any more."""


class Reload(Exception):
    """Raised by a handler whose picture of the store is old: discard the instance, it is not a crash.

    Askers get `answer`: `Unavailable` where nothing was done, `Unknown` where it may be done.
    """

    def __init__(self, answer: ChatError) -> None:
        self.answer = answer
        super().__init__(answer.code)


class Then:
    """Returned by a plain handler that has to wait once: the cheap form of a coroutine.

    The mailbox waits until `promise` is settled; then `function(promise, *args)` runs as part of the same handler. What
    it returns is the handler's answer.
    """

    __slots__ = ("args", "function", "promise")

    def __init__(self, promise: Promise[Any], function: Callable[..., Any], *args: Any) -> None:
        self.promise = promise
        self.function = function
        self.args = args
