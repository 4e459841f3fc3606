"""Faults of files as typed errors, each with a sentence for the one who starts the server."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from actors.store.migrations import migrate
from actors.store.opening import Damaged, DiskFull, NotWritable, check_folder, connect, explain
from actors.store.store import StoreUnavailable


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    connection = connect(path, create=True)
    connection.execute("PRAGMA max_page_count=2")
    with pytest.raises(DiskFull, match=r"No space is left on the disk of .*file\.db"):
        migrate(connection, path)
    connection.close()


def test_a_file_that_may_only_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    connect(path, create=True).close()
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert isinstance(explain(caught.value, path), NotWritable)


def test_a_file_that_another_holds_is_unavailable_and_not_damaged(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    holder = connect(path, create=True)
    holder.execute("BEGIN IMMEDIATE")
    late = connect(path, busy_ms=1)
    with pytest.raises(StoreUnavailable, match="held by another process"):
        migrate(late, path)
    late.close()
    holder.close()


def test_a_file_is_made_only_when_that_is_asked(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="is missing"):
        connect(tmp_path / "nothing.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_a_folder_that_is_not_there_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(NotWritable):
        connect(tmp_path / "nowhere" / "file.db", create=True)


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0
    check_folder(tmp_path / "a" / "b")
