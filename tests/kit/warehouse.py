"""SQLite stores of several lives on one folder, with a loop of callbacks to turn: for tests of the store itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from actors.runtime.promise import Promise
from actors.store import cluster_file
from actors.store.cluster_file import ClusterFile
from actors.store.seal import MasterKey, Sealer
from actors.store.shards import seal_life
from actors.store.sqlite import SqliteStore
from tests.kit.turns import Turns

T = TypeVar("T")
MASTER = MasterKey(b"testtest", bytes(range(32)))


class Warehouse:
    """A data folder; closes every store that it opened."""

    def __init__(self, folder: Path, shards: int = 1) -> None:
        self.folder = folder
        self.turns = Turns()
        if not cluster_file.is_complete(folder):
            cluster_file.create(folder, shards, MASTER.key_id, 1_700_000_000_000)
        self.cluster = ClusterFile(folder)
        self._stores: list[SqliteStore] = []

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, *_: object) -> None:
        for store in self._stores:
            store.close()
        self.cluster.close()

    def bare_store(self, life: str = "a") -> SqliteStore:
        """A store that owns nothing yet."""
        sealer = Sealer(MASTER, self.cluster)
        store = SqliteStore(self.folder, self.cluster.shards, life, sealer, self.turns.soon, self.turns.wake)
        self._stores.append(store)
        return store

    def store(self, life: str = "a") -> SqliteStore:
        """A store that owns every shard."""
        store = self.bare_store(life)
        for shard in range(self.cluster.shards):
            self.turns.wait(store.take_shard(shard))
        return store

    def seal(self, life: str) -> None:
        """Seal a life as another process would."""
        seal_life(self.folder, self.cluster.shards, life)

    def wait(self, promise: Promise[T]) -> T:
        """The promise's value or exception."""
        return self.turns.wait(promise)

    def settle(self, *promises: Promise[Any]) -> list[BaseException | None]:
        """Wait for all; the error of each, or None."""
        return self.turns.settle(*promises)
