"""`warbler store` as people give it, on data of a server that is down."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from actors.store.shards import shard_of, shard_path
from cluster.cli import main
from cluster.data_folder import prepare
from cluster.settings import Settings
from tests.kit.sound_data import ROOMS, all_rows, room_slot
from tests.kit.stocked import load

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with sound data in two shards."""
    prepare(Settings(data=tmp_path / "data", shards=2, cells=1))
    load(tmp_path / "data", all_rows())
    return tmp_path / "data"


def run(*arguments: object) -> int:
    try:
        return main([str(argument) for argument in arguments]) or 0
    except SystemExit as ended:
        return int(ended.code or 0)


def test_check_says_what_it_saw_and_that_all_is_well(data: Path, capsys: Captured) -> None:
    assert run("store", "check", "--data", data) == 0
    assert run("store", "check", f"sqlite://{data}") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == told[1]
    assert told[0].startswith(f"{data}: all is well (") and "567 messages" in told[0] and "3 accounts" in told[0]


def test_check_tells_what_is_wrong_in_sentences_and_by_its_status(data: Path, capsys: Captured) -> None:
    with closing(sqlite3.connect(shard_path(data, shard_of(room_slot(ROOMS[5]), 2)), isolation_level=None)) as connection:
        connection.execute("DELETE FROM entries WHERE room = ? AND seq = 128", (ROOMS[5],))
    assert run("store", "check", "--data", data) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"Room {ROOMS[5]}: messages 65 to 128 are missing."
    assert "1 things are wrong" in told[-1]


def test_migrate_says_that_nothing_is_to_be_done(data: Path, capsys: Captured) -> None:
    assert run("store", "migrate", "--data", data) == 0
    assert "All is of this version's format already" in capsys.readouterr().out


def test_without_data_both_say_so(tmp_path: Path, capsys: Captured) -> None:
    for command in ("check", "migrate"):
        assert run("store", command, "--data", tmp_path / "none") == 1
        assert "There is no Warbler data" in capsys.readouterr().err
