"""The data folder at its first start and at every other one."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.store.data_folder import open_folder, prepare
from actors.store.opening import KeyFileError
from actors.store.seal import create_key_file, new_master_key


def test_the_first_start_makes_everything_and_the_next_one_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "data"
    assert prepare(folder, 2, 5)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert not prepare(folder, 9, 6)
    opened = open_folder(folder)
    assert (opened.cluster.shards, opened.master.key_id) == (2, opened.cluster.key_id)
    opened.cluster.close()
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_first_start_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    create_key_file(tmp_path / "master.key", new_master_key())
    (tmp_path / "shard-00.db").touch()
    (tmp_path / "cluster.db").touch()
    assert prepare(tmp_path, 2, 5)
    open_folder(tmp_path).cluster.close()


def test_a_key_is_never_made_for_data_that_is_there(tmp_path: Path) -> None:
    prepare(tmp_path, 1, 5)
    (tmp_path / "master.key").unlink()
    assert not prepare(tmp_path, 1, 5)
    with pytest.raises(KeyFileError, match="is missing"):
        open_folder(tmp_path)


def test_the_key_of_other_data_is_refused(tmp_path: Path) -> None:
    prepare(tmp_path / "one", 1, 5)
    prepare(tmp_path / "two", 1, 5)
    with pytest.raises(KeyFileError, match="not the one that sealed"):
        open_folder(tmp_path / "one", tmp_path / "two" / "master.key")


def test_the_key_file_may_be_kept_elsewhere(tmp_path: Path) -> None:
    key_file = tmp_path / "kept.key"
    assert prepare(tmp_path / "data", 1, 5, key_file)
    assert not (tmp_path / "data" / "master.key").exists()
    open_folder(tmp_path / "data", key_file).cluster.close()
