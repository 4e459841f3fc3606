"""Files of seated rooms: a room that has a process of its own has a shard file of its own, ``seat-NNNN-ROOM.db``.

A seat's file is there from the moment when it holds all rows of its room: it is filled under another name, by the owner of the
shard that the room came from, which alone can write those rows. So nobody takes a seat too early, and a death in between
leaves either the rows where they were or a whole seat.

On the way back the rows replace what the shard may still hold, in one transaction that also notes that the seat is done
with; only then is its file removed.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from actors.store.ledger import fold_all
from actors.store.migrations import migrate
from actors.store.opening import connect, explain
from actors.store.rows import ROWS
from actors.store.seal import Sealer
from actors.store.shards import NotReleased, take

_NAME = re.compile(r"seat-(\d{4})-([a-z0-9]{4,40})\.db").fullmatch
_TABLES = tuple(kind.table for kind in ROWS if kind.key[0] == "room")
"""Tables whose rows belong to one room, which stands in the column `room`."""
_WITH_SLOT = frozenset({"marks", "active"})
_BATCH = 500
_DONE = "seat "
"""Prefix of a seat that was given up, among the lives that are sealed: both are ends that hold for ever."""


class Seat(NamedTuple):
    """One seat that has a file."""

    number: int
    room: str
    path: Path


def seat_path(folder: Path, number: int, room: str) -> Path:
    """Where a seat's file lies."""
    return folder / f"seat-{number:04d}-{room}.db"


def seats_in(folder: Path) -> list[Seat]:
    """All seats that have a file, by number."""
    found = ((path, _NAME(path.name)) for path in folder.glob("seat-*.db"))
    return sorted(Seat(int(match[1]), match[2], path) for path, match in found if match is not None)


def find_seat(folder: Path, number: int) -> Path:
    """The file of a seat. Raises `NotReleased` where its room's rows are not in it yet."""
    found = next(iter(folder.glob(f"seat-{number:04d}-*.db")), None)
    if found is None:
        raise NotReleased(f"seat {number} is not filled yet")
    return found


def fill_seat(shard: sqlite3.Connection, life: str, path: Path, room: str, slot: int, sealer: Sealer) -> None:
    """Move a room's rows from the shard, which is `life`'s, into the new seat file. Safe to repeat."""
    if not path.exists():
        check_owner(shard, life)
        fold_all(shard, sealer)
        fresh = path.with_suffix(".new")
        _remove(fresh)
        with closing(connect(fresh, create=True)) as seat:
            migrate(seat, fresh)
            seat.execute("BEGIN IMMEDIATE")
            _copy(shard, seat, room, slot)
            seat.execute("COMMIT")
            # One plain file, so that its new name is all of it.
            seat.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        fresh.chmod(0o600)
        fresh.replace(path)
        _sync_folder(path.parent)
    _clear(shard, room)


def empty_seat(shard: sqlite3.Connection, life: str, seat: Seat, slot: int, sealer: Sealer) -> bool:
    """Inside a transaction of the shard, which is `life`'s: take the rows of a seat back; False where that was done before."""
    check_owner(shard, life)
    mark = f"{_DONE}{seat.number}"
    if shard.execute("SELECT 1 FROM sealed_lives WHERE life = ?", (mark,)).fetchone():
        return False
    with closing(connect(seat.path)) as source:
        try:
            take(source, life)
            source.execute("BEGIN IMMEDIATE")
            fold_all(source, sealer)
            source.execute("COMMIT")
        except sqlite3.Error as error:
            raise explain(error, seat.path) from error
        fold_all(shard, sealer)
        _clear(shard, seat.room)
        _copy(source, shard, seat.room, slot)
    shard.execute("INSERT INTO sealed_lives VALUES (?)", (mark,))
    return True


def remove_seat(seat: Seat) -> None:
    """The rows are durable elsewhere."""
    _remove(seat.path)
    _sync_folder(seat.path.parent)


def check_owner(shard: sqlite3.Connection, life: str) -> None:
    """Raise `NotReleased` where the shard is not this life's (any more)."""
    owner = shard.execute("SELECT life FROM owner").fetchone()[0]
    if owner != life:
        raise NotReleased(f"life {owner or '-'} owns the shard, not {life}")


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, room: str, slot: int) -> None:
    for table in _TABLES:
        cursor = source.execute(f"SELECT * FROM {table} WHERE room = ?", (room,))  # noqa: S608
        columns = [column[0] for column in cursor.description]
        at = columns.index("slot") if table in _WITH_SLOT else -1
        put = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
        while rows := cursor.fetchmany(_BATCH):
            target.executemany(put, [(*row[:at], slot, *row[at + 1 :]) for row in rows] if at >= 0 else rows)


def _clear(shard: sqlite3.Connection, room: str) -> None:
    for table in _TABLES:
        shard.execute(f"DELETE FROM {table} WHERE room = ?", (room,))  # noqa: S608


def _remove(path: Path) -> None:
    for name in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        name.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
