"""Three nodes of Cassandra at replication 3, one or two of them killed or frozen under load: what was acknowledged stays, in order, once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.store.cassandra import driver as drivers
from actors.store.cassandra import writer
from actors.store.cassandra.cluster_rows import ClusterRows, prepare
from actors.store.cassandra.driver import Driver
from actors.store.cassandra.store import CassandraStore
from actors.store.seal import Sealer
from actors.store.store import Commit, StoreError
from cluster.dev import cassandra
from cluster.store_place import parse_place
from tests.actors.store.samples import ROOM, SLOT, entry
from tests.kit.turns import Turns
from tests.kit.warehouse import MASTER

pytestmark = pytest.mark.slow

RETURN_LIMIT_S = 90.0
"""For a service that has to come back by itself."""


class Writer:
    """Posts into one room, one after the other, as a room does: after a failure it looks for its head before it goes on."""

    def __init__(self, place: str, life: str) -> None:
        self._driver = Driver(parse_place(place))
        self._driver.migrate()
        self._driver.open()
        prepare(self._driver, 1, MASTER)
        record = ClusterRows(self._driver, MASTER, owns=False)
        self._turns = Turns()
        self._store = CassandraStore(self._driver, 1, life, Sealer(MASTER, record), self._turns.soon, self._turns.wake)
        self._turns.wait(self._store.take_shard(0))
        self.acknowledged: list[int] = []
        self.failures: list[StoreError] = []
        self._head = 0

    def close(self) -> None:
        self._store.close()
        self._driver.close()

    def post(self) -> bool:
        """One post; False where it was not acknowledged."""
        seq = self._head + 1
        try:
            self._turns.wait(self._store.commit(Commit(SLOT, (entry(seq, f"text {seq}"),))))
        except StoreError as error:
            self.failures.append(error)
            self._look()
            return False
        self._head = seq
        self.acknowledged.append(seq)
        return True

    def post_many(self, count: int) -> None:
        """So many that are acknowledged; the service has to be back within its limit."""
        end = time.monotonic() + RETURN_LIMIT_S
        while count:
            count -= self.post()
            assert time.monotonic() < end, self.failures[-1:]

    def history(self) -> list[int]:
        """All numbers that are there."""
        return [row.seq for row in self._turns.wait(self._store.entries_after(SLOT, ROOM, 0, 1_000_000))]

    def flush(self) -> None:
        """All of it is in the tables."""
        self._turns.wait(self._store.flush())

    def _look(self) -> None:
        try:
            heads = self._turns.wait(self._store.heads([(SLOT, ROOM)]))
        except StoreError as error:
            self.failures.append(error)
        else:
            self._head = heads.get(ROOM, (0, 0))[0]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    cassandra.stop(tmp_path)


def signal_node(folder: Path, number: int, what: int) -> None:
    """To the process of one node."""
    running = cassandra.running(folder)
    assert running is not None
    os.killpg(running.sessions[number - 1], what)


def test_nodes_are_killed_and_frozen_and_nothing_that_was_acknowledged_is_lost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SETTLE_S", 2.0)
    monkeypatch.setattr(drivers, "TIMEOUT_S", 2.0)
    running = cassandra.start(folder, 3)
    writing = Writer(f"{running.url}/nodes?replication=3", "a")
    try:
        writing.post_many(30)
        signal_node(folder, 2, signal.SIGKILL)
        writing.post_many(30)
        cassandra.start_node(folder, 2)
        writing.post_many(30)
        signal_node(folder, 3, signal.SIGSTOP)
        writing.post_many(30)
        signal_node(folder, 3, signal.SIGCONT)
        writing.post_many(30)
        signal_node(folder, 2, signal.SIGKILL)
        signal_node(folder, 3, signal.SIGKILL)
        before = len(writing.acknowledged)
        assert not any(writing.post() for _ in range(3))  # two of three copies cannot be written: refused, never acknowledged
        assert len(writing.acknowledged) == before
        cassandra.start_node(folder, 2)
        writing.post_many(30)
        cassandra.start_node(folder, 3)
        writing.post_many(30)
        history = writing.history()
        assert history == sorted(set(history))
        assert set(writing.acknowledged) <= set(history)
        writing.flush()
        assert writing.history() == history
    finally:
        writing.close()
