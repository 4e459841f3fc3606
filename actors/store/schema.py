"""Tables and statement texts, made from `rows.ROWS`, and the way of a row into its columns and back.

Entries, the rows that count, have a form of their own: see `chunks.py`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Generic, TypeVar, cast, get_type_hints

import msgspec

from actors.store.rows import ROWS, EntryRow, Gone, MarkRow, Row, SagaRow
from actors.store.seal import Sealer

R = TypeVar("R", bound=Row)
Values = tuple[Any, ...]

_TYPES = {str: "TEXT NOT NULL", int: "INTEGER NOT NULL", bool: "INTEGER NOT NULL", bytes: "BLOB NOT NULL"}

OWNER = "CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), life TEXT NOT NULL, settled INTEGER NOT NULL)"
SEALED = "CREATE TABLE sealed_lives (life TEXT PRIMARY KEY) WITHOUT ROWID"
LEDGER = "CREATE TABLE ledger (k INTEGER PRIMARY KEY, entries BLOB NOT NULL)"
"""Entries of one group commit as one blob, until they are folded into `entries`: see `ledger.py`."""
ENTRIES = """CREATE TABLE entries (room TEXT NOT NULL, seq INTEGER NOT NULL, meta BLOB NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (room, seq)) WITHOUT ROWID"""
INDEXES = (
    "CREATE INDEX marks_untold ON marks (slot) WHERE told = 0",
    "CREATE INDEX active_slot ON active (slot)",
    "CREATE INDEX user_rooms_version ON user_rooms (user, version)",
    "CREATE INDEX post_keys_at ON post_keys (at)",
)


class Table(Generic[R]):
    """One row type as a table: its columns, statements and conversions. Built once at import."""

    def __init__(self, kind: type[R]) -> None:
        self.kind = kind
        self.name = kind.table
        self.fields = kind.__struct_fields__
        self.columns = (*self.fields, "slot") if kind is MarkRow else self.fields
        hints = get_type_hints(kind)
        self._types = tuple(_TYPES[hints[f]] if f not in kind.sealed else "BLOB NOT NULL" for f in self.fields)
        self._bools = tuple(i for i, f in enumerate(self.fields) if hints[f] is bool)
        self._key_at = tuple(self.fields.index(f) for f in kind.key)
        self._sealed_at = tuple((self.fields.index(f), hints[f] is str, f"{kind.table}.{f}") for f in kind.sealed)
        self.select = ", ".join(self.fields)
        self.put = f"INSERT OR REPLACE INTO {self.name} ({', '.join(self.columns)}) VALUES ({', '.join('?' * len(self.columns))})"  # noqa: S608

    def ddl(self) -> str:
        """The statement that makes the table."""
        columns = [f"{field} {kind}" for field, kind in zip(self.fields, self._types, strict=True)]
        if len(self.columns) > len(self.fields):
            columns.append("slot INTEGER NOT NULL")
        return f"CREATE TABLE {self.name} ({', '.join(columns)}, PRIMARY KEY ({', '.join(self.kind.key)})) WITHOUT ROWID"

    def values(self, row: R, slot: int, sealer: Sealer) -> Values:
        """The columns of a row."""
        values = msgspec.structs.astuple(row)
        if self._sealed_at:
            values = self._seal(values, sealer)
        return (*values, slot) if len(self.columns) > len(values) else values

    def row(self, values: Values, sealer: Sealer) -> R:
        """The row of its columns (those of `select`)."""
        if not self._bools and not self._sealed_at:
            return self.kind(*values)
        fields = list(values)
        for at in self._bools:
            fields[at] = fields[at] != 0
        for at, is_text, name in self._sealed_at:
            clear = sealer.unseal(fields[at], where(name, self._key(values)))
            fields[at] = clear.decode() if is_text else clear
        return self.kind(*fields)

    def _seal(self, values: Values, sealer: Sealer) -> Values:
        fields = list(values)
        for at, is_text, name in self._sealed_at:
            clear = fields[at].encode() if is_text else fields[at]
            fields[at] = sealer.seal(clear, where(name, self._key(values)))
        return tuple(fields)

    def _key(self, values: Values) -> Values:
        return tuple(values[at] for at in self._key_at)


def where(name: str, key: Values) -> bytes:
    """What a sealed value is bound to: ``table.field`` and the primary key."""
    return f"{name}{key!r}".encode()


TABLES: dict[type[Row], Table[Any]] = {kind: Table(kind) for kind in ROWS if kind is not EntryRow}
"""Every table but entries."""
_KEYS: dict[str, tuple[str, ...]] = {kind.table: kind.key for kind in ROWS}


def table_of(kind: type[R]) -> Table[R]:
    """The table of a row type other than `EntryRow`."""
    return cast("Table[R]", TABLES[kind])


@cache
def delete_sql(table: str, fields: int) -> str:
    """The statement that carries out a `Gone` of `fields` key fields. Raises `ValueError` for one that names no rows."""
    key = _KEYS.get(table, ())
    if not 1 <= fields <= len(key):
        raise ValueError(f"Gone({table!r}) with {fields} key fields names no rows")
    return f"DELETE FROM {table} WHERE {' AND '.join(f'{field} = ?' for field in key[:fields])}"  # noqa: S608


def check_gone(gone: Gone) -> str:
    """The statement that carries out this `Gone`."""
    return delete_sql(gone.table, len(gone.key))


def shard_schema() -> tuple[str, ...]:
    """All statements that make an empty shard file of the first format."""
    start = "INSERT INTO owner VALUES (1, '', 0)"
    first = (table.ddl() for kind, table in TABLES.items() if kind is not SagaRow)
    return (OWNER, SEALED, LEDGER, ENTRIES, *first, *INDEXES, start)


def saga_schema() -> tuple[str, ...]:
    """The step that adds the log of running operations, where it is not there."""
    table = TABLES[SagaRow].ddl().replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)
    return table, "CREATE INDEX IF NOT EXISTS sagas_slot ON sagas (slot)"
