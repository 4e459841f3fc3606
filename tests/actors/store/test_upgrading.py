"""Bringing a whole data folder to this version's format."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from actors.store import cluster_file
from actors.store.migrations import FORMAT, STEPS
from actors.store.opening import CannotOpen, NewerFormat, connect
from actors.store.shards import shard_path
from actors.store.upgrading import upgrade_folder
from tests.kit.warehouse import Warehouse


def of_the_first_format(folder: Path) -> None:
    """A folder with one shard as the first version made it."""
    with Warehouse(folder, 2):
        pass
    path = shard_path(folder, 1)
    path.unlink()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in STEPS[0]:
            connection.execute(statement)
        connection.execute("PRAGMA application_id=0x57424C53")
        connection.execute("PRAGMA user_version=1")


def versions(folder: Path) -> list[int]:
    found = []
    for number in range(2):
        with closing(connect(shard_path(folder, number), query_only=True)) as connection:
            found.append(connection.execute("PRAGMA user_version").fetchone()[0])
    return found


def test_old_files_are_brought_up_to_date_and_a_repeat_finds_nothing_to_do(tmp_path: Path) -> None:
    of_the_first_format(tmp_path)
    assert [(done.file, done.before, done.after) for done in upgrade_folder(tmp_path)] == [
        (cluster_file.NAME, len(cluster_file.STEPS), len(cluster_file.STEPS)),
        ("shard-00.db", FORMAT, FORMAT),
        ("shard-01.db", 1, FORMAT),
    ]
    assert all(done.before == done.after for done in upgrade_folder(tmp_path))
    assert versions(tmp_path) == [FORMAT, FORMAT]


def test_two_at_once_take_each_step_once(tmp_path: Path) -> None:
    of_the_first_format(tmp_path)
    taken: list[int] = []

    def upgrade() -> None:
        taken.append(sum(done.after - done.before for done in upgrade_folder(tmp_path)))

    threads = [Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == FORMAT - 1 and len(taken) == 4
    assert versions(tmp_path) == [FORMAT, FORMAT]


def test_a_newer_file_is_refused_and_no_other_is_touched(tmp_path: Path) -> None:
    of_the_first_format(tmp_path)
    with closing(sqlite3.connect(shard_path(tmp_path, 0))) as connection:
        connection.execute(f"PRAGMA user_version={FORMAT + 2}")
    with pytest.raises(NewerFormat, match=r"shard-00\.db was written by a newer version"):
        upgrade_folder(tmp_path)
    assert versions(tmp_path) == [FORMAT + 2, 1]


def test_a_folder_without_data_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen, match="There is no Warbler data"):
        upgrade_folder(tmp_path)
