"""From one format to the next, and no further than this version knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.store.migrations import FORMAT, STEPS, migrate
from actors.store.opening import SHARD_KIND, Damaged, NewerFormat, connect, oldest_reader, version_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    opened = connect(path, create=True)
    yield opened
    opened.close()


def test_an_empty_file_is_brought_to_the_newest_format_once(connection: sqlite3.Connection, path: Path) -> None:
    assert migrate(connection, path) == FORMAT
    assert migrate(connection, path) == 0
    assert version_of(connection, path, SHARD_KIND, FORMAT) == FORMAT


def test_only_the_steps_that_are_missing_are_taken(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path)
    longer = (*STEPS, ("ALTER TABLE rooms ADD COLUMN colour TEXT NOT NULL DEFAULT ''",), ("CREATE TABLE extra (x TEXT)",))
    assert migrate(connection, path, longer) == 2
    assert "colour" in {row[1] for row in connection.execute("PRAGMA table_info(rooms)")}
    with pytest.raises(NewerFormat, match=f"format {FORMAT + 2}, this one reads up to {FORMAT}"):
        migrate(connection, path)


def test_a_step_that_fails_leaves_the_format_before_it(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path)
    broken = (*STEPS, ("CREATE TABLE half (x TEXT)", "CREATE TABLE rooms (x TEXT)"))
    with pytest.raises(Exception, match="rooms already exists"):
        migrate(connection, path, broken)
    assert migrate(connection, path) == 0
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)


def test_a_file_of_another_program_is_not_touched(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("CREATE TABLE shopping (what TEXT)")
    with pytest.raises(Damaged, match="not written by Warbler"):
        migrate(connection, path)


ADDED = ("ALTER TABLE rooms ADD COLUMN colour TEXT NOT NULL DEFAULT ''", "CREATE TABLE extra (x TEXT)")


def test_a_file_that_the_next_version_has_migrated_is_worked_with_as_before(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, (*STEPS, ADDED))
    assert migrate(connection, path) == 0
    assert version_of(connection, path, SHARD_KIND, FORMAT) == FORMAT + 1
    assert migrate(connection, path, (*STEPS, ADDED)) == 0


def test_a_step_can_end_the_work_of_the_version_before(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, (*STEPS, (*ADDED, oldest_reader(FORMAT + 1))))
    with pytest.raises(NewerFormat, match=f"format {FORMAT + 1}, this one reads up to {FORMAT}"):
        migrate(connection, path)


def test_the_version_before_works_with_a_file_of_this_one_as_it_is_and_as_it_was(connection: sqlite3.Connection, path: Path) -> None:
    before = STEPS[:-1]
    assert migrate(connection, path, before) == FORMAT - 1
    assert migrate(connection, path) == 1
    assert migrate(connection, path, before) == 0
