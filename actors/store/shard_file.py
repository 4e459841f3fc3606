"""A shard file as it is at one moment, to be read from end to end: whose rows are in it, and all rows of each of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from actors.store.chunks import entries_in
from actors.store.ledger import entries_of_blob
from actors.store.migrations import FORMAT
from actors.store.opening import SHARD_KIND, Damaged, connect, explain, version_of
from actors.store.rows import ROWS, EntryRow, Row, SagaRow
from actors.store.schema import table_of
from actors.store.seal import Sealer
from actors.store.store import StoreError, Unreadable

R = TypeVar("R", bound=Row)
ROOM_KINDS: tuple[type[Row], ...] = tuple(kind for kind in ROWS if kind.key[0] == "room" and kind is not EntryRow)
USER_KINDS: tuple[type[Row], ...] = tuple(kind for kind in ROWS if kind.key[0] == "user")
FAULTS = (Unreadable, ValueError, TypeError, IndexError, msgspec.DecodeError, sqlite3.Error)
"""What reading a damaged row raises."""
_ROOM_TABLES = (EntryRow.table, *(kind.table for kind in ROOM_KINDS))
_USER_TABLES = tuple(kind.table for kind in USER_KINDS)
_ENTRIES = "SELECT room, seq, meta, body FROM entries WHERE room = ? ORDER BY seq"


class ShardFile:
    """Reads what was committed when it was opened, whoever goes on writing. Belongs to one thread."""

    def __init__(self, path: Path, sealer: Sealer, told: Callable[[str], None] | None = None) -> None:
        """`told` hears of ledger rows that cannot be read; without it they raise `Unreadable`. Raises `CannotOpen` and its kin."""
        self.path = path
        self._sealer = sealer
        self.connection = connect(path, query_only=True, cache_kib=16_384)
        self.unfolded: dict[str, list[EntryRow]] = {}
        """Entries of the ledger, by room, ascending."""
        self.ledger_rows = 0
        try:
            if version_of(self.connection, path, SHARD_KIND, FORMAT) < 1:
                raise Damaged(f"The file {path} is empty.")
            self.connection.execute("BEGIN")
            self._load_ledger(told)
        except sqlite3.Error as error:
            self.connection.close()
            raise explain(error, path) from error
        except StoreError:
            self.connection.close()
            raise

    def close(self) -> None:
        """Let go of that moment."""
        self.connection.close()

    def rooms(self) -> Iterator[str]:
        """Every room that has a row here, ascending."""
        return self._owners("room", _ROOM_TABLES, sorted(self.unfolded))

    def users(self) -> Iterator[str]:
        """Every account that has a row here, ascending."""
        return self._owners("user", _USER_TABLES, [])

    def sagas(self) -> Iterator[str]:
        """Every running operation that has a row here, ascending."""
        return self._owners("saga", (SagaRow.table,), [])

    def rows(self, kind: type[R], owner: str) -> list[R]:
        """The rows of one room or account in a table other than entries, by key. Raises `Unreadable`."""
        table = table_of(kind)
        statement = f"SELECT {table.select} FROM {table.name} WHERE {kind.key[0]} = ? ORDER BY {', '.join(kind.key)}"  # noqa: S608
        return [table.row(values, self._sealer) for values in self.connection.execute(statement, (owner,))]

    def entries(self, room: str, told: Callable[[str], None] | None = None) -> Iterator[Sequence[EntryRow]]:
        """The entries of a room, ascending, those of the ledger last. `told` hears of rows that cannot be read, and of those that do not
        hold what their key says; without it they raise `Unreadable`."""
        last = 0
        with closing(self.connection.execute(_ENTRIES, (room,))) as rows:
            for values in rows:
                entries = self._opened(values, told)
                if entries:
                    last = entries[-1].seq
                    yield entries
        rest = [entry for entry in self.unfolded.get(room, ()) if entry.seq > last]
        if rest:
            yield rest

    def count(self, table: str) -> int:
        """Rows of a table, as they lie there."""
        return int(self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608

    def entry_count(self) -> int:
        """Entries of all rooms, roughly: what their last numbers add up to."""
        folded = self.connection.execute("SELECT total(head) FROM (SELECT max(seq) AS head FROM entries GROUP BY room)").fetchone()[0]
        return int(folded) + sum(map(len, self.unfolded.values()))

    # --- inside ---

    def _opened(self, values: Sequence[Any], told: Callable[[str], None] | None) -> list[EntryRow]:
        room, seq = values[:2]
        try:
            entries = entries_in(values, self._sealer)
            if not entries or (entries[-1].room, entries[-1].seq) != (room, seq):
                raise Unreadable(f"Room {room}: the row of message {seq} holds something else.")
        except FAULTS as error:
            if told is None:
                raise
            told(f"Room {room}: the row of message {seq} in {self.path.name} cannot be read: {error}")
            return []
        return entries

    def _load_ledger(self, told: Callable[[str], None] | None) -> None:
        for key, blob in self.connection.execute("SELECT k, entries FROM ledger ORDER BY k"):
            self.ledger_rows += 1
            try:
                entries = entries_of_blob(blob, self._sealer)
            except FAULTS as error:
                if told is None:
                    raise
                told(f"{self.path.name}: row {key} of its ledger cannot be read: {error}")
                continue
            for entry in entries:
                rows = self.unfolded.setdefault(entry.room, [])
                if not rows or entry.seq > rows[-1].seq:
                    rows.append(entry)

    def _owners(self, field: str, tables: Sequence[str], others: list[str]) -> Iterator[str]:
        """Steps through the keys of all tables at once: no table is read as a whole."""
        found: dict[str, str] = {}
        for table in tables:
            self._step(found, table, field, "")
        waiting = list(reversed(others))
        while found or waiting:
            owner = min([*found.values(), *waiting[-1:]])
            yield owner
            for table in [table for table, at in found.items() if at == owner]:
                self._step(found, table, field, owner)
            while waiting and waiting[-1] == owner:
                waiting.pop()

    def _step(self, found: dict[str, str], table: str, field: str, after: str) -> None:
        row = self.connection.execute(f"SELECT min({field}) FROM {table} WHERE {field} > ?", (after,)).fetchone()  # noqa: S608
        if row[0] is None:
            found.pop(table, None)
        else:
            found[table] = row[0]
