"""Entries as rows of their table: many to a row, and the rows of earlier versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.store.chunks import CHUNK_CHARS, CHUNK_ENTRIES, chunk_values, cut, entries_in, forget_entry, insert, last_at
from actors.store.rows import EntryRow
from actors.store.schema import ENTRIES
from actors.store.seal import CannotUnseal, Sealer
from tests.actors.store.samples import ROOM, SLOT, entry
from tests.kit.shelf import SEALER
from tests.kit.warehouse import MASTER, Warehouse


@pytest.fixture
def table() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.execute(ENTRIES)
    yield opened
    opened.close()


def held(table: sqlite3.Connection) -> list[list[int]]:
    rows = table.execute("SELECT room, seq, meta, body FROM entries ORDER BY room, seq").fetchall()
    return [[row.seq for row in entries_in(values, SEALER)] for values in rows]


def old_row(row: EntryRow, sealer: Sealer) -> Sequence[Any]:
    """A row as earlier versions wrote it."""
    meta = msgspec.msgpack.encode([row.at, row.user, row.device, row.n, row.id, row.kind])
    return row.room, row.seq, meta, sealer.seal(row.body.encode(), f"entries.body {row.room} {row.seq}".encode())


def test_a_row_gives_back_its_entries() -> None:
    rows = [entry(seq, f"text {seq} \u5b89") for seq in range(5, 9)]
    values = chunk_values(rows, SEALER)
    assert values[:2] == (ROOM, 8)
    assert entries_in(values, SEALER) == rows
    assert last_at(values[2]) == rows[-1].at


def test_a_row_of_an_earlier_version_still_reads() -> None:
    row = entry(3, "old words")
    values = old_row(row, SEALER)
    assert entries_in(values, SEALER) == [row]
    assert last_at(values[2]) == row.at


def test_a_row_does_not_open_under_another_name_or_number() -> None:
    room, seq, meta, body = chunk_values([entry(1, "pay 10")], SEALER)
    for values in ((room, seq + 1, meta, body), ("other", seq, meta, body)):
        with pytest.raises(CannotUnseal):
            entries_in(values, SEALER)


def test_pieces_are_bounded_by_entries_and_by_text() -> None:
    many = [entry(seq, "x") for seq in range(1, 2 * CHUNK_ENTRIES + 2)]
    assert [len(piece) for piece in cut(many)] == [CHUNK_ENTRIES, CHUNK_ENTRIES, 1]
    long = [entry(seq, "x" * CHUNK_CHARS) for seq in range(1, 4)]
    assert [len(piece) for piece in cut(long)] == [1, 1, 1]
    assert list(cut([])) == []


def test_an_entry_is_taken_out_of_the_middle_the_end_and_a_row_of_its_own(table: sqlite3.Connection) -> None:
    insert(table, [[entry(1), entry(2), entry(3)], [entry(4)]], SEALER)
    forget_entry(table, ROOM, 2, SEALER)
    assert held(table) == [[1, 3], [4]]
    forget_entry(table, ROOM, 3, SEALER)
    assert held(table) == [[1], [4]]
    forget_entry(table, ROOM, 4, SEALER)
    forget_entry(table, ROOM, 4, SEALER)
    forget_entry(table, "nobody", 1, SEALER)
    assert held(table) == [[1]]


def test_a_second_row_for_the_same_entry_is_refused(table: sqlite3.Connection) -> None:
    insert(table, [[entry(1)]], SEALER)
    with pytest.raises(sqlite3.IntegrityError):
        insert(table, [[entry(1)]], SEALER)


def test_what_an_earlier_version_left_in_table_and_ledger_is_served_and_goes_on(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        sealer = Sealer(MASTER, warehouse.cluster)
        rows = [entry(seq, f"words {seq}") for seq in range(1, 7)]
        with sqlite3.connect(tmp_path / "shard-00.db") as file:
            file.executemany("INSERT INTO entries VALUES (?, ?, ?, ?)", [old_row(row, sealer) for row in rows[:4]])
            # entry 4 was folded already when its owner died
            blob = msgspec.msgpack.encode([old_row(row, sealer) for row in rows[3:]])
            file.execute("INSERT INTO ledger (entries) VALUES (?)", (blob,))
        file.close()
        store = warehouse.store()
        assert warehouse.wait(store.entries_after(SLOT, ROOM, 0, 100)) == rows
        assert warehouse.wait(store.entries_before(SLOT, ROOM, 5, 3)) == rows[1:4]
        assert warehouse.wait(store.heads([(SLOT, ROOM)])) == {ROOM: (6, rows[-1].at)}
