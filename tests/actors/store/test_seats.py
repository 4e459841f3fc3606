"""Files of seated rooms: whole or not there, whoever dies when, and never taken back twice."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from actors.store.opening import connect
from actors.store.seats import empty_seat, fill_seat, find_seat, remove_seat, seat_path, seats_in
from actors.store.shards import NotReleased, create_shards, owner_of, seal_life, shard_path, take
from tests.kit.shelf import SEALER

LIFE, SLOT, SEAT = "a-1", 77, 4096


@pytest.fixture
def shard(tmp_path: Path) -> sqlite3.Connection:
    create_shards(tmp_path, 1)
    connection = connect(shard_path(tmp_path, 0))
    take(connection, LIFE)
    for room in ("room1", "room2"):
        connection.execute("INSERT INTO entries VALUES (?, 1, x'00', x'00')", (room,))
        connection.execute("INSERT INTO active (room, slot) VALUES (?, ?)", (room, SLOT))
    return connection


def in_shard(shard: sqlite3.Connection, room: str) -> tuple[int, list[int]]:
    count = shard.execute("SELECT count(*) FROM entries WHERE room = ?", (room,)).fetchone()[0]
    return count, [slot for (slot,) in shard.execute("SELECT slot FROM active WHERE room = ?", (room,))]


def fill(shard: sqlite3.Connection, folder: Path, life: str = LIFE) -> None:
    shard.execute("BEGIN IMMEDIATE")
    try:
        fill_seat(shard, life, seat_path(folder, 0, "room1"), "room1", SEAT, SEALER)
        shard.execute("COMMIT")
    finally:
        if shard.in_transaction:
            shard.execute("ROLLBACK")


def empty(shard: sqlite3.Connection, folder: Path) -> bool:
    shard.execute("BEGIN IMMEDIATE")
    done = empty_seat(shard, LIFE, seats_in(folder)[0], SLOT, SEALER)
    shard.execute("COMMIT")
    return done


def test_a_rooms_rows_move_with_their_slot_and_no_others(shard: sqlite3.Connection, tmp_path: Path) -> None:
    fill(shard, tmp_path)
    assert (in_shard(shard, "room1"), in_shard(shard, "room2")) == ((0, []), (1, [SLOT]))
    seat = connect(find_seat(tmp_path, 0))
    assert in_shard(seat, "room1") == (1, [SEAT])
    fill(shard, tmp_path)
    assert in_shard(seat, "room1") == (1, [SEAT])


def test_a_life_that_lost_the_shard_moves_nothing(shard: sqlite3.Connection, tmp_path: Path) -> None:
    seal_life(tmp_path, 1, LIFE)
    with pytest.raises(NotReleased):
        fill(shard, tmp_path)
    assert seats_in(tmp_path) == []
    assert in_shard(shard, "room1") == (1, [SLOT])


def test_a_seat_that_is_not_whole_is_not_there(shard: sqlite3.Connection, tmp_path: Path) -> None:
    seat_path(tmp_path, 0, "room1").with_suffix(".new").write_bytes(b"cut off")
    with pytest.raises(NotReleased, match="not filled"):
        find_seat(tmp_path, 0)
    fill(shard, tmp_path)
    assert find_seat(tmp_path, 0).name == "seat-0000-room1.db"


def test_on_the_way_back_newer_rows_replace_what_the_shard_still_held(shard: sqlite3.Connection, tmp_path: Path) -> None:
    fill(shard, tmp_path)
    shard.execute("INSERT INTO entries VALUES ('room1', 1, x'00', x'AA')")  # left over by a death before the last commit
    seat = connect(find_seat(tmp_path, 0))
    seat.execute("INSERT INTO entries VALUES ('room1', 2, x'00', x'00')")
    assert empty(shard, tmp_path)
    assert in_shard(shard, "room1") == (2, [SLOT])
    assert shard.execute("SELECT body FROM entries WHERE room = 'room1' AND seq = 1").fetchone() == (b"\0",)


def test_a_seat_whose_removal_was_cut_off_is_never_taken_back_again(shard: sqlite3.Connection, tmp_path: Path) -> None:
    fill(shard, tmp_path)
    assert empty(shard, tmp_path)
    shard.execute("INSERT INTO entries VALUES ('room1', 2, x'00', x'00')")
    assert not empty(shard, tmp_path)
    assert in_shard(shard, "room1") == (2, [SLOT])
    remove_seat(seats_in(tmp_path)[0])
    assert seats_in(tmp_path) == []


def test_a_seat_that_somebody_owns_cannot_be_emptied_until_that_life_is_sealed(shard: sqlite3.Connection, tmp_path: Path) -> None:
    fill(shard, tmp_path)
    seat = connect(find_seat(tmp_path, 0))
    take(seat, "own-1")
    shard.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotReleased, match="own-1"):
        empty_seat(shard, LIFE, seats_in(tmp_path)[0], SLOT, SEALER)
    shard.execute("ROLLBACK")
    seal_life(tmp_path, 1, "own-1")
    assert empty(shard, tmp_path)
    assert owner_of(tmp_path, 0) == LIFE
