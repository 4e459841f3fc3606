"""Lives and views as they are written down."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.runtime.view import CellInfo
from actors.store.cluster_file import ClusterFile, create
from actors.store.shards import owner_of
from actors.store.store import Sealed
from cluster.membership import Membership
from cluster.processes import identify
from tests.kit.warehouse import Warehouse

SHARDS = 4


@pytest.fixture
def membership(tmp_path: Path) -> Iterator[Membership]:
    create(tmp_path, SHARDS, b"testtest", 0)
    cluster = ClusterFile(tmp_path)
    yield Membership(cluster)
    cluster.close()


def test_lives_are_never_given_twice(membership: Membership) -> None:
    lives = {membership.new_life("cell-1") for _ in range(20)}
    assert len(lives) == 20
    assert set(membership.unsealed()) == lives


def test_the_first_cell_owns_everything_and_the_second_is_given_its_part_by_moves(membership: Membership) -> None:
    first, second = membership.new_life("cell-1"), membership.new_life("cell-2")
    assert set(membership.join(CellInfo(first, "cell-1")).owner_lives) == {first}
    assert set(membership.join(CellInfo(second, "cell-2")).owner_lives) == {first}
    moving = membership.begin_moves(1)
    assert moving is not None
    assert [move.to for move in moving.moves] == [second]
    ended = membership.end_moves({move.group for move in moving.moves})
    assert ended.owner_lives.count(second) == 1
    moving = membership.begin_moves(10)
    assert moving is not None
    kept = membership.withdraw_moves({move.group for move in moving.moves})
    assert kept.owner_lives.count(second) == 1
    assert kept.moves == ()


def test_joining_twice_changes_nothing(membership: Membership) -> None:
    cell = CellInfo(membership.new_life("cell-1"), "cell-1")
    assert membership.join(cell).version == membership.join(cell).version == 1


def test_a_life_leaves_only_once_it_is_sealed(membership: Membership) -> None:
    life = membership.new_life("cell-1")
    membership.join(CellInfo(life, "cell-1"))
    with pytest.raises(ValueError, match="must be sealed"):
        membership.leave(life)
    membership.seal(life)
    view = membership.leave(life)
    assert view is not None
    assert set(view.owner_lives) == {None}
    assert membership.unsealed() == []


def test_sealing_is_the_fence_of_the_store(membership: Membership, tmp_path: Path) -> None:
    with Warehouse(tmp_path) as house:
        store = house.store("a")
        assert owner_of(tmp_path, 0) == "a"
        membership.seal("a")
        with pytest.raises(Sealed):
            house.wait(house.bare_store("a").take_shard(0))
        assert store.owned() == [0, 1, 2, 3]
        assert owner_of(tmp_path, 0) == ""


def test_processes_of_a_restored_copy_are_not_ours_to_kill(membership: Membership, tmp_path: Path) -> None:
    life = membership.new_life("cell-1")
    me = identify(os.getpid())
    assert me is not None
    membership.note_process(life, me)
    assert membership.process(life) == me
    assert membership.process("another") is None
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob("*.db*"):
        shutil.copy(file, copy)
    cluster = ClusterFile(copy)
    assert Membership(cluster).unsealed() == [life]
    assert Membership(cluster).process(life) is None
    cluster.close()


def test_a_cell_that_is_to_be_emptied_is_written_down_once_and_may_stay_after_all(membership: Membership) -> None:
    first, second = membership.new_life("cell-1"), membership.new_life("cell-2")
    membership.join(CellInfo(first, "cell-1"))
    membership.join(CellInfo(second, "cell-2"))
    assert membership.drain(first).draining == (first,)
    assert membership.drain(first).version == 3
    assert membership.drain(first, wanted=False).draining == ()


def test_a_successor_gets_all_that_the_old_life_of_its_cell_has(membership: Membership) -> None:
    old, other, new = (membership.new_life(name) for name in ("cell-1", "cell-2", "cell-1"))
    membership.join(CellInfo(old, "cell-1"))
    membership.join(CellInfo(other, "cell-2"))
    info = CellInfo(new, "cell-1")
    assert membership.replace(old, info).version == membership.replace(old, info).version == 3
    while (view := membership.begin_moves(SHARDS)) is not None:
        view = membership.end_moves({move.group for move in view.moves})
    membership.seal(old)
    left = membership.leave(old)
    assert left is not None
    assert left.draining == ()
    assert set(left.owner_lives) == {new, other}
