"""Work on the database as generators: each yields what it asks and is sent the answers, and knows no driver, thread or loop.

    rows, others = yield [Ask("HEAD", (room,)), Ask("MARKS", (room,))]

A failed ask is raised inside the generator, as a `StoreError`: for a write it says nothing about whether it was done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")
Rows = list[tuple[Any, ...]]


class Ask(NamedTuple):
    """A statement, by its name in `schema.STATEMENTS`, and its values."""

    statement: str
    values: tuple[Any, ...] = ()


Asks = Sequence[Ask]
"""Carried out at once, in any order."""
Answers = list[Rows]
"""One an ask."""
Steps = Generator[Asks, Answers, T]


class Port(Protocol):
    """Carries asks to the database. Any thread may call; `done` is called in any thread, and must be quick."""

    def send(self, asks: Asks, done: Callable[[Answers | Exception], None]) -> None:
        """Carry out all of these; the answers, or the first failure."""

    def write(self, asks: Asks, done: Callable[[Exception | None], None]) -> None:
        """Carry out writes together, each of which can be repeated without harm."""


def run(steps: Steps[T], port: Port) -> T:
    """To the end, in this thread, which waits."""
    answered: SimpleQueue[Answers | Exception] = SimpleQueue()
    try:
        asks = next(steps)
        while True:
            port.send(asks, answered.put)
            answer = answered.get()
            asks = steps.throw(answer) if isinstance(answer, Exception) else steps.send(answer)
    except StopIteration as ended:
        value: T = ended.value
        return value


def launch(steps: Steps[T], port: Port, done: Callable[[T | None, Exception | None], None]) -> None:
    """To the end, without a thread that waits; `done(value, error)` is called in the thread of the last answer."""
    _go_on(partial(next, steps), steps, port, done)


class Answering:
    """A port whose answers are taken further in a thread of its own: who opens what is sealed may have to ask for a key, and the
    driver's thread must not wait."""

    def __init__(self, port: Port, name: str) -> None:
        self._port = port
        self._came: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.write = port.write
        self._thread = threading.Thread(target=self._work, name=f"{name}-answers", daemon=True)
        self._thread.start()

    def send(self, asks: Asks, done: Callable[[Answers | Exception], None]) -> None:
        """See `Port`."""
        self._port.send(asks, lambda answer: self._came.put(partial(done, answer)))

    def close(self) -> None:
        """End the thread, after what has come already."""
        self._came.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (go_on := self._came.get()) is not None:
            go_on()


def _go_on(step: Callable[[], Asks], steps: Steps[T], port: Port, done: Callable[[T | None, Exception | None], None]) -> None:
    try:
        asks = step()
    except StopIteration as ended:
        done(ended.value, None)
    except Exception as error:  # noqa: BLE001 - it goes to the one who asked
        done(None, error)
    else:
        port.send(asks, lambda answer: _answered(answer, steps, port, done))


def _answered(answer: Answers | Exception, steps: Steps[T], port: Port, done: Callable[[T | None, Exception | None], None]) -> None:
    step = partial(steps.throw, answer) if isinstance(answer, Exception) else partial(steps.send, answer)
    _go_on(step, steps, port, done)
