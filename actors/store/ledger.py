"""Entries that are durable in the ledger and not yet in their table.

A group commit appends all its entries as one blob: a page or two are written, however many rooms they belong to, where
one page for each room would have to be (measured: 3 us of CPU a post and not 14-19 in groups of 64). Later they are folded
into `entries`, sorted, in slices that ride in other commits, so that a room's entries share a page and no fold is
a transaction of its own. Until then they are also kept here, and reads lay them over what they find in the table.

A generation is large. Where posts are scattered over many rooms of a large store, each room that has something in it costs pages of
its own, read and written; the more entries a room has got meanwhile, the less that is for each (measured, 26,000 rooms at random in
a store of ten million entries, CPU of the store a post: 53 us with generations of 4,096, 45 with 16,384, 24-29 with 65,536;
19 in an empty store).

A crash loses nothing of this: whoever takes the shard reads back what the ledger holds, and goes on folding.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import msgspec

from actors.store.schema import EntryValues

FOLD_ENTRIES = 65_536
"""Entries after which a generation is folded. Larger: fewer pages written; smaller: less memory and a faster take-over."""
FOLD_BYTES = 16 * 1024 * 1024
SLICE = 256
"""Entries folded in one commit: about a millisecond."""
MAX_HEADS = 50_000
"""Rooms whose head is remembered, so that a post costs no look-up; about 100 bytes each."""

APPEND = "INSERT INTO ledger (entries) SELECT ? FROM owner WHERE life = ?"
"""The fence and the write in one statement: no row comes of it where the owner is another."""
HEAD = "SELECT max(seq) FROM entries WHERE room = ?"
_CHUNKS = (64, 8, 1)
_FOLD = {n: f"INSERT OR IGNORE INTO entries (room, seq, meta, body) VALUES {', '.join(['(?, ?, ?, ?)'] * n)}" for n in _CHUNKS}  # noqa: S608

pack: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
_unpack: Callable[[bytes], list[EntryValues]] = msgspec.msgpack.Decoder(list[EntryValues]).decode


class Ledger:
    """The unfolded entries of one shard, and the heads of its busy rooms. Written by one thread; `rows` is for any."""

    def __init__(self) -> None:
        # Two generations: one grows, one is being folded.
        self._fresh: dict[str, list[EntryValues]] = {}
        self._old: dict[str, list[EntryValues]] = {}
        self._fresh_count = 0
        self._fresh_bytes = 0
        # The old generation in the order of the table, and how much of it is there already.
        self._sorted: list[EntryValues] = []
        self._done = 0
        self._slice_end = 0
        # Ledger rows up to this one hold the old generation.
        self._old_key = 0
        self._owed = 0
        self._heads: dict[str, int] = {}

    def rows(self, room: str) -> list[EntryValues]:
        """Unfolded entries of a room, ascending; an entry may appear twice. Call it *before* the table is read:
        what is folded in between is then found twice, and never not at all."""
        fresh = self._fresh.get(room)
        old = self._old.get(room)
        if old is None:
            return list(fresh) if fresh else []
        return [*old, *fresh] if fresh else list(old)

    def load(self, connection: sqlite3.Connection) -> None:
        """Take over what the file holds, of which some may be in the table already. For a ledger that is empty."""
        for key, blob in connection.execute("SELECT k, entries FROM ledger ORDER BY k"):
            self.committed(_unpack(blob), {}, len(blob), key)
        self._owed = min(self._owed, SLICE)  # at the usual pace: nobody's commit shall wait for all of it

    def admit(self, connection: sqlite3.Connection, entries: Sequence[EntryValues], staged: dict[str, int]) -> bool:
        """Whether every entry lies above its room's head, `staged` (heads of this group) included; then they are staged."""
        if len(entries) == 1:
            return self._admit_one(connection, entries[0][0], entries[0][1], staged)
        mine: dict[str, int] = {}
        for room, seq, _, _ in entries:
            head = mine.get(room) or staged.get(room) or self._heads.get(room)
            if head is None:
                head = self._look_up(connection, room)
            if seq <= head:
                return False
            mine[room] = seq
        staged.update(mine)
        return True

    def committed(self, entries: Iterable[EntryValues], staged: dict[str, int], size: int, key: int) -> None:
        """These entries are durable as ledger row `key`."""
        fresh = self._fresh
        count = 0
        for entry in entries:
            rows = fresh.get(entry[0])
            if rows is None:
                fresh[entry[0]] = [entry]
            else:
                rows.append(entry)
            count += 1
        self._fresh_count += count
        self._fresh_bytes += size
        self._heads.update(staged)
        if len(self._heads) > MAX_HEADS:
            self._drop_heads()
        if self._sorted:
            self._owed += 2 * count
        elif self._fresh_count >= FOLD_ENTRIES or self._fresh_bytes >= FOLD_BYTES:
            self._rotate(key)

    # --- folding: `due`, then `fold` inside a transaction, then `folded` once that is durable ---

    def due(self) -> bool:
        """Whether the next transaction should take a slice along."""
        return self._owed >= SLICE

    def fold(self, connection: sqlite3.Connection) -> None:
        """Write the next slice, as large as what is owed; with the last one, the ledger rows go."""
        self._slice_end = min(self._done + max(SLICE, self._owed), len(self._sorted))
        insert(connection, self._sorted[self._done : self._slice_end])
        if self._slice_end == len(self._sorted):
            connection.execute("DELETE FROM ledger WHERE k <= ?", (self._old_key,))

    def folded(self) -> None:
        """The slice is durable."""
        self._done = self._slice_end
        self._owed = 0
        if self._done == len(self._sorted):
            self._old = {}
            self._sorted = []
            self._done = self._slice_end = 0

    def clear(self) -> None:
        """Everything has been folded by `fold_all`, and entries may be gone: forget rows and heads."""
        self.__init__()  # type: ignore[misc]

    def _admit_one(self, connection: sqlite3.Connection, room: str, seq: int, staged: dict[str, int]) -> bool:
        head = staged.get(room) or self._heads.get(room)
        if head is None:
            head = self._look_up(connection, room)
        if seq <= head:
            return False
        staged[room] = seq
        return True

    def _look_up(self, connection: sqlite3.Connection, room: str) -> int:
        found = connection.execute(HEAD, (room,)).fetchone()[0] or 0
        rows = self.rows(room)
        head = max(found, rows[-1][1]) if rows else int(found)
        self._heads[room] = head
        return head

    def _drop_heads(self) -> None:
        # Oldest first; a busy room that is dropped comes back by one look-up.
        for room in list(self._heads)[: MAX_HEADS // 4]:
            del self._heads[room]

    def _rotate(self, key: int) -> None:
        # A reader between the two assignments sees these rows twice, which it allows for.
        self._old = self._fresh
        self._fresh = {}
        self._fresh_count = self._fresh_bytes = 0
        self._sorted = [row for room in sorted(self._old) for row in self._old[room]]
        self._done = 0
        self._old_key = key
        self._owed = SLICE


def insert(connection: sqlite3.Connection, rows: Sequence[EntryValues]) -> None:
    """Write entries into their table, many with one statement; those that are there already stay."""
    at = 0
    for size in _CHUNKS:
        statement = _FOLD[size]
        while len(rows) - at >= size:
            connection.execute(statement, list(chain.from_iterable(rows[at : at + size])))
            at += size


def fold_all(connection: sqlite3.Connection) -> int:
    """Inside a transaction: write all that the ledger holds into the table; returns how many entries it held."""
    blobs = connection.execute("SELECT entries FROM ledger ORDER BY k").fetchall()
    rows = sorted(chain.from_iterable(_unpack(blob) for (blob,) in blobs))
    insert(connection, rows)
    connection.execute("DELETE FROM ledger")
    return len(rows)
