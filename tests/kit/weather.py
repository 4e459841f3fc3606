"""What can happen between a store and its database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from actors.store.cassandra.steps import Answers, Ask, Asks, Port, Steps, run
from actors.store.store import StoreUnavailable


class Weather:
    """A port between a store and the database: it loses answers, and keeps writes waiting."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self.loses: list[str] = []
        """Statements whose next answer is lost; the statement is carried out."""
        self.delays: list[str] = []
        """Statements whose next copy is held back; its sender hears nothing."""
        self.late: list[Callable[[], list[tuple[Any, ...]]]] = []
        """What was held back: called, it arrives."""
        self.refuses: set[str] = set()
        """Statements that do not arrive."""
        self.freezes = ""
        """A statement before which the store freezes: it arrives when it is handed on."""
        self.frozen: list[Callable[[], None]] = []
        self.stopped = threading.Event()
        """Set when it froze."""
        self.arrived = threading.Event()
        """Set when a write was kept."""
        self.kept: list[Asks] | None = None
        """Writes to the tables are put here, and arrive when somebody hands them on; None: they go through."""

    def send(self, asks: Asks, done: Callable[[Answers | Exception], None]) -> None:
        """See `Port`."""
        names = {ask.statement for ask in asks}
        if self.freezes in names:
            self.freezes = ""
            self.frozen.append(lambda: self._port.send(asks, done))
            self.stopped.set()
            return
        if names & self.refuses:
            done(StoreUnavailable("timed out"))
            return
        delayed = next((name for name in self.delays if name in names), None)
        if delayed is not None:
            self.delays.remove(delayed)
            (ask,) = asks
            self.late.append(lambda: answer_to(ask, self._port))
            done(StoreUnavailable("timed out"))
            return
        lost = next((name for name in self.loses if name in names), None)
        if lost is not None:
            self.loses.remove(lost)
            self._port.send(asks, lambda _: done(StoreUnavailable("timed out")))
            return
        self._port.send(asks, done)

    def write(self, asks: Asks, done: Callable[[Exception | None], None]) -> None:
        """See `Port`."""
        if self.kept is not None:
            self.kept.append(asks)
            self.arrived.set()
            done(StoreUnavailable("timed out"))
        else:
            self._port.write(asks, done)


def answer_to(ask: Ask, port: Port) -> list[tuple[Any, ...]]:
    """What one statement is answered, now."""
    return run(_alone(ask), port)


def _alone(ask: Ask) -> Steps[list[tuple[Any, ...]]]:
    (rows,) = yield [ask]
    return rows
