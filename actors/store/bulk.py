"""Loading millions of rows fast, into shards that nobody serves: for load tests and imports, not for the serving path."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from actors.store.chunks import HEAD, cut, entries_in, insert
from actors.store.ledger import fold_all
from actors.store.opening import connect, explain
from actors.store.rows import EntryRow, Row
from actors.store.schema import table_of
from actors.store.seal import Sealer
from actors.store.shards import NotReleased, shard_of, shard_path

_THERE = "SELECT room, seq, meta, body FROM entries WHERE room = ? AND seq >= ?"
BATCH = 20_000
"""Rows in one transaction."""


def bulk_load(folder: Path, shards: int, sealer: Sealer, rows: Iterable[tuple[int, Row]]) -> int:
    """Store (slot, row) pairs; returns how many. Entries that are there already stay, other rows replace.

    Fastest when the entries of a room come together and ascend. What was loaded is durable when it returns; a crash on the way
    leaves whole batches. Raises `NotReleased` where a life owns one of the shards, and `CannotOpen` and its kin.
    """
    connections: dict[int, sqlite3.Connection] = {}
    count = 0
    try:
        for batch in _batches(rows):
            for shard, some in _by_shard(batch, shards).items():
                if shard not in connections:
                    connections[shard] = _open(folder, shard, sealer)
                _store(connections[shard], some, sealer, shard_path(folder, shard))
            count += len(batch)
    finally:
        for connection in connections.values():
            connection.close()
    return count


def _open(folder: Path, shard: int, sealer: Sealer) -> sqlite3.Connection:
    path = shard_path(folder, shard)
    connection = connect(path, cache_kib=65_536)
    owner = connection.execute("SELECT life FROM owner").fetchone()[0]
    if owner:
        connection.close()
        raise NotReleased(f"life {owner} owns shard {shard}")
    # Entries of the ledger lie below those that come now, in the table too.
    connection.execute("BEGIN IMMEDIATE")
    fold_all(connection, sealer)
    connection.execute("COMMIT")
    # The log alone carries durability until the last checkpoint, which comes with closing and is synced.
    connection.execute("PRAGMA wal_autocheckpoint=20000")
    return connection


def _batches(rows: Iterable[tuple[int, Row]]) -> Iterator[list[tuple[int, Row]]]:
    source = iter(rows)
    while batch := list(islice(source, BATCH)):
        yield batch


def _by_shard(batch: list[tuple[int, Row]], shards: int) -> dict[int, list[tuple[int, Row]]]:
    parts: dict[int, list[tuple[int, Row]]] = {}
    for slot, row in batch:
        parts.setdefault(shard_of(slot, shards), []).append((slot, row))
    return parts


def _store(connection: sqlite3.Connection, rows: list[tuple[int, Row]], sealer: Sealer, path: Path) -> None:
    entries: dict[str, dict[int, EntryRow]] = {}
    for _, row in rows:
        if isinstance(row, EntryRow):
            entries.setdefault(row.room, {}).setdefault(row.seq, row)
    try:
        connection.execute("BEGIN IMMEDIATE")
        insert(connection, _pieces(connection, entries, sealer), sealer)
        for slot, row in rows:
            if not isinstance(row, EntryRow):
                table = table_of(type(row))
                connection.execute(table.put, table.values(row, slot, sealer))
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise explain(error, path) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _pieces(connection: sqlite3.Connection, entries: dict[str, dict[int, EntryRow]], sealer: Sealer) -> list[Sequence[EntryRow]]:
    """Rooms in the order of the table, without the entries that are there."""
    pieces: list[Sequence[EntryRow]] = []
    for room in sorted(entries):
        new = entries[room]
        if (connection.execute(HEAD, (room,)).fetchone()[0] or 0) >= min(new):
            for values in connection.execute(_THERE, (room, min(new))).fetchall():
                for row in entries_in(values, sealer):
                    new.pop(row.seq, None)
        pieces += cut([new[seq] for seq in sorted(new)])
    return pieces
