"""Tables and statements, most of them made from `rows.ROWS`. Names are quoted: some of ours are words of CQL.

Rows of a room lie in partitions of its own, rows of a user in the user's; entries in one a bucket of 2,048 numbers, so that a partition
stays under 40 MB however long the texts are. What is looked for by slot (a taker does that) lies in tables by span: 64 slots each.
"""

from __future__ import annotations

from typing import Any, get_type_hints

from actors.store.rows import ROWS, ActiveRow, EntryRow, MarkRow, Row, SagaRow, UserMarkRow

BUCKET = 2048
"""Entries (numbers) of a room in one partition."""
SPAN_BITS = 6
"""Slots of one partition of the tables by slot, as a power of two."""
OPEN, ROLLED, SEALED = 0, 1, 2
"""States of a ledger."""
KNOWN, ENDED, DRAINED = 0, 1, 2
"""States of a life."""

_TYPES = {str: "text", int: "bigint", bool: "boolean", bytes: "blob"}
TYPED: tuple[type[Row], ...] = tuple(kind for kind in ROWS if kind not in (EntryRow, ActiveRow))
"""Rows that are kept field by field, in a table of their own."""


def span_of(slot: int) -> int:
    """The partition of a slot in the tables by slot."""
    return slot >> SPAN_BITS


def quoted(names: tuple[str, ...]) -> str:
    """A list of columns."""
    return ", ".join(f'"{name}"' for name in names)


def _ddl(kind: type[Row]) -> str:
    hints = get_type_hints(kind)
    columns = ", ".join(f'"{field}" {_TYPES[hints[field]]}' for field in kind.__struct_fields__)
    options = f" {_BRIEF}" if kind in (MarkRow, UserMarkRow) else ""
    return f"CREATE TABLE IF NOT EXISTS {kind.table} ({columns}, PRIMARY KEY ({quoted(kind.key)})){options}"


# Rows that come and go all the time. One that a replica missed the end of, and that comes back, is a mark that stands too long: no harm.
_BRIEF = "WITH gc_grace_seconds = 10800 AND compaction = {'class': 'LeveledCompactionStrategy'}"
_LEDGER_OPTIONS = "WITH gc_grace_seconds = 3600 AND compaction = {'class': 'LeveledCompactionStrategy'}"
STEPS: tuple[tuple[str, ...], ...] = (
    (
        *(_ddl(kind) for kind in TYPED if kind is not SagaRow),
        "CREATE TABLE IF NOT EXISTS room_entries (room text, bucket int, seq bigint, at bigint, body blob, PRIMARY KEY ((room, bucket), seq))",
        "CREATE TABLE IF NOT EXISTS heads (room text PRIMARY KEY, seq bigint, at bigint)",
        """CREATE TABLE IF NOT EXISTS untold (span int, slot int, room text, user text, seq bigint, member boolean,
            PRIMARY KEY (span, slot, room, user)) """
        + _BRIEF,
        "CREATE TABLE IF NOT EXISTS active (span int, slot int, room text, PRIMARY KEY (span, slot, room)) " + _BRIEF,
        """CREATE TABLE IF NOT EXISTS keys_by_time (span int, at bigint, slot int, room text, user text, post_key text,
            PRIMARY KEY (span, at, slot, room, user, post_key))""",
        """CREATE TABLE IF NOT EXISTS ledgers (life text, part int, k int, data blob, state tinyint static, next int static,
            stamp blob static, PRIMARY KEY ((life, part), k)) """
        + _LEDGER_OPTIONS,
        "CREATE TABLE IF NOT EXISTS lives (life text PRIMARY KEY, state tinyint)",
        "CREATE TABLE IF NOT EXISTS floors (life text PRIMARY KEY, part int, k int)",
        'CREATE TABLE IF NOT EXISTS owners ("group" int PRIMARY KEY, life text, epoch bigint)',
        'CREATE TABLE IF NOT EXISTS seats ("group" int, number int, room text, PRIMARY KEY ("group", number))',
        "CREATE TABLE IF NOT EXISTS settings (name text PRIMARY KEY, value blob)",
        "CREATE TABLE IF NOT EXISTS data_keys (id bigint PRIMARY KEY, wrapped blob)",
        "CREATE TABLE IF NOT EXISTS views (one int PRIMARY KEY, version bigint, data blob)",
        "CREATE TABLE IF NOT EXISTS lease (one int PRIMARY KEY, holder text, number bigint)",
    ),
    (
        _ddl(SagaRow),
        "CREATE TABLE IF NOT EXISTS sagas_by_slot (span int, slot int, saga text, PRIMARY KEY (span, slot, saga)) " + _BRIEF,
    ),
)
"""Migrations, in order; each statement may be repeated."""


def _typed() -> dict[str, str]:
    found = {}
    for kind in TYPED:
        columns, name = kind.__struct_fields__, kind.table.upper()
        marks = ", ".join("?" * len(columns))
        found[f"PUT {name}"] = f"INSERT INTO {kind.table} ({quoted(columns)}) VALUES ({marks}) USING TIMESTAMP ?"  # noqa: S608
        for count in range(1, len(kind.key) + 1):
            condition = " AND ".join(f'"{field}" = ?' for field in kind.key[:count])
            found[f"GONE {name} {count}"] = f"DELETE FROM {kind.table} USING TIMESTAMP ? WHERE {condition}"  # noqa: S608
            found[f"GET {name} {count}"] = f"SELECT {quoted(columns)} FROM {kind.table} WHERE {condition}"  # noqa: S608
    return found


_LISTED = quoted(next(kind for kind in TYPED if kind.table == "user_rooms").__struct_fields__)
STATEMENTS: dict[str, str] = {
    **_typed(),
    "USER ROOMS NAMED": f'SELECT {_LISTED} FROM user_rooms WHERE "user" = ? AND room IN ?',  # noqa: S608
    "USER ROOMS SINCE": f'SELECT {_LISTED} FROM user_rooms WHERE "user" = ? AND version > ? ALLOW FILTERING',  # noqa: S608
    "USER ROOMS PAGE": f'SELECT {_LISTED} FROM user_rooms WHERE "user" = ? AND room > ? LIMIT ?',  # noqa: S608
    "READS NAMED": 'SELECT "user", room, seq FROM reads WHERE "user" = ? AND room IN ?',
    "CURSORS NAMED": 'SELECT "user", device, room, seq FROM cursors WHERE "user" = ? AND room IN ? ALLOW FILTERING',
    # entries
    "PUT ENTRIES": "INSERT INTO room_entries (room, bucket, seq, at, body) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?",
    "GONE ENTRIES ROW": "DELETE FROM room_entries USING TIMESTAMP ? WHERE room = ? AND bucket = ? AND seq = ?",
    "GONE ENTRIES BUCKET": "DELETE FROM room_entries USING TIMESTAMP ? WHERE room = ? AND bucket = ?",
    "ENTRIES FROM": "SELECT seq, body FROM room_entries WHERE room = ? AND bucket = ? AND seq >= ? LIMIT ?",
    "ENTRIES COVERING": "SELECT seq, body FROM room_entries WHERE room = ? AND bucket = ? AND seq >= ? AND seq < ?",
    "ENTRIES BELOW": "SELECT seq, body FROM room_entries WHERE room = ? AND bucket = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
    "HEAD": "SELECT room, seq, at FROM heads WHERE room = ?",
    "HEADS": "SELECT room, seq, at FROM heads WHERE room IN ?",
    "PUT HEAD": "INSERT INTO heads (room, seq, at) VALUES (?, ?, ?) USING TIMESTAMP ?",
    "GONE HEAD": "DELETE FROM heads USING TIMESTAMP ? WHERE room = ?",
    # by slot
    "UNTOLD": 'SELECT slot, room, "user", seq, member FROM untold WHERE span = ? AND slot >= ? AND slot <= ?',
    "PUT UNTOLD": 'INSERT INTO untold (span, slot, room, "user", seq, member) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?',
    "GONE UNTOLD 1": "DELETE FROM untold USING TIMESTAMP ? WHERE span = ? AND slot = ? AND room = ?",
    "GONE UNTOLD 2": 'DELETE FROM untold USING TIMESTAMP ? WHERE span = ? AND slot = ? AND room = ? AND "user" = ?',
    "ACTIVE": "SELECT slot, room FROM active WHERE span = ? AND slot >= ? AND slot <= ?",
    "PUT ACTIVE": "INSERT INTO active (span, slot, room) VALUES (?, ?, ?) USING TIMESTAMP ?",
    "GONE ACTIVE": "DELETE FROM active USING TIMESTAMP ? WHERE span = ? AND slot = ? AND room = ?",
    "RUNNING": "SELECT slot, saga FROM sagas_by_slot WHERE span = ? AND slot >= ? AND slot <= ?",
    "PUT RUNNING": "INSERT INTO sagas_by_slot (span, slot, saga) VALUES (?, ?, ?) USING TIMESTAMP ?",
    "GONE RUNNING": "DELETE FROM sagas_by_slot USING TIMESTAMP ? WHERE span = ? AND slot = ? AND saga = ?",
    "KEYS BEFORE": 'SELECT at, slot, room, "user", post_key FROM keys_by_time WHERE span = ? AND at < ?',
    "PUT KEY TIME": 'INSERT INTO keys_by_time (span, at, slot, room, "user", post_key) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?',
    "GONE KEY TIME": """DELETE FROM keys_by_time USING TIMESTAMP ?
        WHERE span = ? AND at = ? AND slot = ? AND room = ? AND "user" = ? AND post_key = ?""",
    # from end to end: tables whose partitions are one row each
    "SCAN ROOMS": "SELECT token(room), room FROM rooms WHERE token(room) > ? LIMIT ?",
    "SCAN HEADS": "SELECT token(room), room, seq FROM heads WHERE token(room) > ? LIMIT ?",
    "SCAN SAGAS": "SELECT token(saga), saga FROM sagas WHERE token(saga) > ? LIMIT ?",
    "SCAN USERS": 'SELECT token("user"), "user" FROM users WHERE token("user") > ? LIMIT ?',
    # ledgers
    "OPEN LEDGER": f"INSERT INTO ledgers (life, part, state, next, stamp) VALUES (?, ?, {OPEN}, 0, 0x) IF NOT EXISTS",  # noqa: S608
    "SEALED LEDGER": f"INSERT INTO ledgers (life, part, state, next, stamp) VALUES (?, ?, {SEALED}, 0, 0x) IF NOT EXISTS",  # noqa: S608
    "APPEND": f"""UPDATE ledgers SET next = ?, stamp = ?, data = ? WHERE life = ? AND part = ? AND k = ?
        IF state = {OPEN} AND next = ? AND stamp = ?""",  # noqa: S608
    "ROLL": f"UPDATE ledgers SET state = {ROLLED} WHERE life = ? AND part = ? IF state = {OPEN} AND next = ?",  # noqa: S608
    "SEAL": f"UPDATE ledgers SET state = {SEALED} WHERE life = ? AND part = ? IF state = {OPEN}",  # noqa: S608
    "LEDGER STATE": "SELECT state, next FROM ledgers WHERE life = ? AND part = ? LIMIT 1",
    "LEDGER ROWS": "SELECT k, data FROM ledgers WHERE life = ? AND part = ? AND k >= ? LIMIT ?",
    # A timestamp above every clock: nothing is ever appended to a ledger that was rolled, and a clock that is late would leave its rows for ever.
    "DROP LEDGER ROWS": f"DELETE FROM ledgers USING TIMESTAMP {2**62} WHERE life = ? AND part = ? AND k >= 0",  # noqa: S608
    "FLOOR": "SELECT part, k FROM floors WHERE life = ?",
    "PUT FLOOR": "INSERT INTO floors (life, part, k) VALUES (?, ?, ?) USING TIMESTAMP ?",
    # lives, groups
    "ADD LIFE": f"INSERT INTO lives (life, state) VALUES (?, {KNOWN}) IF NOT EXISTS",  # noqa: S608
    "LIFE": "SELECT state FROM lives WHERE life = ?",
    "LIVES": "SELECT life, state FROM lives",
    "SET LIFE": "UPDATE lives SET state = ? WHERE life = ? IF state = ?",
    "OWNER": 'SELECT life, epoch FROM owners WHERE "group" = ?',
    "OWNERS": 'SELECT "group", life, epoch FROM owners',
    "FIRST OWNER": 'INSERT INTO owners ("group", life, epoch) VALUES (?, ?, ?) IF NOT EXISTS',
    "CHANGE OWNER": 'UPDATE owners SET life = ?, epoch = ? WHERE "group" = ? IF life = ? AND epoch = ?',
    "DROP OWNER": 'DELETE FROM owners WHERE "group" = ? IF life = ? AND epoch = ?',
    "SEATS": 'SELECT number, room FROM seats WHERE "group" = ?',
    "PUT SEAT": 'INSERT INTO seats ("group", number, room) VALUES (?, ?, ?) USING TIMESTAMP ?',
    "GONE SEAT": 'DELETE FROM seats USING TIMESTAMP ? WHERE "group" = ? AND number = ?',
    # the cluster
    "SETTING": "SELECT value FROM settings WHERE name = ?",
    "KEEP SETTING": "INSERT INTO settings (name, value) VALUES (?, ?) IF NOT EXISTS",
    "CHANGE SETTING": "UPDATE settings SET value = ? WHERE name = ? IF value = ?",
    "DATA KEY": "SELECT wrapped FROM data_keys WHERE id = ?",
    "ADD DATA KEY": "INSERT INTO data_keys (id, wrapped) VALUES (?, ?) IF NOT EXISTS",
    "DROP DATA KEY": "DELETE FROM data_keys WHERE id = ? IF EXISTS",
    "DATA KEYS": "SELECT id, wrapped FROM data_keys",
    "VIEW": "SELECT version, data FROM views WHERE one = 1",
    "VIEW VERSION": "SELECT version FROM views WHERE one = 1",
    "FIRST VIEW": "INSERT INTO views (one, version, data) VALUES (1, 1, ?) IF NOT EXISTS",
    "CHANGE VIEW": "UPDATE views SET version = ?, data = ? WHERE one = 1 IF version = ?",
    "LEASE": "SELECT holder, number FROM lease WHERE one = 1",
    "FIRST LEASE": "INSERT INTO lease (one, holder, number) VALUES (1, ?, ?) IF NOT EXISTS",
    "CHANGE LEASE": "UPDATE lease SET holder = ?, number = ? WHERE one = 1 IF holder = ? AND number = ?",
}  # fmt: skip
"""Every statement by its name."""

ONCE = frozenset(name for name, text in STATEMENTS.items() if " IF " in text)
"""Statements whose outcome depends on what is there: never repeated by themselves."""

UNCHANGED = frozenset({"APPEND", "ROLL", "OPEN LEDGER", "SEAL", "SEALED LEDGER"})
"""Those of them whose asker takes the answer to a second copy for that to the first: two may be under way."""


def get_name(kind: type[Row], count: int) -> str:
    """The statement that reads rows of a kind by its first `count` key fields."""
    return f"GET {kind.table.upper()} {count}"


def key_of(row: Row) -> tuple[Any, ...]:
    """Its primary key."""
    return tuple(getattr(row, name) for name in row.key)
