"""A copy from files to files: whole, shared out anew, taken up again wherever it died, and never called done where rows differ."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from actors.store import copying
from actors.store.archive import Digest, digests
from actors.store.bulk import bulk_load
from actors.store.copying import Compared, Copier, NotTheSame, check_whole, noted
from actors.store.opening import CannotOpen
from actors.store.rows import EntryRow, MarkRow
from actors.store.seal import Sealer
from actors.store.shards import SLOTS, shard_of, shard_path
from actors.store.sqlite_archive import SqliteArchive
from actors.store.store import Commit
from tests.kit.sound_data import ROOMS, all_rows, room_slot
from tests.kit.warehouse import MASTER, Warehouse


class Died(Exception):
    """The process is gone."""


class Two:
    """A source with three shards, and a new store with five."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.old = stack.enter_context(Warehouse(folder / "old", 3))
        self.new = stack.enter_context(Warehouse(folder / "new", 5))

    def archive(self, of: Warehouse) -> SqliteArchive:
        return SqliteArchive(of.folder, of.cluster.shards, Sealer(MASTER, of.cluster))

    def copy(self, *, dies_at: int = 0, name: str = "old") -> Compared:
        """Copy; the process dies as progress is told for that time."""
        told = 0

        def tell(*_: object) -> None:
            nonlocal told
            told += 1
            if told == dies_at:
                raise Died

        with closing(self.archive(self.old)) as source, closing(self.archive(self.new)) as goal:
            return Copier(source, goal, self.new.cluster, name, tell).run()


@pytest.fixture
def two(tmp_path: Path, request: pytest.FixtureRequest) -> Two:
    stack = ExitStack()
    request.addfinalizer(stack.close)
    found = Two(tmp_path, stack)
    bulk_load(found.old.folder, 3, Sealer(MASTER, found.old.cluster), all_rows())
    return found


def contents(two: Two, of: Warehouse) -> dict[tuple[str, str], dict[str, Digest]]:
    with closing(two.archive(of)) as archive:
        return {(owner.kind, owner.id): digests(archive.pieces(owner)) for owner in archive.owners()}


def test_everything_is_in_the_new_store_under_its_own_keys(two: Two) -> None:
    compared = two.copy()
    assert contents(two, two.new) == contents(two, two.old)
    assert compared.owners == 10 and compared.tables["entries"].rows == 567
    assert compared.tables["users"].rows == 3
    check_whole(two.new.cluster)
    store = two.new.store("b")
    page = two.new.wait(store.entries_after(room_slot(ROOMS[5]), ROOMS[5], 0, 1000))
    assert [entry.seq for entry in page] == list(range(1, 301))


def test_a_new_message_gets_the_next_number_in_the_new_store(two: Two) -> None:
    two.copy()
    store, slot = two.new.store("b"), room_slot(ROOMS[5])
    again = EntryRow(ROOMS[5], 300, 1, "ann", "dev00001", 300, "id-000300", "text", "again")
    (refused,) = two.new.settle(store.commit(Commit(slot, [again])))
    assert "already there" in str(refused)
    two.new.wait(store.commit(Commit(slot, [EntryRow(ROOMS[5], 301, 1, "ann", "dev00001", 301, "id-000301", "text", "next")])))
    assert two.new.wait(store.heads([(slot, ROOMS[5])])) == {ROOMS[5]: (301, 1)}


def test_what_only_the_ledger_has_is_copied(two: Two) -> None:
    store, slot = two.old.store("a"), room_slot(ROOMS[1])
    for seq in range(3, 90):
        two.old.wait(store.commit(Commit(slot, [EntryRow(ROOMS[1], seq, 1, "ann", "dev00001", seq, "id-000000", "text", "x")])))
    store.close()
    assert two.copy().tables["entries"].rows == 567 + 87


def test_a_room_in_a_file_of_its_own_comes_home(two: Two) -> None:
    store, room = two.old.store("a"), ROOMS[5]
    while not two.old.wait(store.copy_seat(3, room, 2)):
        pass
    two.old.wait(store.fill_seat(3, room, 2))
    two.old.wait(store.take_shard(3 + 3))
    mark = MarkRow(room, "zoe", 300, False, True)
    two.old.wait(store.commit(Commit(SLOTS + 3, [mark])))
    store.close()
    two.copy()
    fresh = two.new.store("b")
    state = two.new.wait(fresh.load_room(room_slot(room), room))
    assert state is not None and mark in state.marks
    assert mark in two.new.wait(fresh.untold([room_slot(room)]))
    assert room in two.new.wait(fresh.active([room_slot(room)]))


def test_killed_at_every_point_it_goes_on_and_ends_the_same(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "ROWS_AT_ONCE", 100)
    deaths = 0
    # At the first, second, ... thing that it tells of, all of them later than those of the attempt before: copying is not begun anew.
    while True:
        try:
            compared = two.copy(dies_at=2 + deaths)
            break
        except Died:
            deaths += 1
            with pytest.raises(CannotOpen, match="a copy that is not finished"):
                check_whole(two.new.cluster)
    note = noted(two.new.cluster)
    assert note is not None and note.attempt == deaths + 1 > 5
    assert compared.tables["entries"].rows == 567
    assert contents(two, two.new) == contents(two, two.old)
    check_whole(two.new.cluster)


def test_it_does_not_begin_anew(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "ROWS_AT_ONCE", 40)
    with pytest.raises(Died):
        two.copy(dies_at=6)
    note = noted(two.new.cluster)
    assert note is not None and note.after is not None
    put: list[Any] = []
    real = SqliteArchive.put
    monkeypatch.setattr(SqliteArchive, "put", lambda self, pieces, attempt: (put.extend(pieces), real(self, pieces, attempt))[1])
    two.copy()
    assert 0 < sum(map(len, put)) <= sum(1 for _ in all_rows()) - note.rows


def test_a_begun_copy_of_another_store_is_refused(two: Two) -> None:
    with pytest.raises(Died):
        two.copy(dies_at=1)
    with pytest.raises(CannotOpen, match="a begun copy of another store"):
        two.copy(name="other")


def test_rows_that_differ_are_told_and_the_copy_is_not_done(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    real = SqliteArchive.put

    def spoil(self: SqliteArchive, pieces: Any, attempt: int) -> None:
        real(self, pieces, attempt)
        path = shard_path(two.new.folder, shard_of(room_slot(ROOMS[3]), 5))
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("DELETE FROM members WHERE room = ? AND user = 'eve'", (ROOMS[3],))

    monkeypatch.setattr(SqliteArchive, "put", spoil)
    with pytest.raises(NotTheSame, match=rf"The room {ROOMS[3]} was not copied as it is: members has 3 rows and 2 there"):
        two.copy()
    with pytest.raises(CannotOpen):
        check_whole(two.new.cluster)


def test_rows_too_many_are_told(two: Two) -> None:
    bulk_load(two.new.folder, 5, Sealer(MASTER, two.new.cluster), [(room_slot("rzz"), MarkRow("rzz", "x", 1, True, True))])
    with pytest.raises(NotTheSame, match="rooms or accounts that the old one does not"):
        two.copy()
