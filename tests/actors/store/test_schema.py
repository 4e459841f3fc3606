"""The tables: one for every row type, rows that come back as they were, and no statement that reads a whole table."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

import pytest

from actors.store import ledger, sqlite_reads
from actors.store.migrations import STEPS
from actors.store.rows import ROWS, EntryRow, Gone, MarkRow, Row
from actors.store.schema import TABLES, check_gone, delete_sql


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:")
    for statement in (statement for step in STEPS for statement in step):
        opened.execute(statement)
    yield opened
    opened.close()


def plan(connection: sqlite3.Connection, statement: str) -> list[str]:
    parameters = tuple("[]" for _ in range(statement.count("?")))
    return [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]


def scans(connection: sqlite3.Connection, statement: str) -> list[str]:
    return [step for step in plan(connection, statement) if step.startswith("SCAN") and not re.search("wanted|json_each|SCAN owner", step)]


def test_every_row_type_has_a_table_with_its_key(connection: sqlite3.Connection) -> None:
    for kind in ROWS:
        columns = connection.execute(f"PRAGMA table_info({kind.table})").fetchall()
        key = tuple(row[1] for row in sorted(columns, key=lambda row: row[5]) if row[5])
        assert key == kind.key
        assert all(row[3] for row in columns), "no column may be NULL"


STATEMENTS = [text for text in vars(sqlite_reads).values() if isinstance(text, str) and text.startswith("SELECT")]


@pytest.mark.parametrize("statement", [*STATEMENTS, ledger.HEAD])
def test_a_read_costs_by_what_it_finds_and_not_by_what_is_stored(connection: sqlite3.Connection, statement: str) -> None:
    assert scans(connection, statement) == []
    assert not any("TEMP B-TREE" in step and "ORDER BY" in step and "LIMIT" in statement for step in plan(connection, statement))


def test_the_reads_were_all_found() -> None:
    assert len(STATEMENTS) >= 17


@pytest.mark.parametrize("kind", ROWS)
def test_taking_rows_away_uses_the_key(connection: sqlite3.Connection, kind: type[Row]) -> None:
    for fields in range(1, len(kind.key) + 1):
        assert scans(connection, delete_sql(kind.table, fields)) == []


def test_old_keys_are_found_by_an_index(connection: sqlite3.Connection) -> None:
    assert scans(connection, "DELETE FROM post_keys WHERE at < ?") == []


@pytest.mark.parametrize("gone", [Gone("nothing", ("a",)), Gone("marks", ()), Gone("marks", ("a", "b", "c"))])
def test_a_gone_that_names_no_rows_is_refused(gone: Gone) -> None:
    with pytest.raises(ValueError, match="names no rows"):
        check_gone(gone)


def test_entries_are_kept_apart_from_the_general_tables() -> None:
    assert EntryRow not in TABLES
    assert len(TABLES) == len(ROWS) - 1
    assert TABLES[MarkRow].columns[-1] == "slot"
