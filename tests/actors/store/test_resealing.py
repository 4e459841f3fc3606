"""Rows of a shard are sealed anew by its owner, a piece at a time, while rooms go on, change files and come back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from actors.store.opening import connect
from actors.store.resealing import holds_any
from actors.store.shards import NotReleased
from actors.store.sqlite import SqliteStore
from actors.store.store import Commit
from tests.kit.sound_data import ROOMS, entries, room_slot
from tests.kit.warehouse import Warehouse

ROOM = ROOMS[5]
SLOT = room_slot(ROOM)
LENGTH = 4000


def stocked(warehouse: Warehouse) -> SqliteStore:
    """A store with a room whose first entries are in the table, and the last in the ledger."""
    store = warehouse.store("a")
    for at in range(0, LENGTH, 500):
        warehouse.wait(store.commit(Commit(SLOT, entries(ROOM, 500, first=at + 1))))
    return store


def reseal_all(warehouse: Warehouse, store: SqliteStore, old: frozenset[int]) -> int:
    rows = 0
    for shard in store.owned():
        is_last = False
        while not is_last:
            is_last, changed = warehouse.wait(store.reseal(shard, old))
            assert changed <= 40
            rows += changed
    return rows


def is_left(folder: Path, old: frozenset[int]) -> bool:
    found = False
    for path in folder.glob("s*-*.db"):
        with closing(connect(path, query_only=True)) as connection:
            found = found or holds_any(connection, old)
    return found


def test_ledger_and_table_are_under_new_keys_and_read_as_before_without_the_old_ones(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        store = stocked(warehouse)
        old = frozenset(warehouse.cluster.key_ids())
        assert is_left(tmp_path, old)
        warehouse.wait(store.renew_keys())
        warehouse.wait(store.commit(Commit(SLOT, entries(ROOM, 10, first=LENGTH + 1))))
        reseal_all(warehouse, store, old)
        assert not is_left(tmp_path, old)
        assert reseal_all(warehouse, store, old) == 0
        warehouse.cluster.remove_keys(old)
        store.close()
        warehouse.seal("a")
        after = warehouse.store("b")
        assert warehouse.wait(after.entries_after(SLOT, ROOM, 0, 9999)) == entries(ROOM, LENGTH + 10)


def test_a_copy_that_was_begun_before_takes_no_old_row_along(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        store = stocked(warehouse)
        for _ in range(3):
            warehouse.wait(store.copy_seat(0, ROOM, 2))
        old = frozenset(warehouse.cluster.key_ids())
        warehouse.wait(store.renew_keys())
        reseal_all(warehouse, store, old)
        while not warehouse.wait(store.copy_seat(0, ROOM, 2)):
            pass
        warehouse.wait(store.fill_seat(0, ROOM, 2))
        assert list(tmp_path.glob("seat-*.db")) and not is_left(tmp_path, old)


def test_a_shard_that_is_not_owned_is_refused(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        (refused,) = warehouse.settle(warehouse.bare_store().reseal(0, frozenset()))
        assert isinstance(refused, NotReleased)


@pytest.mark.parametrize("again", [False, True])
def test_a_shard_that_was_away_meanwhile_is_begun_anew(tmp_path: Path, again: bool) -> None:
    with Warehouse(tmp_path) as warehouse:
        store = stocked(warehouse)
        old = frozenset(warehouse.cluster.key_ids())
        warehouse.wait(store.renew_keys())
        warehouse.wait(store.reseal(0, old))
        warehouse.wait(store.release_shard(0))
        warehouse.wait(store.take_shard(0))
        if again:
            warehouse.wait(store.renew_keys())
        reseal_all(warehouse, store, old)
        assert not is_left(tmp_path, old)
