"""The ledger: what is appended is folded, in slices, and neither it nor memory nor the log grows with what is stored."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.store import ledger as ledger_module
from actors.store.checkpoints import LONG_PAGES
from actors.store.chunks import entries_in, insert
from actors.store.ledger import FOLD_BYTES, Ledger
from actors.store.rows import EntryRow
from actors.store.schema import ENTRIES, LEDGER
from actors.store.store import Commit
from tests.actors.store.samples import SLOT, entry
from tests.kit.shelf import SEALER
from tests.kit.warehouse import Warehouse

GENERATION = 4096
"""Entries of a generation here: a small one tells as much."""


@pytest.fixture(autouse=True)
def small_generations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "FOLD_ENTRIES", GENERATION)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.execute(ENTRIES)
    opened.execute(LEDGER)
    yield opened
    opened.close()


def values(room: str, seq: int, size: int = 10) -> EntryRow:
    return EntryRow(room, seq, 1700, "ann", "phone", seq, f"id{seq}", "text", "x" * size)


def append(connection: sqlite3.Connection, ledger: Ledger, entries: list[EntryRow]) -> None:
    """What the writer does with a group."""
    staged: dict[str, int] = {}
    assert ledger.admit(connection, entries, staged)
    key = connection.execute("INSERT INTO ledger (entries) VALUES (?)", (ledger.blob(entries),)).lastrowid or 0
    if folds := ledger.due():
        ledger.fold(connection)
    if folds:
        ledger.folded()
    ledger.committed(entries, staged, sum(len(row.body) for row in entries), key)


def stored(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    rows = connection.execute("SELECT room, seq, meta, body FROM entries ORDER BY room, seq").fetchall()
    found = [(entry.room, entry.seq) for values in rows for entry in entries_in(values, SEALER)]
    assert len(set(found)) == len(found), "nothing is in the table twice"
    return found


def test_every_entry_is_in_the_table_or_in_the_overlay_at_every_moment(connection: sqlite3.Connection) -> None:
    ledger, chance = Ledger(SEALER), random.Random(7)
    heads: dict[str, int] = {}
    for step in range(400):
        group = []
        for _ in range(chance.randrange(1, 200)):
            room = f"room{chance.randrange(30)}"
            heads[room] = heads.get(room, 0) + 1
            group.append(values(room, heads[room]))
        append(connection, ledger, group)
        if step % 20 == 0:
            there = set(stored(connection)) | {(row.room, row.seq) for room in heads for row in ledger.rows(room)}
            assert there == {(room, seq) for room, head in heads.items() for seq in range(1, head + 1)}
    assert len(stored(connection)) > 30_000


def test_the_overlay_and_the_ledger_stay_bounded(connection: sqlite3.Connection) -> None:
    ledger = Ledger(SEALER)
    most_rows = most_blobs = 0
    for seq in range(1, 15_000):
        append(connection, ledger, [values("busy", seq)])
        if seq % 500 == 0:
            most_rows = max(most_rows, len(ledger.rows("busy")))
            most_blobs = max(most_blobs, connection.execute("SELECT count(*) FROM ledger").fetchone()[0])
    assert GENERATION <= most_rows <= 2 * GENERATION
    assert GENERATION <= most_blobs <= 2 * GENERATION


def test_large_entries_are_folded_by_their_bytes(connection: sqlite3.Connection) -> None:
    ledger = Ledger(SEALER)
    for seq in range(1, 4000):
        append(connection, ledger, [values("busy", seq, 16_384)])
    rows = ledger.rows("busy")
    assert sum(len(row.body) for row in rows) <= 3 * FOLD_BYTES
    assert len(stored(connection)) > 1000


def test_the_next_owner_reads_what_is_not_folded_and_goes_on(connection: sqlite3.Connection) -> None:
    ledger, heads = Ledger(SEALER), dict.fromkeys((f"room{number}" for number in range(40)), 0)

    def post(count: int) -> None:
        for _ in range(count):
            for room in heads:
                heads[room] += 1
            append(connection, ledger, [values(room, head) for room, head in heads.items()])

    post(GENERATION // len(heads) + 20)
    before = stored(connection)
    assert 0 < len(before) < GENERATION, "a generation is being folded, another one grows"
    ledger = Ledger(SEALER)
    ledger.load(connection)
    assert stored(connection) == before, "taking over writes nothing"
    for room, head in heads.items():
        assert not ledger.admit(connection, [values(room, head)], {})
    everything = {(room, seq) for room, head in heads.items() for seq in range(1, head + 1)}
    assert everything == set(before) | {(row.room, row.seq) for room in heads for row in ledger.rows(room)}
    post(1)
    assert len(stored(connection)) <= len(before) + ledger_module.SLICE, "nobody's commit waits for all of it"
    post(3 * GENERATION // len(heads))
    assert len(stored(connection)) > sum(heads.values()) - 2 * GENERATION


def test_deaths_one_after_the_other_do_not_make_the_ledger_grow(connection: sqlite3.Connection) -> None:
    seq = 0
    for _ in range(12):
        ledger = Ledger(SEALER)
        ledger.load(connection)
        for _ in range(GENERATION // 2):
            seq += 1
            append(connection, ledger, [values("busy", seq)])
        assert len(ledger.rows("busy")) <= 3 * GENERATION


def test_an_entry_at_or_below_the_head_is_not_admitted(connection: sqlite3.Connection) -> None:
    insert(connection, [[values("old", seq) for seq in (1, 2, 3)]], SEALER)
    ledger = Ledger(SEALER)
    assert not ledger.admit(connection, [values("old", 3)], {})
    assert not ledger.admit(connection, [values("old", 4), values("old", 4)], {})
    staged: dict[str, int] = {}
    assert ledger.admit(connection, [values("old", 4), values("old", 5)], staged)
    assert not ledger.admit(connection, [values("old", 5)], staged)
    assert ledger.admit(connection, [values("old", 4)], {}), "what was only staged leaves no trace"


def test_heads_that_were_forgotten_are_looked_up_in_table_and_overlay(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.store.ledger.MAX_HEADS", 10)
    ledger = Ledger(SEALER)
    insert(connection, [[values("kept", 1)]], SEALER)
    append(connection, ledger, [values("kept", 2)])
    for number in range(100):
        append(connection, ledger, [values(f"other{number}", 1)])
    assert not ledger.admit(connection, [values("kept", 2)], {})
    assert not ledger.admit(connection, [values("other3", 1)], {})
    assert ledger.admit(connection, [values("kept", 3)], {})


def test_the_log_starts_anew_under_load_that_never_pauses(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        store = warehouse.store()
        seq, longest = 0, 0
        while seq < 12_000:
            promises = [store.commit(Commit(SLOT, (entry(seq + at, "x" * 8000),))) for at in range(1, 101)]
            seq += 100
            assert warehouse.settle(*promises) == [None] * 100
            longest = max(longest, (tmp_path / "shard-00.db-wal").stat().st_size)
        assert store.info()["checkpoints"] > 3 and store.info()["checkpoint_failures"] == 0
        assert longest < 4 * LONG_PAGES * 4096
        assert (tmp_path / "shard-00.db").stat().st_size > 90_000_000
