"""What a shard's writer says when the disk fails it in the middle of a commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.store.ledger import APPEND
from actors.store.sqlite import SqliteStore
from actors.store.store import Commit, Conflict, OutcomeUnknown, StoreUnavailable
from tests.actors.store.samples import SLOT, all_entries, entry, mark, put
from tests.kit.warehouse import Warehouse


class FailingDisk:
    """A connection whose next commit reports a failure: after it was done, before it was done, or as busy."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.fail = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *parameters: Any) -> Any:
        ends = statement == "COMMIT" or (statement == APPEND and not self._connection.in_transaction)
        if not self.fail or not ends:
            return self._connection.execute(statement, *parameters)
        if self.fail == "after":
            self._connection.execute(statement, *parameters)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY if self.fail == "busy" else sqlite3.SQLITE_IOERR_FSYNC
        self.fail = ""
        raise error


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path) as made:
        yield made


@pytest.fixture
def store(warehouse: Warehouse) -> SqliteStore:
    return warehouse.store()


@pytest.fixture
def disk(store: SqliteStore) -> FailingDisk:
    writer: Any = store._open[0].writer
    writer._connection = FailingDisk(writer._connection)
    failing: FailingDisk = writer._connection
    return failing


CHANGES = [Commit(SLOT, (entry(2),)), Commit(SLOT, (entry(2), mark("bob")))]


@pytest.mark.parametrize("change", CHANGES, ids=["one statement", "a transaction"])
def test_a_commit_that_failed_and_was_done_all_the_same_is_found(
    warehouse: Warehouse, store: SqliteStore, disk: FailingDisk, change: Commit
) -> None:
    put(warehouse, store, entry(1))
    disk.fail = "after"
    assert [type(error) for error in warehouse.settle(store.commit(change))] == [OutcomeUnknown]
    assert [type(error) for error in warehouse.settle(store.commit(Commit(SLOT, (entry(2),))))] == [Conflict]
    assert [row.seq for row in all_entries(warehouse, store)] == [1, 2]
    put(warehouse, store, entry(3))


@pytest.mark.parametrize("change", CHANGES, ids=["one statement", "a transaction"])
def test_a_commit_that_failed_and_was_not_done_leaves_its_number_free(
    warehouse: Warehouse, store: SqliteStore, disk: FailingDisk, change: Commit
) -> None:
    put(warehouse, store, entry(1))
    disk.fail = "before"
    assert [type(error) for error in warehouse.settle(store.commit(change))] == [OutcomeUnknown]
    put(warehouse, store, entry(2, "again"))
    assert [(row.seq, row.body) for row in all_entries(warehouse, store)] == [(1, "hello"), (2, "again")]
    assert warehouse.wait(store.untold([SLOT])) == []


def test_until_it_is_known_what_was_done_nothing_else_is(warehouse: Warehouse, store: SqliteStore, disk: FailingDisk) -> None:
    disk.fail = "before"
    warehouse.settle(store.commit(Commit(SLOT, (entry(1),))))
    # The commit that would settle it fails too: surely not done, and still not settled.
    disk.fail = "before"
    assert [type(error) for error in warehouse.settle(store.commit(Commit(SLOT, (entry(1),))))] == [StoreUnavailable]
    put(warehouse, store, entry(1, "at last"))
    assert [row.body for row in all_entries(warehouse, store)] == ["at last"]


def test_a_file_that_is_held_is_no_doubt(warehouse: Warehouse, store: SqliteStore, disk: FailingDisk) -> None:
    disk.fail = "busy"
    errors = warehouse.settle(store.commit(Commit(SLOT, (entry(1),))), store.commit(Commit(SLOT + 1, (mark("bob"),))))
    assert [type(error) for error in errors] == [StoreUnavailable, StoreUnavailable]
    put(warehouse, store, entry(1))
