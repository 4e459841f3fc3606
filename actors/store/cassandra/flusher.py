"""Fills the tables behind the ledger, in a thread of its own: the more there is of a room, the fewer rows it takes.

A generation is flushed once it is old or large, or when somebody needs it in the tables. A flush that fails is repeated: its writes may
be repeated. The writer waits where more is unflushed than may be in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from time import monotonic

from actors.store.cassandra.chain import Position
from actors.store.cassandra.flushing import put_forgets, statements
from actors.store.cassandra.lives import note_floor
from actors.store.cassandra.records import Change
from actors.store.cassandra.steps import Ask, Port, run
from actors.store.cassandra.unflushed import Owner, Pile, Unflushed
from actors.store.seal import Sealer
from actors.store.store import StoreError, StoreUnavailable

FLUSH_AGE_S = 1.0
"""Age at which what is unflushed is flushed. Longer: more entries to a row; shorter: less to drain after a death."""
FLUSH_CHANGES = 8192
FLUSH_BYTES = 8 * 1024 * 1024
MOST_BYTES = 48 * 1024 * 1024
"""Of a fresh generation: from here on commits wait for the flusher."""
PAUSE_S = 0.5
"""After a flush that failed."""
BATCH_STATEMENTS = 48
BATCH_BYTES = 24 * 1024
"""Of one batch over several partitions: a server refuses 50 KiB."""
AT_ONCE = 8
"""Batches under way."""


class Flusher:
    """The flusher of one life."""

    def __init__(self, life: str, unflushed: Unflushed, port: Port, sealer: Sealer) -> None:
        """`sealer` belongs to its thread."""
        self._life = life
        self._unflushed = unflushed
        self._port = port
        self._sealer = sealer
        self._lock = threading.Condition()
        self._wanted = False
        self._closed = False
        self._since = 0.0
        """When the fresh generation got its first change; 0: it has none."""
        self._floor = Position()
        self._turns = 0
        """Generations that were begun."""
        self._done = 0
        """Generations that are in the tables."""
        self.flushes = 0
        self.failures = 0
        self.last_error = ""
        self._thread = threading.Thread(target=self._work, name=f"{life}-flusher", daemon=True)
        self._thread.start()

    def add(self, changes: Iterable[Change], reaches: Position) -> None:
        """These are durable in the ledger, up to `reaches`."""
        with self._lock:
            self._unflushed.add(changes, reaches)
            if not self._since:
                self._since = monotonic()
                self._lock.notify_all()
            elif self._is_large():
                self._lock.notify_all()

    def make_room(self, limit_s: float) -> None:
        """Wait until another group may be added. Raises `StoreUnavailable`."""
        with self._lock:
            if not self._lock.wait_for(lambda: self._unflushed.size < MOST_BYTES or self._closed, limit_s):
                raise StoreUnavailable(f"too much waits to be written: {self.last_error or 'the database is slow'}")

    def flush(self, limit_s: float) -> None:
        """Return when all that was added before is in the tables. Raises `StoreUnavailable`."""
        with self._lock:
            goal = self._turns + (1 if self._unflushed.count else 0)
            self._wanted = self._wanted or self._unflushed.count > 0
            self._lock.notify_all()
            if not self._lock.wait_for(lambda: self._done >= goal, limit_s):
                raise StoreUnavailable(f"what is committed cannot be written to its place: {self.last_error or 'the database is slow'}")

    def close(self, limit_s: float) -> None:
        """Flush what there is, as far as that can be done, and end the thread."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()
        self._thread.join(limit_s)

    # --- in the thread ---

    def _work(self) -> None:
        while self._wait():
            with self._lock:
                piles, reaches = self._unflushed.turn()
                self._since, self._wanted = 0.0, False
                self._turns += 1
            while not self._flush(piles, reaches):
                with self._lock:
                    if self._lock.wait_for(lambda: self._closed, PAUSE_S):
                        return  # the ledger has it
            with self._lock:
                self._unflushed.flushed()
                self._done += 1
                self.flushes += 1
                self._lock.notify_all()

    def _wait(self) -> bool:
        """Until there is something to flush; False: nothing will come."""
        with self._lock:
            while not (self._wanted or self._is_large() or (self._closed and self._unflushed.count)):
                if self._closed:
                    return False
                left = self._since + FLUSH_AGE_S - monotonic() if self._since else None
                if left is not None and left <= 0:
                    return True
                self._lock.wait(left)
            return True

    def _is_large(self) -> bool:
        return self._unflushed.count >= FLUSH_CHANGES or self._unflushed.size >= FLUSH_BYTES

    def _flush(self, piles: dict[Owner, Pile], reaches: Position) -> bool:
        try:
            run(put_forgets(piles, self._sealer), self._port)
            write_all(statements(piles, self._sealer, {}), self._port)
            run(note_floor(self._life, self._floor, reaches), self._port)
        except Exception as error:  # noqa: BLE001 - the ledger has it all, and it is tried again; commits wait, and people are told why
            self.failures += 1
            self.last_error = str(error) if isinstance(error, StoreError) else repr(error)
            return False
        self._floor = reaches
        return True


def write_all(asks: Iterable[Ask], port: Port) -> None:
    """Carry out writes, in batches, some of them at once. Raises `StoreError`."""
    under_way = _UnderWay()
    for batch in batches(asks):
        under_way.begin()
        port.write(batch, under_way.ended)
    under_way.finish()


def batches(asks: Iterable[Ask]) -> Iterable[list[Ask]]:
    """Writes in groups that a server takes."""
    batch: list[Ask] = []
    size = 0
    for ask in asks:
        batch.append(ask)
        size += sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in ask.values)
        if len(batch) >= BATCH_STATEMENTS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _UnderWay:
    """Counts batches that are under way, and keeps the first failure."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._count = 0
        self._error: Exception | None = None

    def begin(self) -> None:
        """Wait for room. Raises what failed."""
        with self._lock:
            self._lock.wait_for(lambda: self._count < AT_ONCE)
            if self._error is not None:
                self._lock.wait_for(lambda: not self._count)
                raise self._error
            self._count += 1

    def ended(self, error: Exception | None) -> None:
        """One is over; in any thread."""
        with self._lock:
            self._count -= 1
            self._error = self._error or error
            self._lock.notify_all()

    def finish(self) -> None:
        """Wait for all. Raises what failed."""
        with self._lock:
            self._lock.wait_for(lambda: not self._count)
            if self._error is not None:
                raise self._error
