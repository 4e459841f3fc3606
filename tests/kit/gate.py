"""Holding back answers of a store, so that a test can put something between question and answer."""

from __future__ import annotations

from actors.runtime.promise import Promise


class Gate:
    """Holds back what one method of a store answers, until it is opened."""

    def __init__(self, store: object, method: str) -> None:
        self._waiting: list[tuple[Promise[object], object]] = []
        self._open = False
        real = getattr(store, method)

        def gated(*args: object) -> Promise[object]:
            promise: Promise[object] = Promise()
            real(*args).when_settled(lambda settled: self._put(promise, settled.result()))
            return promise

        setattr(store, method, gated)

    def _put(self, promise: Promise[object], value: object) -> None:
        if self._open:
            promise.resolve(value)
        else:
            self._waiting.append((promise, value))

    def open(self) -> None:
        self._open = True
        for promise, value in self._waiting:
            promise.resolve(value)
