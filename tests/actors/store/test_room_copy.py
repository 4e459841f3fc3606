"""A room that goes on while it is copied: whatever is written between two pieces, the copy is the room in the end."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random
from typing import Any

import pytest

from actors.store import room_copy
from actors.store.batcher import Pending
from actors.store.opening import connect
from actors.store.room_copy import ROOM_KEYS, WITH_SLOT, RoomCopy, clear_piece
from actors.store.rows import ActiveRow, CheckpointRow, EntryRow, Gone, KeyRow, MarkRow, MemberRow, RoomRow, Row
from actors.store.schema import check_gone, table_of
from actors.store.shards import create_shards, shard_path
from actors.store.sqlite_reads import ShardReader
from actors.store.sqlite_writer import ShardWriter
from tests.kit.shelf import SEALER

ROOM, OTHER, SLOT, SEAT = "room1", "room2", 77, 4096


class Desk:
    """A shard whose room is written at random, and a copy of it in the making."""

    def __init__(self, folder: Path, chance: Random) -> None:
        create_shards(folder, 2)
        self.chance = chance
        self.writer = ShardWriter(shard_path(folder, 0), "a-1", SEALER)
        self.reader = ShardReader(shard_path(folder, 0), self.writer.ledger, SEALER)
        self.target_path = shard_path(folder, 1)
        self.target = connect(self.target_path)
        self.copy = RoomCopy(ROOM, SEAT, SEALER)
        self.heads = {ROOM: 0, OTHER: 0}

    def commit(self, *puts: Row, gone: tuple[Gone, ...] = ()) -> None:
        entries = [row for row in puts if isinstance(row, EntryRow)]
        operations: list[Any] = [(change.table, check_gone(change), change.key) for change in gone]
        operations += [
            (row.table, table_of(type(row)).put, table_of(type(row)).values(row, SLOT, SEALER))
            for row in puts
            if not isinstance(row, EntryRow)
        ]
        pending = Pending(SLOT, 0, entries, operations, 0, any(change.table == "entries" for change in gone))
        self.writer.write([pending])
        assert pending.failure is None, pending.failure
        for table, _, values in operations:
            self.copy.note(table, values)

    def write(self) -> None:
        """Something of the room, or of another."""
        chance, room = self.chance, self.chance.choice((ROOM, ROOM, OTHER))
        user = f"user{chance.randrange(6)}"
        seq = self.heads[room] + 1
        ways: list[tuple[tuple[Row, ...], tuple[Gone, ...]]] = [
            (tuple(EntryRow(room, seq + at, 1, user, "d1", seq + at, f"id-{seq + at}", "post", "text") for at in range(3)), ()),
            ((MemberRow(room, user, "member", user, 1, seq),), ()),
            ((MarkRow(room, user, seq, False, True), ActiveRow(room, SLOT)), ()),
            ((KeyRow(room, user, f"key{chance.randrange(9)}", seq, seq, b"x"),), ()),
            ((RoomRow(room, "group", f"Name {seq}", "", False, 1, "user0", False), CheckpointRow(room, seq, seq, b"")), ()),
            ((), (Gone("members", (room, user)), Gone("marks", (room,)), Gone("active", (room,)))),
            ((), (Gone("entries", (room, chance.randint(1, seq))),)),
        ]
        puts, gone = chance.choice(ways)
        self.commit(*puts, gone=gone)
        self.heads[room] += 3 if puts and isinstance(puts[0], EntryRow) else 0

    def fold(self) -> None:
        self.writer.fold(self.chance.randint(1, 9), least=1)

    def step(self) -> None:
        self.target.execute("BEGIN")
        self.copy.step(self.writer.connection, self.target)
        self.target.execute("COMMIT")


def rows_of(connection: sqlite3.Connection, slot: int) -> dict[str, list[Any]]:
    """All rows of the room but its entries; each has to name the slot where it names one."""
    found = {
        table: connection.execute(f"SELECT * FROM {table} WHERE room = ?", (ROOM,)).fetchall() for table in ROOM_KEYS if table != "entries"
    }
    assert {row[-1] for table in WITH_SLOT for row in found[table]} <= {slot}
    return {table: [row[:-1] if table in WITH_SLOT else row for row in rows] for table, rows in found.items()}


@pytest.mark.parametrize("seed", range(12))
def test_the_copy_is_the_room_whatever_was_written_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(room_copy, "PIECE_ROWS", 2)
    monkeypatch.setattr(room_copy, "PIECE_ENTRIES", 1)
    desk = Desk(tmp_path, Random(seed))
    for _ in range(80):
        desk.write()
    for _ in range(60):
        desk.chance.choice((desk.write, desk.fold, desk.step))()
    desk.writer.alone(lambda shard: None, folds_all=True)
    desk.target.execute("BEGIN")
    desk.copy.finish(desk.writer.connection, desk.target)
    desk.target.execute("COMMIT")
    assert rows_of(desk.target, SEAT) == rows_of(desk.writer.connection, SLOT)
    copied = ShardWriter(desk.target_path, "b-1", SEALER)
    entries = ShardReader(desk.target_path, copied.ledger, SEALER).entries_after(ROOM, 0, 1000)
    assert entries == desk.reader.entries_after(ROOM, 0, 1000) != []
    assert copied.connection.execute("SELECT count(*) FROM entries WHERE room = ?", (OTHER,)).fetchone() == (0,)


def test_a_room_is_cleared_in_bounded_pieces_and_no_other_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_copy, "PIECE_ROWS", 2)
    monkeypatch.setattr(room_copy, "PIECE_ENTRIES", 2)
    desk = Desk(tmp_path, Random(1))
    for _ in range(80):
        desk.write()
    desk.writer.alone(lambda shard: None, folds_all=True)
    others = desk.reader.entries_after(OTHER, 0, 1000)
    steps = 1
    while not desk.writer.alone(lambda shard: clear_piece(shard, ROOM)):
        steps += 1
    assert steps > 3
    assert not any(rows_of(desk.writer.connection, SLOT).values())
    assert (desk.reader.entries_after(ROOM, 0, 1000), desk.reader.entries_after(OTHER, 0, 1000)) == ([], others)
