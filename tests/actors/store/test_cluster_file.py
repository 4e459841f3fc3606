"""The cluster file: compare-and-set, leases and lives, from several processes at once, and what is told of bad files."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.store import cluster_file
from actors.store.cluster_file import ClusterFile
from actors.store.opening import Damaged, NewerFormat, NotWritable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cluster_file.create(tmp_path / "data", 3, b"12345678", 1_700_000_000_000)
    return tmp_path / "data"


@pytest.fixture
def cluster(folder: Path) -> Iterator[ClusterFile]:
    opened = ClusterFile(folder)
    yield opened
    opened.close()


@pytest.fixture
def other(folder: Path) -> Iterator[ClusterFile]:
    """The same file, as another process has it."""
    opened = ClusterFile(folder)
    yield opened
    opened.close()


def test_a_new_cluster_has_its_shards_and_no_view(cluster: ClusterFile, folder: Path) -> None:
    assert (cluster.shards, cluster.key_id, cluster.created_at) == (3, b"12345678", 1_700_000_000_000)
    assert cluster.view() == (0, b"")
    assert sorted(path.name for path in folder.glob("shard-*.db")) == ["shard-00.db", "shard-01.db", "shard-02.db"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.glob("*.db"))


def test_a_view_is_changed_only_from_the_version_that_was_read(cluster: ClusterFile, other: ClusterFile) -> None:
    assert cluster.change_view(0, b"one")
    assert not other.change_view(0, b"other one")
    assert other.view() == (1, b"one")
    assert other.change_view(1, b"two")
    assert not cluster.change_view(1, b"late")
    assert not cluster.change_view(7, b"from the future")
    assert cluster.view() == (2, b"two")


def test_a_plan_is_changed_only_from_the_version_that_was_read_and_outlives_whoever_wrote_it(
    cluster: ClusterFile, other: ClusterFile, folder: Path
) -> None:
    assert cluster.plan() == (0, b"")
    assert cluster.change_plan(0, b"one")
    assert not other.change_plan(0, b"other one")
    assert other.plan() == (1, b"one")
    assert other.change_plan(1, b"")
    assert ClusterFile(folder).plan() == (2, b"")
    assert cluster.setting("plan") is not None, "the version before knows the row as a setting that it does not look at"


def test_of_many_who_change_the_view_at_once_each_version_has_one_winner(folder: Path) -> None:
    won: list[int] = []

    def change() -> None:
        mine = ClusterFile(folder)
        for _ in range(20):
            version, data = mine.view()
            if mine.change_view(version, data + b"."):
                won.append(version)
        mine.close()

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    judge = ClusterFile(folder)
    assert sorted(won) == list(range(len(won)))
    assert judge.view() == (len(won), b"." * len(won))
    judge.close()


def test_lives_are_written_once_and_sealed_for_ever(cluster: ClusterFile, other: ClusterFile) -> None:
    assert cluster.add_life("a") and cluster.add_life("b")
    assert not other.add_life("a")
    other.mark_sealed("a")
    other.mark_sealed("a")
    other.mark_sealed("never-seen")
    assert cluster.is_sealed("a") and cluster.is_sealed("never-seen")
    assert not cluster.is_sealed("b") and not cluster.is_sealed("c")
    assert not cluster.add_life("never-seen")
    assert cluster.lives() == {"a": True, "b": False, "never-seen": True}
    assert cluster.unsealed() == ["b"]


def test_the_lease_is_changed_by_compare_and_set(cluster: ClusterFile, other: ClusterFile) -> None:
    assert cluster.lease() == ("", 0)
    assert cluster.change_lease(("", 0), ("a", 1))
    assert not other.change_lease(("", 0), ("b", 1))
    assert other.lease() == ("a", 1)
    assert cluster.change_lease(("a", 1), ("a", 2))
    assert not other.change_lease(("a", 1), ("b", 2))
    assert other.change_lease(("a", 2), ("b", 3))
    assert not cluster.change_lease(("a", 2), ("a", 3))
    assert cluster.lease() == ("b", 3)


def test_one_look_finds_view_and_lease_and_brings_the_view_only_where_it_is_newer(cluster: ClusterFile, other: ClusterFile) -> None:
    assert cluster.look(0) == (0, None, "", 0)
    cluster.change_view(0, b"view")
    cluster.change_lease(("", 0), ("a", 7))
    assert other.look(0) == (1, b"view", "a", 7)
    assert other.look(1) == (1, None, "a", 7)


def test_data_keys_keep_their_ids(cluster: ClusterFile, other: ClusterFile) -> None:
    first, second = cluster.add_key(b"one"), other.add_key(b"two")
    assert first != second
    assert (other.wrapped_key(first), cluster.wrapped_key(second), cluster.wrapped_key(99)) == (b"one", b"two", None)
    assert cluster.rewrap_keys(b"87654321", lambda wrapped: wrapped.upper()) == 2
    assert (other.wrapped_key(first), other.wrapped_key(second)) == (b"ONE", b"TWO")
    assert cluster.key_id == b"87654321"


def test_a_rewrap_that_fails_changes_nothing(cluster: ClusterFile) -> None:
    first, second = cluster.add_key(b"one"), cluster.add_key(b"two")

    def fail_on_two(wrapped: bytes) -> bytes:
        if wrapped == b"two":
            raise ValueError("no")
        return b"changed"

    with pytest.raises(ValueError, match="no"):
        cluster.rewrap_keys(b"87654321", fail_on_two)
    assert (cluster.wrapped_key(first), cluster.wrapped_key(second), cluster.key_id) == (b"one", b"two", b"12345678")


def test_the_first_value_of_a_setting_stays(cluster: ClusterFile, other: ClusterFile) -> None:
    assert cluster.setting("secret") is None
    assert cluster.keep_setting("secret", b"first") == b"first"
    assert other.keep_setting("secret", b"second") == b"first"
    assert other.setting("secret") == b"first"


def test_all_of_it_outlives_the_process(folder: Path) -> None:
    first = ClusterFile(folder)
    first.change_view(0, b"view")
    first.add_life("a")
    first.change_lease(("", 0), ("a", 3))
    first.close()
    second = ClusterFile(folder)
    assert (second.view(), second.lives(), second.lease()) == ((1, b"view"), {"a": False}, ("a", 3))
    second.close()


def test_making_a_cluster_again_changes_nothing(folder: Path, cluster: ClusterFile) -> None:
    cluster_file.create(folder, 7, b"other-id", 5)
    again = ClusterFile(folder)
    assert (again.shards, again.key_id) == (3, b"12345678")
    again.close()


def test_a_file_of_a_newer_version_is_left_alone(folder: Path) -> None:
    with sqlite3.connect(folder / "cluster.db") as file:
        file.execute("PRAGMA user_version=99")
    file.close()
    with pytest.raises(NewerFormat, match="newer version"):
        ClusterFile(folder)
    with pytest.raises(NewerFormat):
        cluster_file.is_complete(folder)


def test_a_file_that_is_missing_damaged_or_of_another_kind_is_told(folder: Path) -> None:
    path = folder / "cluster.db"
    whole = path.read_bytes()
    path.write_bytes(b"\x00\xff" * 5000)
    with pytest.raises(Damaged, match="is damaged"):
        ClusterFile(folder)
    path.write_bytes(whole[:5000])
    with pytest.raises(Damaged):
        ClusterFile(folder)
    path.unlink()
    with pytest.raises(Damaged, match="is missing"):
        ClusterFile(folder)
    assert not cluster_file.is_complete(folder)
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE shopping (what TEXT)")
    file.close()
    with pytest.raises(Damaged, match="not written by Warbler"):
        ClusterFile(folder)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritable, match="cannot be made"):
        cluster_file.create(tmp_path / "file" / "data", 1, b"12345678", 0)
