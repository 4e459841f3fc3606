"""Rows of `entries` that are sealed anew, under the key of now, in the order of the table and a bounded piece at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Container

from actors.store.chunks import chunk_values, entries_in
from actors.store.ledger import SEALED
from actors.store.seal import Sealer, key_id_of

PIECE_ROWS = 40
"""Rows of one step, each of up to 64 entries: some 10 ms."""
Place = tuple[str, int]
"""(room, seq): the key of the last row that was looked at."""
BEGIN: Place = ("", 0)
_NEXT = "SELECT room, seq, meta, body FROM entries WHERE (room, seq) > (?, ?) ORDER BY room, seq LIMIT ?"
_CHANGE = "UPDATE entries SET meta = ?, body = ? WHERE room = ? AND seq = ?"


def reseal_piece(connection: sqlite3.Connection, old: frozenset[int], after: Place, sealer: Sealer) -> tuple[Place | None, int]:
    """Inside a transaction: the next rows, of which those under `old` keys are changed; the place behind them (None: the end), and how many
    were changed. Raises `CannotUnseal`."""
    rows = connection.execute(_NEXT, (*after, PIECE_ROWS)).fetchall()
    changed = 0
    for values in rows:
        room, seq, _, body = values
        if key_id_of(body) in old:
            _, _, meta, sealed = chunk_values(entries_in(values, sealer), sealer)
            connection.execute(_CHANGE, (meta, sealed, room, seq))
            changed += 1
    return ((rows[-1][0], rows[-1][1]) if len(rows) == PIECE_ROWS else None), changed


def ledger_holds_any(connection: sqlite3.Connection, old: Container[int]) -> bool:
    """Whether a row of the ledger is sealed with one of these keys, or in the way of earlier versions, entry by entry."""
    rows = connection.execute("SELECT DISTINCT substr(entries, 1, 5) FROM ledger")
    return any(head[0] != SEALED or key_id_of(head) in old for (head,) in rows)


def holds_any(connection: sqlite3.Connection, old: Container[int]) -> bool:
    """Whether any row is sealed with one of these keys."""
    rows = connection.execute("SELECT DISTINCT substr(body, 1, 5) FROM entries")
    return any(key_id_of(head) in old for (head,) in rows) or ledger_holds_any(connection, old)
