"""A real Cassandra for tests, one a test process, and stores of several lives in a keyspace of their own."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from actors.runtime.promise import Promise
from actors.store.cassandra.draining import drain
from actors.store.cassandra.driver import Driver
from actors.store.cassandra.flusher import write_all
from actors.store.cassandra.lives import seal_life
from actors.store.cassandra.records import COUNTER_BITS
from actors.store.cassandra.schema import quoted
from actors.store.cassandra.shelf import Shelf
from actors.store.cassandra.steps import Ask, Asks, Port, Rows, Steps, run
from actors.store.cassandra.store import CassandraStore
from actors.store.seal import Sealer
from cluster.dev import cassandra
from cluster.store_place import parse_place
from tests.kit.turns import Turns
from tests.kit.warehouse import MASTER

T = TypeVar("T")
GROUPS = 3
_NUMBERS = itertools.count(1)


@cache
def server() -> cassandra.Running:
    """One node, started when it is first asked for, ended with this process."""
    folder = Path(tempfile.mkdtemp(prefix="wb-cassandra-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(cassandra.stop, folder)
    return cassandra.start(folder, 1)


@cache
def driver() -> Driver:
    """A connection with a keyspace that has all tables; made once, since making tables takes longest."""
    place = parse_place(f"{server().url}/test_{os.getpid()}")
    found = Driver(place)
    atexit.register(found.close)
    found.migrate()
    found.open()
    return found


class CassandraLab:
    """Stores of several lives in one keyspace, which begins empty. Closes every store that it opened."""

    def __init__(self) -> None:
        self.driver = driver()
        self.turns = Turns()
        self.shelf = Shelf(self.driver)
        self._number = next(_NUMBERS)
        self._stores: list[CassandraStore] = []
        self._sealed: list[str] = []
        empty(self.driver, self._number)

    def life(self, name: str) -> str:
        """Lives are used once: so they are other ones in every test."""
        return f"{name}-{self._number}"

    def __enter__(self) -> CassandraLab:
        return self

    def __exit__(self, *_: object) -> None:
        for store in self._stores:
            store.close()

    def bare_store(self, life: str = "a") -> CassandraStore:
        """A store that owns nothing yet."""
        store = CassandraStore(self.driver, GROUPS, self.life(life), Sealer(MASTER, self.shelf), self.turns.soon, self.turns.wake)
        self._stores.append(store)
        return store

    def store(self, life: str = "a") -> CassandraStore:
        """A store that owns every group; the sealed lives before it are drained, as a taker does."""
        return self._owning(self.bare_store(life))

    def store_in(self, weather: Port, life: str) -> CassandraStore:
        """The same, whose database is reached through this weather."""
        store = CassandraStore(weather, GROUPS, self.life(life), Sealer(MASTER, self.shelf), self.turns.soon, self.turns.wake)
        self._stores.append(store)
        return self._owning(store)

    def _owning(self, store: CassandraStore) -> CassandraStore:
        for sealed in self._sealed:
            drain(sealed, self.driver, Sealer(MASTER, self.shelf))
        for group in range(GROUPS):
            self.turns.wait(store.take_shard(group))
        return store

    def seal(self, life: str) -> None:
        """Seal a life as another process would."""
        run(seal_life(self.life(life)), self.driver)
        self._sealed.append(self.life(life))

    def take_over(self, life: str) -> None:
        """Seal and drain a life, as a coordinator does, in the calling thread."""
        run(seal_life(self.life(life)), self.driver)
        drain(self.life(life), self.driver, Sealer(MASTER, self.shelf))

    def ask(self, ask: Ask) -> Rows:
        """What a statement finds in the tables, past every store."""
        return run(_one(ask), self.driver)

    def write(self, asks: Asks) -> None:
        """Writes that were kept somewhere arrive now."""
        write_all(asks, self.driver)

    def flush(self, store: CassandraStore) -> None:
        """All that a store has committed goes into the tables; where that fails, it has been tried."""
        self.turns.settle(store.flush())

    def wait(self, promise: Promise[T]) -> T:
        """The promise's value or exception."""
        return self.turns.wait(promise)

    def settle(self, *promises: Promise[Any]) -> list[BaseException | None]:
        """Wait for all; the error of each, or None."""
        return self.turns.settle(*promises)


EPOCHS = 1000
"""Owners of a group in one test, at most."""
KEPT = {"ledgers", "lives", "floors", "owners", "settings", "data_keys", "views", "lease"}
"""Tables whose rows belong to lives, or to the cluster."""


def empty(driver: Driver, number: int) -> None:
    """Remove all rows of rooms and users. Emptying tables takes seconds; so their partitions are deleted, with timestamps above all that
    tests before this one wrote, and below all that this one will write."""
    stamp = (number * EPOCHS << COUNTER_BITS) - 1
    for table, key in driver.partitions().items():
        if table not in KEPT:
            columns = quoted(key)
            condition = " AND ".join(f'"{name}" = %s' for name in key)
            # Not DISTINCT: Cassandra 5.0.5 fails such a scan where it meets certain files.
            for values in dict.fromkeys(driver.execute(f"SELECT {columns} FROM {table}")):
                driver.execute(f"DELETE FROM {table} USING TIMESTAMP {stamp} WHERE {condition}", values)
    for group in range(GROUPS):
        run(_give(group, number * EPOCHS), driver)


def _give(group: int, epoch: int) -> Steps[None]:
    """Nobody owns a group, and its next owner has a higher epoch than this."""
    (rows,) = yield [Ask("OWNER", (group,))]
    yield [Ask("CHANGE OWNER", ("", epoch, group, *rows[0])) if rows else Ask("FIRST OWNER", (group, "", epoch))]


def _one(ask: Ask) -> Steps[Rows]:
    (rows,) = yield [ask]
    return rows
