"""Reads that ask the same while it is on its way get one answer; and a count of what the database is asked.

A read must see every commit that had settled when it was called. What is not in the tables yet it has from memory; what is, was written
through this port. So it may share the answer of an earlier one as long as no write to the tables has ended since that one was sent.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from functools import partial

from actors.store.cassandra.schema import STATEMENTS
from actors.store.cassandra.steps import Answers, Ask, Asks, Port

READS = frozenset(name for name, text in STATEMENTS.items() if text.startswith("SELECT"))
APPEND = "APPEND"
"""Changes no table that is read."""

Done = Callable[[Answers | Exception], None]


class Joining:
    """A port in front of a port. Any thread may call."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._under_way: dict[Ask, _Shared] = {}
        """Reads that may be joined."""
        self.counts: Counter[str] = Counter()
        """Statements: ``read`` (sent), ``joined`` (not sent), ``append``, ``condition`` and what else stands alone, ``batch``."""

    def send(self, asks: Asks, done: Done) -> None:
        """See `Port`."""
        if any(ask.statement not in READS for ask in asks):
            self._change(asks, done)
        elif len(asks) == 1:
            self._read(asks[0], done)
        else:
            gathering = Gathering(len(asks), done)
            for number, ask in enumerate(asks):
                self._read(ask, partial(gathering.came, number))
            if not asks:
                done([])

    def write(self, asks: Asks, done: Callable[[Exception | None], None]) -> None:
        """See `Port`."""
        self.counts["batch"] += 1

        def ended(error: Exception | None) -> None:
            self._written()
            done(error)

        self._port.write(asks, ended)

    def _read(self, ask: Ask, done: Done) -> None:
        with self._lock:
            shared = self._under_way.get(ask)
            if shared is not None:
                shared.waiting.append(done)
                self.counts["joined"] += 1
                return
            self.counts["read"] += 1
            shared = self._under_way[ask] = _Shared(done)
        self._port.send((ask,), partial(self._came, ask, shared))

    def _came(self, ask: Ask, shared: _Shared, answer: Answers | Exception) -> None:
        with self._lock:
            if self._under_way.get(ask) is shared:
                del self._under_way[ask]
        # Nobody is added any more: it is not among those that may be joined.
        for done in shared.waiting:
            done(answer)

    def _change(self, asks: Asks, done: Done) -> None:
        if len(asks) == 1 and asks[0].statement == APPEND:
            self.counts["append"] += 1
            self._port.send(asks, done)
            return
        self.counts["change"] += len(asks)

        def ended(answer: Answers | Exception) -> None:
            self._written()
            done(answer)

        self._port.send(asks, ended)

    def _written(self) -> None:
        """What was sent before this may not have seen it: it is joined no more."""
        with self._lock:
            self._under_way.clear()


class _Shared:
    """A read on its way, and those who wait for it."""

    __slots__ = ("waiting",)

    def __init__(self, first: Done) -> None:
        self.waiting = [first]


class Gathering:
    """Answers of several reads, until all are there or one has failed."""

    __slots__ = ("_answers", "_done", "_left", "_lock")

    def __init__(self, count: int, done: Done) -> None:
        self._answers: Answers = [[] for _ in range(count)]
        self._left = count
        self._done = done
        self._lock = threading.Lock()

    def came(self, number: int, answer: Answers | Exception) -> None:
        """What one of them found."""
        with self._lock:
            if self._left <= 0:
                return
            if isinstance(answer, Exception):
                self._left = 0
            else:
                self._answers[number] = answer[0]
                self._left -= 1
                if self._left:
                    return
        self._done(answer if isinstance(answer, Exception) else self._answers)
