"""A loop of callbacks that waits for other threads: what a store needs of an event loop, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from actors.runtime.promise import Promise

T = TypeVar("T")
PATIENCE_S = 30.0
"""A promise that is not settled by then never will be."""


class Turns:
    """`soon` and `wake` put callbacks in line; `wait` runs them until a promise is settled."""

    def __init__(self) -> None:
        self._line: SimpleQueue[Callable[[], Any]] = SimpleQueue()
        self.wakes = 0
        self.turns = 0
        """Callbacks that were run."""

    def soon(self, callback: Callable[..., Any], *args: Any) -> None:
        """Run it in the next turn."""
        self._line.put(partial(callback, *args))

    def wake(self, callback: Callable[..., Any], *args: Any) -> None:
        """The same, from any thread; counted."""
        self.wakes += 1
        self._line.put(partial(callback, *args))

    def wait(self, promise: Promise[T]) -> T:
        """The promise's value, or its exception."""
        while not promise.settled:
            self.turn()
        return promise.result()

    def turn(self) -> None:
        """Run the next callback, waiting for one."""
        try:
            callback = self._line.get(timeout=PATIENCE_S)
        except Empty:
            raise AssertionError("nothing more happens") from None
        self.turns += 1
        callback()

    def settle(self, *promises: Promise[Any]) -> list[BaseException | None]:
        """Wait for all; the error of each, or None."""
        for promise in promises:
            try:
                self.wait(promise)
            except Exception:  # its own error is in the list below; any other one is not expected here
                if not promise.settled:
                    raise
        return [promise.error for promise in promises]
