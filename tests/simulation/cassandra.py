"""The store and the registry of one simulated process over the fake of Cassandra: the product's own classes, with their threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any

from actors.runtime.promise import Promise
from actors.store.cassandra import chain, flusher, writer
from actors.store.cassandra.draining import drain
from actors.store.cassandra.lives import seal_life
from actors.store.cassandra.steps import launch
from actors.store.cassandra.store import CassandraStore
from actors.store.store import StoreError
from tests.simulation.database import CassandraDisk, Wire, sealer
from tests.simulation.limits import in_force
from tests.simulation.registry import SimRegistry
from tests.simulation.threads import Threads, simulated_threads

if TYPE_CHECKING:
    from tests.simulation.cell import SimCell
    from tests.simulation.world import World

LIMITS = [
    (chain, "ROLL_APPENDS", 6),
    (flusher, "FLUSH_AGE_S", 0.4),
    (flusher, "PAUSE_S", 0.2),
    (writer, "SETTLE_S", 1.5),
    (writer, "ROOM_S", 2.0),
]
"""So that ledgers roll, and much is only in them, in a short seed."""


@contextmanager
def cassandra_limits() -> Iterator[None]:
    """Threads of the product are simulated, and its limits small."""
    with simulated_threads(), in_force(LIMITS):
        yield


class SimCassandra(CassandraStore):
    """The store of one life, and what can go wrong on its way to the database."""

    def __init__(self, world: World, disk: CassandraDisk, cell: SimCell, chance: Random) -> None:
        self.wire = Wire(disk.database, world.clock, cell.clock, chance)
        self.threads = Threads(cell.clock)
        with self.threads.made_here():
            super().__init__(self.wire, disk.shards, cell.life, sealer(), cell.clock.soon, cell.clock.soon)

    @property
    def slowness(self) -> float:
        """How many times as long everything takes."""
        return self.wire.slowness

    @slowness.setter
    def slowness(self, times: float) -> None:
        self.wire.slowness = times

    @property
    def is_down(self) -> bool:
        """Whether nothing passes."""
        return self.wire.is_down

    @is_down.setter
    def is_down(self, away: bool) -> None:
        self.wire.is_down = away

    @property
    def failures(self) -> deque[tuple[StoreError, bool]]:
        """See `Wire`."""
        return self.wire.failures

    def die(self) -> None:
        """The process is gone."""
        self.threads.end()


class CassandraRegistry(SimRegistry):
    """View and lease as they always are; lives are sealed and drained in the database, by the product's own steps."""

    def __init__(self, world: World, cell: SimCell, store: SimCassandra, chance: Random) -> None:
        super().__init__(world, cell, chance)
        self._store = store

    def end_life(self, life: str) -> Promise[None]:
        """See `Registry`: the process first, where it can be reached."""
        self._world.end_process(self._cell, life)
        done: Promise[None] = Promise()
        launch(seal_life(life), self._store.wire, lambda _, error: self._settle(done, error))
        return done

    def drain(self, life: str) -> Promise[None]:
        """See `Registry`."""
        done: Promise[None] = Promise()

        def work() -> None:
            try:
                drain(life, self._store.wire, sealer())
            except StoreError as error:
                self._settle(done, error)
            else:
                self._settle(done, None)

        with self._store.threads.made_here():
            self._store.threads.start(work)
        return done

    def _settle(self, done: Promise[Any], error: Exception | None) -> None:
        settle: Callable[[], None] = (lambda: done.resolve(None)) if error is None else (lambda: done.reject(error))
        self._cell.clock.soon(settle)
