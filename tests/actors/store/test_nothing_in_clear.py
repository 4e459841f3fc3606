"""No message can be read in what lies on the disk: files of the embedded store with their logs, and all that Cassandra writes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from actors.store.cassandra.driver import Driver
from actors.store.cassandra.shelf import Shelf
from actors.store.cassandra.store import CassandraStore
from actors.store.seal import Sealer
from actors.store.store import Commit
from cluster.dev import cassandra
from cluster.store_place import parse_place
from tests.kit.sound_data import ROOMS, TELLING, entries, room_slot
from tests.kit.turns import Turns
from tests.kit.warehouse import MASTER, Warehouse

ROOM = ROOMS[0]
SLOT = room_slot(ROOM)
GROUPS = 3


def holding(paths: Iterable[Path], text: str) -> list[str]:
    """The files in which it stands, as any of the usual encodings."""
    wanted = [text.encode(), text.encode("utf-16-le"), text.encode().hex().encode()]
    return [path.name for path in paths if path.is_file() and any(form in path.read_bytes() for form in wanted)]


def test_files_and_their_logs_show_no_message(tmp_path: Path) -> None:
    with Warehouse(tmp_path, 2) as warehouse:
        store = warehouse.store()
        for entry in entries(ROOM, 300):
            warehouse.wait(store.commit(Commit(SLOT, [entry])))
        while not warehouse.wait(store.copy_seat(0, ROOM, 2)):
            pass
        warehouse.wait(store.fill_seat(0, ROOM, 2))
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert {"shard-00.db-wal", "shard-01.db-wal"} <= {path.name for path in files}
        assert holding(files, TELLING) == []
        # What is not a secret is found: so the search finds something where it is there.
        assert holding(files, ROOM) != []


@pytest.mark.slow
def test_whatever_cassandra_writes_shows_no_message(tmp_path: Path) -> None:
    folder = tmp_path / "nodes"
    folder.mkdir()
    place = parse_place(f"{cassandra.start(folder, 1).url}/clear_{os.getpid()}")
    try:
        driver = Driver(place)
        driver.migrate()
        driver.open()
        turns = Turns()
        store = CassandraStore(driver, GROUPS, "a", Sealer(MASTER, Shelf(driver)), turns.soon, turns.wake)
        for group in range(GROUPS):
            turns.wait(store.take_shard(group))
        for at in range(0, 300, 10):
            turns.wait(store.commit(Commit(SLOT, entries(ROOM, 10, first=at + 1))))
        turns.wait(store.flush())
        store.close()
        driver.close()
    finally:
        cassandra.stop(folder)  # in good order: what was in its memory is in files then
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any("room_entries" in str(path) and path.name.endswith("-Data.db") for path in files)
    assert any(path.suffix == ".log" and "commit" in str(path) for path in files)
    assert holding(files, TELLING) == []
    assert holding(files, ROOM) != []
