"""The value that is not there yet: what a handler awaits.

A `Promise` belongs to one loop and is not thread safe. Callbacks run at once, inside `resolve` or `reject`, in
the order in which they were added, so that a wake-up costs a function call and no turn of the loop. The cell
drives the coroutines that await promises (`actors.runtime.cell`); asyncio code adapts one with `when_settled`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_PENDING, _RESOLVED, _REJECTED = 0, 1, 2


class Promise(Generic[T]):
    """One result, set once: by `resolve` a value, by `reject` an exception. A second settling is ignored."""

    __slots__ = ("_callbacks", "_state", "_value")

    def __init__(self) -> None:
        self._state = _PENDING
        self._value: Any = None
        self._callbacks: list[Callable[[Promise[T]], None]] | None = None

    @property
    def settled(self) -> bool:
        """Whether a value or an exception is there."""
        return self._state != _PENDING

    def resolve(self, value: T) -> None:
        """Settle with a value and run the callbacks."""
        self._settle(_RESOLVED, value)

    def reject(self, error: BaseException) -> None:
        """Settle with an exception and run the callbacks."""
        self._settle(_REJECTED, error)

    def when_settled(self, callback: Callable[[Promise[T]], None]) -> None:
        """Run `callback(self)` once settled; now, if it already is."""
        if self._state != _PENDING:
            callback(self)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    @property
    def error(self) -> BaseException | None:
        """The exception, where it was rejected."""
        return self._value if self._state == _REJECTED else None

    def result(self) -> T:
        """The value; raises the exception where it was rejected, and `RuntimeError` while pending."""
        if self._state == _RESOLVED:
            return self._value  # type: ignore[no-any-return]
        if self._state == _REJECTED:
            raise self._value
        raise RuntimeError("the promise is not settled")

    def __await__(self) -> Generator[Promise[T], None, T]:
        if self._state == _PENDING:
            yield self
        return self.result()

    def _settle(self, state: int, value: Any) -> None:
        if self._state != _PENDING:
            return
        self._state = state
        self._value = value
        callbacks, self._callbacks = self._callbacks, None
        if callbacks is not None:
            for callback in callbacks:
                callback(self)


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
