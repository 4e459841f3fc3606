"""A store that nobody serves, as a whole: whose rows there are, all rows of each, and how rows get into it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.store.rows import ROWS, ActiveRow, EntryRow, Row, SagaRow

KINDS = ("room", "saga", "user")
"""What rows belong to; the first field of a row's key is called so."""
PIECE_ENTRIES = 1024
"""Entries after which a piece ends."""
SlotRow = tuple[int, Row]
Piece = Sequence[SlotRow]
"""Rows of one owner that are handed on together."""
_encode = msgspec.msgpack.Encoder().encode


class Owner(NamedTuple):
    """A room, an account or a running operation. An archive has them in ascending order."""

    kind: str
    part: int
    """Where it lies, in the archive's own terms."""
    id: str

    @property
    def slot(self) -> int:
        """The hash bucket of its rows: where they go, wherever they come from."""
        return slot_of(actor_id(self.kind, self.id))


class Archive(Protocol):
    """One store. Belongs to one thread. Raises `StoreError`."""

    def owners(self, after: Owner | None = None) -> Iterator[Owner]:
        """All of them, behind one of its own."""

    def pieces(self, owner: Owner) -> Iterator[Piece]:
        """All its rows, in bounded pieces that are the same ones every time; entries last, ascending."""

    def put(self, pieces: Sequence[Piece], attempt: int) -> None:
        """Store these, durably. May be repeated, by a later attempt too, which has a higher number (from 1 on)."""

    def weight(self) -> int:
        """Rows in all, roughly."""


def kinds_of(kind: str) -> tuple[type[Row], ...]:
    """The types of rows of an owner of that kind, entries aside."""
    return tuple(row for row in ROWS if row.key[0] == kind and row is not EntryRow)


def at_home(owner: Owner, rows: Iterable[Row]) -> list[SlotRow]:
    """Rows with the slot of their owner, also where they come from a slot of their own."""
    slot = owner.slot
    return [(slot, _moved(row, slot)) for row in rows]


def in_pieces(owner: Owner, entries: Iterable[Sequence[EntryRow]]) -> Iterator[Piece]:
    """Entries as they come, joined to pieces."""
    slot = owner.slot
    piece: list[SlotRow] = []
    for some in entries:
        piece += [(slot, entry) for entry in some]
        if len(piece) >= PIECE_ENTRIES:
            yield piece
            piece = []
    if piece:
        yield piece


class Digest(NamedTuple):
    """What the rows of one table come to."""

    rows: int
    sha256: str


def digests(pieces: Iterable[Piece]) -> dict[str, Digest]:
    """Of each table, whatever the pieces are and in whatever order rows stand that are no entries."""
    entries, count = hashlib.sha256(), 0
    others: dict[str, list[bytes]] = {}
    for piece in pieces:
        for _, row in piece:
            if isinstance(row, EntryRow):
                entries.update(_encode(row))
                count += 1
            else:
                others.setdefault(row.table, []).append(_encode(row))
    found = {table: Digest(len(rows), hashlib.sha256(b"".join(sorted(rows))).hexdigest()) for table, rows in others.items()}
    if count:
        found[EntryRow.table] = Digest(count, entries.hexdigest())
    return found


def _moved(row: Row, slot: int) -> Row:
    if isinstance(row, ActiveRow):
        return ActiveRow(row.room, slot)
    if isinstance(row, SagaRow):
        return SagaRow(row.saga, slot, row.what, row.user, row.at, row.state)
    return row
