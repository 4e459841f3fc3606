"""Files of seated rooms: a room that has a process of its own has a shard file of its own, ``seat-NNNN-ROOM-SINCE.db``.

The name is that of one use of the seat's number, and never comes again: whoever still believes in an earlier use finds nothing of the
later one, and cannot remove it. (SINCE is the version of the view in which the number was given; files without it are older.)

A seat's file is there from the moment when it holds all rows of its room: it is filled under another name, which says by which
life, by the owner of the shard that the room comes from. So nobody takes a seat too early, and a death in between leaves either the
rows where they were or a whole seat. It knows of every life that the shard knows to be sealed.

On the way back the rows replace what the shard may still hold; a mark in the shard says that the seat is done with, in the
transaction after which they are all there; only then is its file removed.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from actors.store.durable import sync
from actors.store.ledger import Ledger
from actors.store.migrations import migrate
from actors.store.opening import connect, explain
from actors.store.room_copy import RoomCopy
from actors.store.seal import Sealer
from actors.store.shards import NotReleased, take

_NAME = re.compile(r"seat-(\d{4})-([a-z0-9]{4,40})(?:-(\d+))?\.db").fullmatch
_SCRATCH = re.compile(r"(seat-.+?\.db)\.(.+)\.new(?:-wal|-shm)?").fullmatch
_DONE = "seat "
"""Prefix of a seat that was given up, among the lives that are sealed: both are ends that hold for ever."""
FOLD_ENTRIES = 2048
"""Entries of a ledger that are folded in one step: some 10 ms."""


class Seat(NamedTuple):
    """One use of one seat, and where its file lies."""

    number: int
    room: str
    since: int
    folder: Path

    @property
    def path(self) -> Path:
        """The file, where it is whole."""
        return self.folder / f"seat-{self.number:04d}-{self.room}{f'-{self.since}' if self.since else ''}.db"

    @property
    def mark(self) -> str:
        """What the shard remembers when the rows are back."""
        return f"{_DONE}{self.number} {self.since}" if self.since else f"{_DONE}{self.number}"


def seats_in(folder: Path) -> list[Seat]:
    """All seats that have a file, by number."""
    return sorted(seat for path in folder.glob("seat-*.db") if (seat := _seat(path)) is not None)


def find_seat(folder: Path, number: int) -> Path:
    """The file of a seat: that of its last use. Raises `NotReleased` where its room's rows are not in it yet."""
    found = [seat for seat in seats_in(folder) if seat.number == number]
    if not found:
        raise NotReleased(f"seat {number} is not filled yet")
    return max(found, key=lambda seat: seat.since).path


def scratch_in(folder: Path) -> list[tuple[Seat, Path]]:
    """Files of seats in the making, those of the dead included, and what lies beside them."""
    found = ((path, _SCRATCH(path.name)) for path in folder.glob("seat-*.new*"))
    whole = ((path, _seat(folder / match[1])) for path, match in found if match is not None)
    return [(seat, path) for path, seat in whole if seat is not None]


def check_owner(shard: sqlite3.Connection, life: str) -> None:
    """Raise `NotReleased` where the shard is not this life's (any more)."""
    owner = shard.execute("SELECT life FROM owner").fetchone()[0]
    if owner != life:
        raise NotReleased(f"life {owner or '-'} owns the shard, not {life}")


class SeatFill:
    """A seat's file in the making. Until it is done it is nothing to anybody else, and need not outlive its life."""

    def __init__(self, seat: Seat, life: str, slot: int, sealer: Sealer) -> None:
        self.seat = seat
        self.copy = RoomCopy(seat.room, slot, sealer)
        self._path = seat.path.with_name(f"{seat.path.name}.{life}.new")
        for other, path in scratch_in(seat.folder):
            if other.number == seat.number:
                path.unlink(missing_ok=True)
        self._target = connect(self._path, create=True)
        migrate(self._target, self._path)
        self._target.execute("PRAGMA synchronous=OFF")
        self._is_flushed = False

    def step(self, shard: sqlite3.Connection) -> bool:
        """Copy one piece; True where only little is left."""
        if not self.copy.is_even or self.copy.owes_entries(shard):
            in_transaction(self._target, lambda: self.copy.step(shard, self._target))
            return False
        if not self._is_flushed:  # here, and not in the last step, which others wait for
            self._target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            sync(self._path)
            self._is_flushed = True
            return False
        return True

    def finish(self, shard: sqlite3.Connection) -> None:
        """Inside a transaction of the shard, whose ledger is folded: copy the rest and give the file its name, durably."""
        in_transaction(self._target, lambda: self._finish(shard))
        # One plain file, so that its new name is all of it.
        self._target.execute("PRAGMA synchronous=FULL")
        self._target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._target.close()
        sync(self._path)
        self._path.chmod(0o600)
        self._path.replace(self.seat.path)
        sync(self.seat.folder)

    def _finish(self, shard: sqlite3.Connection) -> None:
        self.copy.finish(shard, self._target)
        # Else a life that was sealed before the file was there could take it.
        self._target.executemany("INSERT OR IGNORE INTO sealed_lives VALUES (?)", shard.execute("SELECT life FROM sealed_lives").fetchall())

    def close(self) -> None:
        """It is not wanted any more."""
        self._target.close()
        for path in _with_logs(self._path):
            path.unlink(missing_ok=True)


class SeatReturn:
    """Rows of a seat that nobody owns any more, on their way back into the shard."""

    def __init__(self, seat: Seat, life: str, slot: int, sealer: Sealer) -> None:
        """Raises `NotReleased` where somebody owns the seat, `Sealed` where `life` is over."""
        self.copy = RoomCopy(seat.room, slot, sealer)
        self.source = connect(seat.path)
        self._ledger = Ledger(sealer)
        try:
            take(self.source, life)
            self._ledger.load(self.source)
        except sqlite3.Error as error:
            self.source.close()
            raise explain(error, seat.path) from error
        except BaseException:
            self.source.close()
            raise

    def fold(self) -> bool:
        """Fold one piece of the seat's own ledger; True where nothing is left of it."""
        if self._ledger.is_empty:
            return True
        self._ledger.owe(FOLD_ENTRIES, least=1)
        in_transaction(self.source, lambda: self._ledger.fold(self.source))
        self._ledger.folded()
        return False

    def step(self, shard: sqlite3.Connection) -> None:
        """Inside a transaction of the shard: one piece."""
        self.copy.step(self.source, shard)

    @property
    def is_done(self) -> bool:
        """Whether all rows are copied: nobody writes here any more."""
        return self.copy.is_even

    def close(self) -> None:
        """Leave the file as it is."""
        self.source.close()


def in_transaction(connection: sqlite3.Connection, work: Callable[[], object]) -> None:
    """Do this, all or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        work()
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def remove(path: Path) -> None:
    """Take a database file away, with what lies beside it, durably."""
    for name in _with_logs(path):
        name.unlink(missing_ok=True)
    sync(path.parent)


def _with_logs(path: Path) -> tuple[Path, ...]:
    return (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm")))


def _seat(path: Path) -> Seat | None:
    match = _NAME(path.name)
    return Seat(int(match[1]), match[2], int(match[3] or 0), path.parent) if match is not None else None
