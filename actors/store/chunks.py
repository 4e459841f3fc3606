"""Entries as rows of their table: up to 64 of one room in one row, sealed together.

    room, seq   of the last entry in the row
    meta        msgpack: when that one was made, milliseconds since 1970
    body        sealed msgpack: the entries, ascending

A row for each entry would cost a look for its place, a sealing and four columns every time: most of what storing a post
costs (measured: 5 us of CPU a post less, and pages of history read faster). Rows that hold one entry, with meta as a list of its
fields and the body sealed alone, were written by earlier versions and still read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

from actors.store.rows import EntryRow
from actors.store.seal import Sealer

CHUNK_ENTRIES = 64
"""Entries of one row, at most."""
CHUNK_CHARS = 32 * 1024
"""Characters of text after which a row takes no further entry."""

ChunkValues = tuple[str, int, bytes, bytes]
"""(room, seq, meta, body)."""

HEAD = "SELECT max(seq) FROM entries WHERE room = ?"
_COVERS = "SELECT room, seq, meta, body FROM entries WHERE room = ? AND seq >= ? ORDER BY seq LIMIT 1"
_DELETE = "DELETE FROM entries WHERE room = ? AND seq = ?"
_AT_ONCE = (16, 1)
_INSERT = {n: f"INSERT INTO entries (room, seq, meta, body) VALUES {', '.join(['(?, ?, ?, ?)'] * n)}" for n in _AT_ONCE}  # noqa: S608

_Meta = tuple[int, str, str, int, str, str]
"""(at, user, device, n, id, kind) of a row that holds one entry."""
_read_meta: Callable[[bytes], int | _Meta] = msgspec.msgpack.Decoder(int | _Meta).decode
pack: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
unpack: Callable[[bytes], list[EntryRow]] = msgspec.msgpack.Decoder(list[EntryRow]).decode


def cut(rows: Sequence[EntryRow]) -> Iterator[Sequence[EntryRow]]:
    """The entries of one room, ascending, in pieces of one row each."""
    start = chars = 0
    for at, row in enumerate(rows):
        if at - start >= CHUNK_ENTRIES or chars >= CHUNK_CHARS:
            yield rows[start:at]
            start, chars = at, 0
        chars += len(row.body)
    if start < len(rows):
        yield rows[start:]


def chunk_values(piece: Sequence[EntryRow], sealer: Sealer) -> ChunkValues:
    """The columns of a piece. Raises `StoreError` where no data key can be kept."""
    last = piece[-1]
    return last.room, last.seq, pack(last.at), sealer.seal(pack(piece), _where(last.room, last.seq))


def entries_in(values: Sequence[Any], sealer: Sealer) -> list[EntryRow]:
    """The entries of a row of the table, ascending. Raises `CannotUnseal`."""
    room, seq, meta, body = values
    known = _read_meta(meta)
    if isinstance(known, int):
        return unpack(sealer.unseal(body, _where(room, seq)))
    at, user, device, n, post_id, kind = known
    text = sealer.unseal(body, f"entries.body {room} {seq}".encode()).decode()
    return [EntryRow(room, seq, at, user, device, n, post_id, kind, text)]


def last_at(meta: bytes) -> int:
    """When the last entry of a row was made, of its third column."""
    known = _read_meta(meta)
    return known if isinstance(known, int) else known[0]


def insert(connection: sqlite3.Connection, pieces: Sequence[Sequence[EntryRow]], sealer: Sealer) -> None:
    """Write pieces into the table, many with one statement; all of them lie above what their rooms have there."""
    rows = [chunk_values(piece, sealer) for piece in pieces]
    at = 0
    for size in _AT_ONCE:
        while len(rows) - at >= size:
            connection.execute(_INSERT[size], list(chain.from_iterable(rows[at : at + size])))
            at += size


def forget_entry(connection: sqlite3.Connection, room: str, seq: int, sealer: Sealer) -> None:
    """Take one entry out of its row, where it is there."""
    found = connection.execute(_COVERS, (room, seq)).fetchone()
    entries = entries_in(found, sealer) if found is not None else []
    left = [row for row in entries if row.seq != seq]
    if len(left) == len(entries):
        return
    connection.execute(_DELETE, found[:2])
    if left:
        insert(connection, [left], sealer)


def _where(room: str, seq: int) -> bytes:
    return f"entries {room} {seq}".encode()
