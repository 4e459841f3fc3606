"""Threads of simulated processes: each is a greenlet that runs only when the clock of its process calls it, and gives way where it waits.

So the product's code with threads runs as it is, step by step, the same way each time, and stands still or dies with its process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from actors.store import batcher
from actors.store.cassandra import flusher, steps, writer
from tests.simulation.clocks import CellClock

PLACES: tuple[ModuleType, ...] = (batcher, flusher, steps, writer)
"""Where the product makes threads, or waits in one."""


class Threads:
    """The threads of one process."""

    making: Threads | None = None
    """Whose threads are made by what runs outside of all threads."""

    def __init__(self, clock: CellClock) -> None:
        self.clock = clock
        self._all: list[_Greenlet] = []

    @contextmanager
    def made_here(self) -> Iterator[None]:
        """Threads and locks that are made inside belong to this process."""
        Threads.making = self
        try:
            yield
        finally:
            Threads.making = None

    def start(self, work: Callable[[], Any]) -> None:
        """Run it in a thread of its own."""
        self._all = [thread for thread in self._all if not thread.dead]
        thread = _Greenlet(work, self)
        self._all.append(thread)
        self.clock.soon(thread.switch)

    def end(self) -> None:
        """The process is gone, wherever its threads stood."""
        for thread in self._all:
            if thread:  # it has begun, and not ended
                thread.throw(GreenletExit)
        self._all = []


class _Greenlet(greenlet):
    def __init__(self, work: Callable[[], Any], threads: Threads) -> None:
        super().__init__(work)
        self.threads = threads


def _here() -> Threads:
    current = getcurrent()
    if isinstance(current, _Greenlet):
        return current.threads
    assert Threads.making is not None, "nobody's thread"
    return Threads.making


class _Line:
    """Threads that wait for the same, in their order."""

    def __init__(self) -> None:
        self._waiting: list[_Greenlet] = []

    def wait(self, limit_s: float | None = None) -> None:
        """Until somebody calls, or time is up."""
        thread = getcurrent()
        assert isinstance(thread, _Greenlet), "only a thread can wait"
        self._waiting.append(thread)
        timer = thread.threads.clock.later(limit_s, self._go_on, thread) if limit_s is not None else None
        thread.parent.switch()
        if timer is not None:
            timer.cancel()

    def call(self) -> None:
        """All of them go on, in the next turn of their process."""
        for thread in self._waiting:
            thread.threads.clock.soon(self._go_on, thread)

    def _go_on(self, thread: _Greenlet) -> None:
        if thread in self._waiting:
            self._waiting.remove(thread)
            thread.switch()


class Thread:
    """As `threading.Thread`."""

    def __init__(self, target: Callable[[], Any], name: str, daemon: bool) -> None:
        self._target = target
        self._threads = _here()
        self.name, self.daemon = name, daemon

    def start(self) -> None:
        self._threads.start(self._target)


class Condition:
    """As `threading.Condition`; nothing else runs between two waits."""

    def __init__(self) -> None:
        self._line = _Line()
        self.notify_all = self._line.call

    def __enter__(self) -> Condition:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self, timeout: float | None = None) -> None:
        self._line.wait(timeout)

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        end = None if timeout is None else monotonic() + timeout
        while not predicate():
            left = None if end is None else end - monotonic()
            if left is not None and left <= 0:
                return predicate()
            self._line.wait(left)
        return True


class Event:
    """As `threading.Event`."""

    def __init__(self) -> None:
        self._line = _Line()
        self._is_set = False

    def set(self) -> None:
        self._is_set = True
        self._line.call()

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            self._line.wait(timeout)
        return self._is_set


class SimpleQueue:
    """As `queue.SimpleQueue`."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._line = _Line()

    def __class_getitem__(cls, _: Any) -> type[SimpleQueue]:
        return cls

    def put(self, item: Any) -> None:
        self._items.append(item)
        self._line.call()

    def get(self) -> Any:
        while not self._items:
            self._line.wait()
        return self._items.popleft()


class Threading:
    """As the module."""

    Thread, Condition, Event = Thread, Condition, Event


def monotonic() -> float:
    """The clock of the process in whose thread this is asked; elsewhere nobody measures."""
    current = getcurrent()
    return current.threads.clock.now() if isinstance(current, _Greenlet) else 0.0


@contextmanager
def simulated_threads() -> Iterator[None]:
    """What the product makes meanwhile are these."""
    named = {"threading": Threading, "SimpleQueue": SimpleQueue, "monotonic": monotonic}
    before = [(place, name, getattr(place, name)) for place in PLACES for name in named if hasattr(place, name)]
    try:
        for place, name, _ in before:
            setattr(place, name, named[name])
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)
