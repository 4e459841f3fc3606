"""Names of seats' files: one use each, whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.store.seats import Seat, find_seat, remove, scratch_in, seats_in
from actors.store.shards import NotReleased


def test_each_use_of_a_number_has_a_file_and_a_mark_of_its_own_and_older_files_are_known(tmp_path: Path) -> None:
    uses = [Seat(3, "room1", 0, tmp_path), Seat(3, "room1", 7, tmp_path), Seat(3, "room2", 9, tmp_path)]
    assert [seat.path.name for seat in uses] == ["seat-0003-room1.db", "seat-0003-room1-7.db", "seat-0003-room2-9.db"]
    assert [seat.mark for seat in uses] == ["seat 3", "seat 3 7", "seat 3 9"]
    for seat in uses:
        seat.path.touch()
    assert seats_in(tmp_path) == uses
    assert find_seat(tmp_path, 3) == uses[2].path


def test_a_seat_that_is_not_whole_is_not_there(tmp_path: Path) -> None:
    seat = Seat(0, "room1", 5, tmp_path)
    scratch = seat.path.with_name(f"{seat.path.name}.cell-1-ab12.new")
    for name in (scratch, scratch.with_name(f"{scratch.name}-wal")):
        name.touch()
    assert seats_in(tmp_path) == []
    assert sorted(scratch_in(tmp_path)) == [(seat, scratch), (seat, scratch.with_name(f"{scratch.name}-wal"))]
    with pytest.raises(NotReleased, match="not filled"):
        find_seat(tmp_path, 0)


def test_what_lies_beside_a_file_goes_with_it(tmp_path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        (tmp_path / f"seat-0000-room1.db{end}").touch()
    remove(tmp_path / "seat-0000-room1.db")
    assert os.listdir(tmp_path) == []
