"""A place for every kind of store, to be tested in alike: see `tests.actors.store.samples.Lab`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from actors.runtime.promise import Promise
from actors.store.store import Store
from tests.kit.cassandra import CassandraLab
from tests.kit.memory import MemoryDisk, MemoryStore
from tests.kit.turns import Turns
from tests.kit.warehouse import Warehouse

T = TypeVar("T")


class MemoryLab:
    """Stores in memory; commits settle in the next turn."""

    def __init__(self) -> None:
        self._disk = MemoryDisk()
        self.turns = Turns()

    def store(self, life: str = "a") -> Store:
        return MemoryStore(self._disk, life, self.turns.soon)

    def seal(self, life: str) -> None:
        self._disk.seal(life)

    def wait(self, promise: Promise[T]) -> T:
        return self.turns.wait(promise)

    def settle(self, *promises: Promise[Any]) -> list[BaseException | None]:
        return self.turns.settle(*promises)


@contextmanager
def lab_of(kind: str, folder: Path) -> Iterator[Any]:
    """``memory``, ``sqlite``, ``sqlite in three shards`` or ``cassandra``."""
    if kind == "memory":
        yield MemoryLab()
        return
    if kind == "cassandra":
        with CassandraLab() as cassandra:
            yield cassandra
        return
    with Warehouse(folder / "data", shards=3 if "three" in kind else 1) as warehouse:
        yield warehouse
