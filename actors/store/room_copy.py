"""Copying the rows of one room from one file to another, a bounded piece at a time, while the room goes on in the first.

Tables are copied in the order of their keys. What is written meanwhile is noted (`note`) and copied again by its key; entries only
ascend, so that new ones lie behind the place that the copy has reached. The copy is exact when `is_even` says so and nothing
is written any more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from actors.store.chunks import forget_entry
from actors.store.rows import ROWS, EntryRow
from actors.store.seal import Sealer

ROOM_KEYS: dict[str, tuple[str, ...]] = {kind.table: kind.key for kind in ROWS if kind.key[0] == "room"}
"""Tables whose rows belong to one room, which stands first in their key and in their columns."""
WITH_SLOT = frozenset({"marks", "active"})
"""Of these, the ones whose rows name the slot too."""
PIECE_ROWS = 500
"""Rows of one piece."""
PIECE_ENTRIES = 40
"""The same for entries, each row of which holds up to 64: some 10 ms."""

Key = tuple[str | int, ...]


class RoomCopy:
    """How far the copy of one room has come. All calls come from one thread."""

    def __init__(self, room: str, slot: int, sealer: Sealer) -> None:
        """`slot`: what the rows name in the new file."""
        self.room = room
        self._slot = slot
        self._sealer = sealer
        self._tables = list(ROOM_KEYS)
        # The table that is being copied, and the rest of the key of the last row that was.
        self._at = 0
        self._after: Key | None = None
        self._entries_up_to = 0
        self._noted: dict[tuple[str, Key], None] = {}
        self._columns: dict[str, tuple[str, ...]] = {}

    @property
    def is_even(self) -> bool:
        """Whether everything that was there, or was noted, is copied; entries may have come since."""
        return self._at == len(self._tables) and not self._noted

    def note(self, table: str, values: Sequence[str | int]) -> None:
        """Rows under this key (or a part of it, from the front) were written or taken away. More values than the key has are ignored."""
        key = ROOM_KEYS.get(table)
        if key is not None and values[0] == self.room:
            self._noted[table, tuple(values[: len(key)])] = None

    def step(self, source: sqlite3.Connection, target: sqlite3.Connection) -> None:
        """One piece, inside a transaction of the target."""
        if self._noted:
            for noted in list(self._noted)[:PIECE_ROWS]:
                self._copy_again(source, target, *noted)
                del self._noted[noted]
        elif self._at < len(self._tables):
            self._copy_piece(source, target, self._tables[self._at])
        else:
            self._copy_entries(source, target, PIECE_ENTRIES)

    def finish(self, source: sqlite3.Connection, target: sqlite3.Connection) -> None:
        """All that is left, inside a transaction of the target; nothing is written meanwhile."""
        while not self.is_even:
            self.step(source, target)
        while self._copy_entries(source, target, PIECE_ENTRIES):
            pass

    def owes_entries(self, source: sqlite3.Connection) -> bool:
        """Whether more entries than fit into one piece have come since."""
        found = source.execute("SELECT 1 FROM entries WHERE room = ? AND seq > ? LIMIT 1 OFFSET ?", self._behind(PIECE_ENTRIES))
        return found.fetchone() is not None

    # --- inside ---

    def _copy_piece(self, source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> None:
        if table == EntryRow.table:
            if not self._copy_entries(source, target, PIECE_ENTRIES):
                self._at += 1
            return
        rest = ROOM_KEYS[table][1:]
        where = "room = ?"
        parameters: list[str | int] = [self.room]
        if rest and self._after is not None:
            where += f" AND ({', '.join(rest)}) > ({', '.join('?' * len(rest))})"
            parameters += list(self._after)
        order = f" ORDER BY {', '.join(rest)}" if rest else ""
        rows = source.execute(f"SELECT * FROM {table} WHERE {where}{order} LIMIT {PIECE_ROWS}", parameters).fetchall()  # noqa: S608
        self._put(source, target, table, rows)
        if len(rows) < PIECE_ROWS:
            self._at, self._after = self._at + 1, None
        else:
            self._after = tuple(rows[-1][1 : 1 + len(rest)])

    def _copy_entries(self, source: sqlite3.Connection, target: sqlite3.Connection, limit: int) -> bool:
        """Whether there were any."""
        rows = source.execute("SELECT * FROM entries WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?", self._behind(limit)).fetchall()
        self._put(source, target, EntryRow.table, rows)
        if rows:
            self._entries_up_to = rows[-1][1]
        return bool(rows)

    def _behind(self, number: int) -> tuple[str, int, int]:
        return self.room, self._entries_up_to, number

    def _copy_again(self, source: sqlite3.Connection, target: sqlite3.Connection, table: str, key: Key) -> None:
        if table == EntryRow.table and len(key) == len(EntryRow.key):
            forget_entry(target, self.room, int(key[1]), self._sealer)
            return
        where = " AND ".join(f"{field} = ?" for field in ROOM_KEYS[table][: len(key)])
        target.execute(f"DELETE FROM {table} WHERE {where}", key)  # noqa: S608
        if table == EntryRow.table:
            self._entries_up_to = 0  # all were taken away: what is there now is new
        else:
            self._put(source, target, table, source.execute(f"SELECT * FROM {table} WHERE {where}", key).fetchall())  # noqa: S608

    def _put(self, source: sqlite3.Connection, target: sqlite3.Connection, table: str, rows: Iterable[Sequence[object]]) -> None:
        columns = self._columns.get(table)
        if columns is None:
            names = source.execute(f"SELECT * FROM {table} LIMIT 0").description  # noqa: S608
            columns = self._columns[table] = tuple(name[0] for name in names)
        put = f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
        if table in WITH_SLOT:
            at = columns.index("slot")
            rows = ((*row[:at], self._slot, *row[at + 1 :]) for row in rows)
        target.executemany(put, rows)


def clear_piece(shard: sqlite3.Connection, room: str) -> bool:
    """Inside a transaction: take a bounded part of a room's rows away, those that name a slot first; True where none is left."""
    for table in sorted(ROOM_KEYS, key=lambda name: (name not in WITH_SLOT, name)):
        limit = PIECE_ENTRIES if table == EntryRow.table else PIECE_ROWS
        key = ", ".join(ROOM_KEYS[table])
        gone = shard.execute(
            f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE room = ? LIMIT {limit})",  # noqa: S608
            (room,),
        )
        if gone.rowcount >= limit:
            return False
    return True
