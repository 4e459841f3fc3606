"""The reader's thread: reads wait in two bounded lanes, and results that are ready together come in one wake-up.

Short reads (activations, heads, keys) go first, so that many who leaf through old pages hold up nobody's post.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from actors.runtime.promise import Promise
from actors.store.batcher import Wake
from actors.store.store import StoreUnavailable

MAX_WAITING = 4096
"""Reads that wait in one lane; beyond it they are refused with `StoreUnavailable`."""

Read = tuple[Promise[Any], Callable[[], Any]]
Result = tuple[Promise[Any], Any, Exception | None]


class Reader:
    """Runs functions in a thread of its own. Belongs to one loop."""

    def __init__(self, wake: Wake, *, name: str = "store") -> None:
        self._wake = wake
        # A token in `_tokens` for every read in the lanes; deques are safe between two threads.
        self._short: deque[Read] = deque()
        self._long: deque[Read] = deque()
        self._tokens: SimpleQueue[bool] = SimpleQueue()
        self._results: deque[Result] = deque()
        # True from when a wake-up is asked for until the loop begins to take results.
        self._woken = False
        self._closed = False
        self.done = 0
        self.refused = 0
        self._thread = threading.Thread(target=self._work, name=f"{name}-reader", daemon=True)
        self._thread.start()

    def run(self, function: Callable[[], Any], *, short: bool = True) -> Promise[Any]:
        """The result of `function()`, run in the thread; rejected with `StoreUnavailable` where too many wait."""
        promise: Promise[Any] = Promise()
        lane = self._short if short else self._long
        if len(lane) >= MAX_WAITING or self._closed:
            self.refused += 1
            promise.reject(StoreUnavailable("the store is closed" if self._closed else "too many reads wait"))
            return promise
        lane.append((promise, function))
        self._tokens.put(True)
        return promise

    def waiting(self) -> int:
        """Reads that wait."""
        return len(self._short) + len(self._long)

    def close(self) -> None:
        """Refuse what comes now, answer what waits, end the thread and wait for its end."""
        if not self._closed:
            self._closed = True
            self._tokens.put(False)
            self._thread.join()

    def _work(self) -> None:
        while self._tokens.get():
            promise, function = self._short.popleft() if self._short else self._long.popleft()
            try:
                self._results.append((promise, function(), None))
            except Exception as error:  # noqa: BLE001 - it goes to the one who asked
                self._results.append((promise, None, error))
            if not self._woken and not self._tell():
                return

    def _tell(self) -> bool:
        self._woken = True
        try:
            self._wake(self._deliver)
        except RuntimeError:
            # The loop is closed: nobody is left to be told.
            return False
        return True

    def _deliver(self) -> None:
        # First the flag: a result that comes after it asks for another wake-up.
        self._woken = False
        results = self._results
        try:
            while results:
                promise, value, error = results.popleft()
                self.done += 1
                if error is None:
                    promise.resolve(value)
                else:
                    promise.reject(error)
        finally:
            if results and not self._woken:
                self._tell()
