"""A keyspace as an archive: filled from files, killed at every point, and read back the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.store import copying
from actors.store.archive import digests
from actors.store.bulk import bulk_load
from actors.store.cassandra.archive import CassandraArchive
from actors.store.cluster_file import ClusterFile
from actors.store.copying import Compared, Copier
from actors.store.rows import EntryRow
from actors.store.seal import Sealer
from actors.store.sqlite_archive import SqliteArchive
from actors.store.store import Commit
from tests.kit.cassandra import GROUPS, CassandraLab
from tests.kit.sound_data import ROOMS, all_rows, room_slot
from tests.kit.warehouse import MASTER, Warehouse

pytestmark = pytest.mark.slow
LENGTHS = (1, 2, 64, 65, 130, 2100, 5)
ROOM = ROOMS[5]


class Died(Exception):
    """The process is gone."""


@pytest.fixture
def lab() -> Iterator[CassandraLab]:
    with CassandraLab() as lab:
        # What tests before this one took away stands above all that a copy writes.
        for table in lab.driver.partitions():
            if table not in ("settings", "data_keys"):
                lab.driver.execute(f"TRUNCATE {table}")
        yield lab


def copy(lab: CassandraLab, folder: Path, notes: ClusterFile, dies_at: int = 0) -> Compared:
    told = 0

    def tell(*_: object) -> None:
        nonlocal told
        told += 1
        if told == dies_at:
            raise Died

    with Warehouse(folder / "old") as old, closing(SqliteArchive(old.folder, old.cluster.shards, Sealer(MASTER, old.cluster))) as source:
        goal = CassandraArchive(lab.driver, GROUPS, Sealer(MASTER, lab.shelf))
        return Copier(source, goal, notes, "old", tell).run()


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[ClusterFile]:
    with Warehouse(tmp_path / "old", 3) as old:
        bulk_load(old.folder, 3, Sealer(MASTER, old.cluster), all_rows(LENGTHS))
    with Warehouse(tmp_path / "notes") as notes:
        yield notes.cluster


def test_killed_at_many_points_it_ends_the_same_and_cells_go_on(
    lab: CassandraLab, notes: ClusterFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "ROWS_AT_ONCE", 100)
    deaths = 0
    while deaths < 12:
        try:
            copy(lab, tmp_path, notes, dies_at=1 + deaths % 3)
            break
        except Died:
            deaths += 1
    compared = copy(lab, tmp_path, notes)
    assert deaths > 3
    assert compared.tables["entries"].rows == sum(LENGTHS)
    store, slot = lab.store(), room_slot(ROOM)
    state = lab.wait(store.load_room(slot, ROOM))
    assert state is not None and [member.user for member in state.members] == ["ann", "bob", "eve"]
    assert [mark.user for mark in lab.wait(store.untold([slot])) if mark.room == ROOM] == ["bob"]
    assert lab.wait(store.active([slot])) == [ROOM]
    (refused,) = lab.settle(store.commit(Commit(slot, [EntryRow(ROOM, 2100, 1, "ann", "dev00001", 2100, "id", "text", "again")])))
    assert "already there" in str(refused)
    lab.wait(store.commit(Commit(slot, [EntryRow(ROOM, 2101, 1, "ann", "dev00001", 2101, "id-002101", "text", "next")])))
    page = lab.wait(store.entries_after(slot, ROOM, 2090, 50))
    assert [entry.seq for entry in page] == list(range(2091, 2102))


def test_what_cells_wrote_is_drained_and_read_whole(lab: CassandraLab, tmp_path: Path) -> None:
    lab.driver.execute("INSERT INTO lives (life, state) VALUES (%s, 0) IF NOT EXISTS", (lab.life("a"),))
    store = lab.store()
    for slot, row in all_rows(LENGTHS):
        store.commit(Commit(slot, [row]))
    lab.wait(store.commit(Commit(room_slot(ROOM), [EntryRow(ROOM, 2101, 1, "", "", 0, "", "text", "last")])))
    archive = CassandraArchive(lab.driver, GROUPS, Sealer(MASTER, lab.shelf))
    archive.settle()
    with Warehouse(tmp_path / "new", 2) as new, closing(SqliteArchive(new.folder, 2, Sealer(MASTER, new.cluster))) as goal:
        compared = Copier(archive, goal, new.cluster, "keyspace", lambda *_: None).run()
        assert compared.tables["entries"].rows == sum(LENGTHS) + 1
        assert compared.tables["users"].rows == 3
        owners = {(owner.kind, owner.id): owner for owner in goal.owners()}
        for owner in archive.owners():
            assert digests(goal.pieces(owners[owner.kind, owner.id])) == digests(archive.pieces(owner))
