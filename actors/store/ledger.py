"""Entries that are durable in the ledger and not yet in their table.

A group commit appends all its entries as one sealed blob: a page or two are written, however many rooms they belong to, where
one page for each room would have to be (measured: 3 us of CPU a post and not 14-19 in groups of 64). Later they are folded
into `entries`, room by room, many to a row (`chunks.py`), in slices that ride in other commits, so that no fold is
a transaction of its own. Until then they are also kept here, and reads lay them over what they find in the table.

A generation is large. Where posts are scattered over many rooms of a large store, each room that has something in it costs pages of
its own, read and written; the more entries a room has got meanwhile, the less that is for each (measured, 26,000 rooms at random in
a store of ten million entries, CPU of the store a post: 53 us with generations of 4,096, 45 with 16,384, 24-29 with 65,536;
19 in an empty store).

A crash loses nothing of this: whoever takes the shard reads back what the ledger holds, and goes on folding. What a slice has
put into the table already is then told by the room's head there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from actors.store.chunks import CHUNK_ENTRIES, HEAD, cut, entries_in, insert, pack, unpack
from actors.store.rows import EntryRow
from actors.store.seal import Sealer

FOLD_ENTRIES = 65_536
"""Entries after which a generation is folded. Larger: fewer pages written; smaller: less memory and a faster take-over."""
FOLD_BYTES = 16 * 1024 * 1024
DENSE_ENTRIES = 4096
"""Entries from which on a generation is folded as soon as its rooms fill a row of the table each: more would only be memory."""
SLICE = 256
"""Entries folded in one commit: about a millisecond."""
MAX_HEADS = 50_000
"""Rooms whose head is remembered, so that a post costs no look-up; about 100 bytes each."""

APPEND = "INSERT INTO ledger (entries) SELECT ? FROM owner WHERE life = ?"
"""The fence and the write in one statement: no row comes of it where the owner is another."""
_WHERE = b"ledger"
SEALED = 1
"""First byte of a sealed blob; blobs of earlier versions are msgpack lists of rows whose bodies are sealed one by one."""
_unpack_old = msgspec.msgpack.Decoder(list[tuple[str, int, bytes, bytes]]).decode


class Ledger:
    """The unfolded entries of one shard, and the heads of its busy rooms. Written by one thread; `rows` is for any."""

    def __init__(self, sealer: Sealer) -> None:
        """`sealer` belongs to the writing thread."""
        self._sealer = sealer
        # Two generations: one grows, one is being folded.
        self._fresh: dict[str, list[EntryRow]] = {}
        self._old: dict[str, list[EntryRow]] = {}
        self._fresh_count = 0
        self._fresh_bytes = 0
        # Of the old generation: pieces of the slice under way, the one behind it, the rest.
        self._slice: list[Sequence[EntryRow]] = []
        self._next: Sequence[EntryRow] | None = None
        self._pieces: Iterator[Sequence[EntryRow]] = iter(())
        self._folding = False
        # Whether the generations hold entries that may be in the table already.
        self._fresh_is_read_back = self._old_is_read_back = False
        # Ledger rows up to this one hold the old generation; the last one of all.
        self._old_key = 0
        self._last_key = 0
        self._owed = 0
        self._heads: dict[str, int] = {}

    def blob(self, entries: Sequence[EntryRow]) -> bytes:
        """What the ledger's row of a group holds. Raises `ValueError` for text that is no Unicode, `StoreError` where no key can be kept."""
        return self._sealer.seal(pack(entries), _WHERE)

    def rows(self, room: str) -> list[EntryRow]:
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
            self._fresh_is_read_back = True
            self.committed(entries_of_blob(blob, self._sealer), {}, len(blob), key)
        self._owed = min(self._owed, SLICE)  # at the usual pace: nobody's commit shall wait for all of it

    def admit(self, connection: sqlite3.Connection, entries: Sequence[EntryRow], staged: dict[str, int]) -> bool:
        """Whether every entry lies above its room's head, `staged` (heads of this group) included; then they are staged."""
        if len(entries) == 1:
            return self._admit_one(connection, entries[0].room, entries[0].seq, staged)
        mine: dict[str, int] = {}
        for entry in entries:
            room = entry.room
            head = mine.get(room) or staged.get(room) or self._heads.get(room)
            if head is None:
                head = self._look_up(connection, room)
            if entry.seq <= head:
                return False
            mine[room] = entry.seq
        staged.update(mine)
        return True

    def committed(self, entries: Sequence[EntryRow], staged: dict[str, int], size: int, key: int) -> None:
        """These entries are durable as ledger row `key`."""
        fresh = self._fresh
        for entry in entries:
            rows = fresh.get(entry.room)
            if rows is None:
                fresh[entry.room] = [entry]
            else:
                rows.append(entry)
        self._last_key = key
        self._fresh_count += len(entries)
        self._fresh_bytes += size
        self._heads.update(staged)
        if len(self._heads) > MAX_HEADS:
            self._drop_heads()
        if self._folding:
            self._owed += 2 * len(entries)
        elif self._is_full():
            self._rotate(key)

    # --- folding: `due`, then `fold` inside a transaction, then `folded` once that is durable ---

    def due(self) -> bool:
        """Whether the next transaction should take a slice along."""
        return self._owed >= SLICE

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be folded."""
        return not (self._fresh or self._old)

    def owe(self, count: int, least: int) -> bool:
        """Have the next `fold` write so many; False where nothing is being folded and fewer than `least` wait."""
        if not self._folding:
            if self._fresh_count < least:
                return False
            self._rotate(self._last_key)
        self._owed = max(self._owed, count)
        return True

    def forget_head(self, room: str) -> None:
        """Entries of this room were written past the ledger."""
        self._heads.pop(room, None)

    def fold(self, connection: sqlite3.Connection) -> None:
        """Write the next slice, as large as what is owed; with the last one, the ledger rows go. Safe to repeat until `folded`."""
        wanted = max(SLICE, self._owed) - sum(map(len, self._slice))
        while wanted > 0 and self._next is not None:
            self._slice.append(self._next)
            wanted -= len(self._next)
            self._next = next(self._pieces, None)
        insert(connection, self._new(connection, self._slice, self._old_is_read_back), self._sealer)
        if self._next is None:
            connection.execute("DELETE FROM ledger WHERE k <= ?", (self._old_key,))

    def folded(self) -> None:
        """The slice is durable."""
        self._slice = []
        self._owed = 0
        if self._next is None:
            self._old = {}
            self._folding = False

    def fold_all(self, connection: sqlite3.Connection) -> None:
        """Inside a transaction: write everything into the table, and empty the ledger there. `clear` once that is durable."""
        if self._next is not None:
            self._slice += [self._next, *self._pieces]
            self._next = None
        insert(connection, self._new(connection, self._slice, self._old_is_read_back), self._sealer)
        fresh = [piece for room in sorted(self._fresh) for piece in cut(self._fresh[room])]
        insert(connection, self._new(connection, fresh, self._fresh_is_read_back), self._sealer)
        connection.execute("DELETE FROM ledger")

    def clear(self) -> None:
        """Everything has been folded by `fold_all`, and entries may be gone: forget rows and heads."""
        self.__init__(self._sealer)  # type: ignore[misc]

    # --- inside ---

    def _admit_one(self, connection: sqlite3.Connection, room: str, seq: int, staged: dict[str, int]) -> bool:
        head = staged.get(room) or self._heads.get(room)
        if head is None:
            head = self._look_up(connection, room)
        if seq <= head:
            return False
        staged[room] = seq
        return True

    def _look_up(self, connection: sqlite3.Connection, room: str) -> int:
        found = _stored_head(connection, room)
        rows = self.rows(room)
        head = self._heads[room] = max(found, rows[-1].seq) if rows else found
        return head

    def _drop_heads(self) -> None:
        # Oldest first; a busy room that is dropped comes back by one look-up.
        for room in list(self._heads)[: MAX_HEADS // 4]:
            del self._heads[room]

    def _is_full(self) -> bool:
        count = self._fresh_count
        is_dense = count >= DENSE_ENTRIES and count >= CHUNK_ENTRIES * len(self._fresh)
        return is_dense or count >= FOLD_ENTRIES or self._fresh_bytes >= FOLD_BYTES

    def _rotate(self, key: int) -> None:
        # A reader between the two assignments sees these rows twice, which it allows for.
        old = self._old = self._fresh
        self._fresh = {}
        self._fresh_count = self._fresh_bytes = 0
        self._old_is_read_back, self._fresh_is_read_back = self._fresh_is_read_back, False
        self._pieces = chain.from_iterable(cut(old[room]) for room in sorted(old))
        self._next = next(self._pieces)
        self._folding = True
        self._old_key = key
        self._owed = SLICE

    def _new(
        self, connection: sqlite3.Connection, pieces: Iterable[Sequence[EntryRow]], are_read_back: bool
    ) -> Sequence[Sequence[EntryRow]]:
        """The pieces without what an earlier owner has put into the table: a room's entries go there in their order."""
        if not are_read_back:
            return list(pieces)
        heads = {room: _stored_head(connection, room) for room in {piece[0].room for piece in pieces}}
        return [left for piece in pieces if (left := [row for row in piece if row.seq > heads[row.room]])]


def entries_of_blob(blob: bytes, sealer: Sealer) -> list[EntryRow]:
    """The entries of a row of the ledger. Raises `CannotUnseal`."""
    if blob[0] == SEALED:
        return unpack(sealer.unseal(blob, _WHERE))
    return [entry for values in _unpack_old(blob) for entry in entries_in(values, sealer)]


def fold_all(connection: sqlite3.Connection, sealer: Sealer) -> None:
    """Inside a transaction: write all that the file's ledger holds into the table. For a file that nobody serves from memory."""
    ledger = Ledger(sealer)
    ledger.load(connection)
    ledger.fold_all(connection)


def _stored_head(connection: sqlite3.Connection, room: str) -> int:
    return int(connection.execute(HEAD, (room,)).fetchone()[0] or 0)
