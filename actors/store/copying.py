"""Copies all rows of one store into another one that is empty, and then compares them. Killed at any point, it goes on.

    note: from where, which attempt  ──> rows, owner after owner; how far, after each few thousand ──> compare all ──> note: done

The note lies in the new store. Until it says `done`, no server starts there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, NamedTuple, Protocol

import msgspec

from actors.store.archive import Archive, Digest, Owner, Piece, digests
from actors.store.opening import CannotOpen
from actors.store.store import StoreError, StoreUnavailable

NOTE = "copy"
"""The setting of the new store that says how far its filling has come."""
ROWS_AT_ONCE = 4096
"""Rows between two notes, unless a room has more."""
Tell = Callable[[str, int, int], None]
"""(what is done now, done, in all)."""


class Shelf(Protocol):
    """Where the note is: the record of the new store."""

    def setting(self, name: str) -> bytes | None:
        """What is stored."""

    def change_setting(self, name: str, before: bytes | None, after: bytes) -> bool:
        """Compare and set."""


class Note(msgspec.Struct, frozen=True):
    """How far a copy has come."""

    source: str
    """Names the store that it is a copy of."""
    attempt: int = 0
    after: tuple[str, int, str] | None = None
    """The last owner, in the source's order, whose rows are all there."""
    rows: int = 0
    done: bool = False


class Compared(NamedTuple):
    """What was compared, and found to be the same."""

    owners: int
    tables: dict[str, Digest]
    """Of each: how many rows, and the hash over those of all owners."""


class NotTheSame(StoreError):
    """What was copied is not what is in the source."""


def noted(shelf: Shelf) -> Note | None:
    """What the store says of itself; None: it is no copy."""
    data = shelf.setting(NOTE)
    return msgspec.json.decode(data, type=Note) if data is not None else None


def check_whole(shelf: Shelf) -> None:
    """Raise `CannotOpen` where the store is a copy that has not come to its end."""
    note = noted(shelf)
    if note is not None and not note.done:
        raise CannotOpen("This store is a copy that is not finished: give the `warbler store copy` again, and it goes on.")


class Copier:
    """One attempt. Raises `StoreError`; whatever was done until then is not done again."""

    def __init__(self, source: Archive, goal: Archive, shelf: Shelf, name: str, tell: Tell) -> None:
        """`name`: of the source, the same for every attempt."""
        self._source = source
        self._goal = goal
        self._shelf = shelf
        self._tell = tell
        before = noted(shelf)
        if before is not None and before.source != name:
            raise CannotOpen("The new store is a begun copy of another store.")
        self._note = before or Note(name)
        self._data = shelf.setting(NOTE)
        self._total = 0

    def run(self) -> Compared:
        """Copy what is missing, then compare everything."""
        if not self._note.done:
            self._write(msgspec.structs.replace(self._note, attempt=self._note.attempt + 1))
            self._total = self._source.weight()
            self._copy()
        compared = self._compare()
        if not self._note.done:
            self._write(msgspec.structs.replace(self._note, done=True))
        return compared

    def _copy(self) -> None:
        after = Owner(*self._note.after) if self._note.after is not None else None
        rows = self._note.rows
        waiting: list[Piece] = []
        for owner in self._source.owners(after):
            for piece in self._source.pieces(owner):
                waiting.append(piece)
                if sum(map(len, waiting)) >= ROWS_AT_ONCE:
                    rows += self._put(waiting, rows)
                    waiting = []
            after = owner
            if rows - self._note.rows >= ROWS_AT_ONCE:
                rows += self._put(waiting, rows)
                waiting = []
                self._write(msgspec.structs.replace(self._note, after=tuple(owner), rows=rows))
        rows += self._put(waiting, rows)
        if after is not None:
            self._write(msgspec.structs.replace(self._note, after=tuple(after), rows=rows))

    def _put(self, pieces: list[Piece], rows: int) -> int:
        if not pieces:
            return 0
        self._goal.put(pieces, self._note.attempt)
        count = sum(map(len, pieces))
        self._tell("copying", rows + count, max(self._total, rows + count))
        return count

    def _write(self, note: Note) -> None:
        data = msgspec.json.encode(note)
        if not self._shelf.change_setting(NOTE, self._data, data):
            raise StoreUnavailable("another process is filling the new store")
        self._note, self._data = note, data

    # --- comparing ---

    def _compare(self) -> Compared:
        sums: dict[str, Any] = {}
        counts: dict[str, int] = {}
        owners = 0
        total = sum(1 for _ in self._source.owners())
        for owner in self._source.owners():
            mine, theirs = digests(self._source.pieces(owner)), digests(self._goal.pieces(owner))
            if mine != theirs:
                raise NotTheSame(f"The {owner.kind} {owner.id} was not copied as it is: {_difference(mine, theirs)}.")
            for table, digest in mine.items():
                counts[table] = counts.get(table, 0) + digest.rows
                sums.setdefault(table, hashlib.sha256()).update(digest.sha256.encode())
            owners += 1
            self._tell("comparing", owners, total)
        if not _has_exactly(self._goal.owners(), owners):
            raise NotTheSame("The new store holds rooms or accounts that the old one does not.")
        return Compared(owners, {table: Digest(counts[table], sums[table].hexdigest()) for table in sorted(counts)})


def _difference(mine: dict[str, Digest], theirs: dict[str, Digest]) -> str:
    none = Digest(0, "")
    wrong = sorted(table for table in mine.keys() | theirs.keys() if mine.get(table) != theirs.get(table))
    return ", ".join(f"{table} has {mine.get(table, none).rows} rows and {theirs.get(table, none).rows} there" for table in wrong)


def _has_exactly(owners: Iterable[Owner], count: int) -> bool:
    return sum(1 for _ in islice(owners, count + 1)) == count
