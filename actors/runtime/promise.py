"""The value that is not there yet: what a handler awaits.

A `Promise` belongs to one loop and is not thread safe. Callbacks run at once, inside `resolve` or `reject`, in
the order in which they were added, so that a wake-up costs a function call and no turn of the loop. The cell
drives the coroutines that await promises (`actors.runtime.cell`); asyncio code adapts one with `when_settled`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Promise(Generic[T]):
    """One result, set once: by `resolve` a value, by `reject` an exception. A second settling is ignored."""

    __slots__ = ("_callback", "_more", "_value", "error", "settled")

    def __init__(self) -> None:
        self.settled = False
        """Whether a value or an exception is there."""
        self.error: BaseException | None = None
        """The exception, where it was rejected."""
        self._value: Any = None
        # Nearly every promise has one callback: a list for it would cost as much as the rest.
        self._callback: Callable[[Promise[T]], None] | None = None
        self._more: list[Callable[[Promise[T]], None]] | None = None

    def resolve(self, value: T) -> None:
        """Settle with a value and run the callbacks."""
        if not self.settled:
            self.settled = True
            self._value = value
            if self._callback is not None:
                self._call_back()

    def reject(self, error: BaseException) -> None:
        """Settle with an exception and run the callbacks."""
        if not self.settled:
            self.settled = True
            self.error = error
            if self._callback is not None:
                self._call_back()

    def when_settled(self, callback: Callable[[Promise[T]], None]) -> None:
        """Run `callback(self)` once settled; now, if it already is."""
        if self.settled:
            callback(self)
        elif self._callback is None:
            self._callback = callback
        elif self._more is None:
            self._more = [callback]
        else:
            self._more.append(callback)

    def result(self) -> T:
        """The value; raises the exception where it was rejected, and `RuntimeError` while pending."""
        if self.error is not None:
            raise self.error
        if not self.settled:
            raise RuntimeError("the promise is not settled")
        return self._value  # type: ignore[no-any-return]

    def __await__(self) -> Generator[Promise[T], None, T]:
        if not self.settled:
            yield self
        return self.result()

    def _call_back(self) -> None:
        callback, more = self._callback, self._more
        self._callback = self._more = None
        callback(self)  # type: ignore[misc]
        for another in more or ():
            another(self)


def resolved(value: T) -> Promise[T]:
    """A promise that already has its value."""
    promise: Promise[T] = Promise()
    promise.resolve(value)
    return promise


def rejected(error: BaseException) -> Promise[Any]:
    """A promise that already has its exception."""
    promise: Promise[Any] = Promise()
    promise.reject(error)
    return promise
