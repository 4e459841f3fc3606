"""The reads of a shard: statement texts and how their rows become structs. All of it runs in the reader's thread."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from actors.store.chunks import entries_in, last_at
from actors.store.ledger import Ledger
from actors.store.opening import connect
from actors.store.rows import (
    CheckpointRow,
    CursorRow,
    DeviceRow,
    EntryRow,
    KeyRow,
    MarkRow,
    MemberRow,
    ReadRow,
    RoomRow,
    SagaRow,
    UserMarkRow,
    UserRoomRow,
    UserRow,
)
from actors.store.schema import Table, table_of
from actors.store.seal import Sealer
from actors.store.store import RoomState, UserState

CACHE_KIB = 4096


def _by_key(table: Table[Any], condition: str, order: str = "") -> str:
    return f"SELECT {table.select} FROM {table.name} WHERE {condition}{f' ORDER BY {order}' if order else ''}"  # noqa: S608


_ROOMS, _MEMBERS, _MARKS, _CHECKPOINTS = (table_of(kind) for kind in (RoomRow, MemberRow, MarkRow, CheckpointRow))
_USERS, _DEVICES, _USER_MARKS = (table_of(kind) for kind in (UserRow, DeviceRow, UserMarkRow))
_KEYS, _CURSORS, _USER_ROOMS, _READS = (table_of(kind) for kind in (KeyRow, CursorRow, UserRoomRow, ReadRow))
_SAGAS = table_of(SagaRow)

_ROOM = _by_key(_ROOMS, "room = ?")
_ROOM_MEMBERS = _by_key(_MEMBERS, "room = ?", "user")
_ROOM_MARKS = _by_key(_MARKS, "room = ?", "user")
_CHECKPOINT = _by_key(_CHECKPOINTS, "room = ?")
_USER = _by_key(_USERS, "user = ?")
_USER_DEVICES = _by_key(_DEVICES, "user = ?", "device")
_USER_MARKED = _by_key(_USER_MARKS, "user = ?", "room")
_AFTER = "SELECT room, seq, meta, body FROM entries WHERE room = ? AND seq > ? ORDER BY seq"
_BEFORE = "SELECT room, seq, meta, body FROM entries WHERE room = ? AND seq < ? ORDER BY seq DESC"
_COVERS = "SELECT room, seq, meta, body FROM entries WHERE room = ? AND seq >= ? ORDER BY seq LIMIT 1"
_HEADS = """SELECT room, seq, meta FROM json_each(?) AS wanted CROSS JOIN entries
    WHERE room = wanted.value AND seq = (SELECT max(seq) FROM entries WHERE room = wanted.value)"""
_MEMBER = _by_key(_MEMBERS, "room = ? AND user = ?")
_KEY = _by_key(_KEYS, "room = ? AND user = ? AND post_key = ?")
_NAMED = "user = ? AND room IN (SELECT value FROM json_each(?))"
_NAMED_ROOMS = _by_key(_USER_ROOMS, _NAMED, "room")
_SINCE = _by_key(_USER_ROOMS, "user = ? AND version > ?", "version, room LIMIT ?")
_PAGE = _by_key(_USER_ROOMS, "user = ? AND room > ? AND role <> 'none'", "room LIMIT ?")
_NAMED_READS = _by_key(_READS, _NAMED, "room")
_NAMED_CURSORS = _by_key(_CURSORS, _NAMED, "device, room")
_UNTOLD = _by_key(_MARKS, "told = 0 AND slot IN (SELECT value FROM json_each(?))", "room, user")
_SAGA = _by_key(_SAGAS, "saga = ?")
_RUNNING = "SELECT saga FROM sagas WHERE slot IN (SELECT value FROM json_each(?)) ORDER BY saga"
_ACTIVE = "SELECT room FROM active WHERE slot IN (SELECT value FROM json_each(?)) ORDER BY room"


class ShardReader:
    """One shard file, open for reading. Every method sees all that was committed before it was called."""

    def __init__(self, path: Path, ledger: Ledger, sealer: Sealer) -> None:
        self.path = path
        self._ledger = ledger
        self._sealer = sealer
        self._connection = connect(path, query_only=True, cache_kib=CACHE_KIB)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def load_room(self, room: str) -> RoomState | None:
        """See `Store.load_room`."""
        overlay = self._ledger.rows(room)
        # One snapshot for all statements, so that members, marks and tail fit each other.
        self._connection.execute("BEGIN")
        try:
            return self._room_state(room, overlay)
        finally:
            self._connection.execute("COMMIT")

    def _room_state(self, room: str, overlay: list[EntryRow]) -> RoomState | None:
        row = self._one(_ROOMS, _ROOM, room)
        if row is None:
            return None
        checkpoint = self._one(_CHECKPOINTS, _CHECKPOINT, room)
        behind = checkpoint.seq if checkpoint else 0
        tail = [_bare(row) for row in _overlaid(self._after(room, behind), overlay, behind)]
        return RoomState(row, self._all(_MEMBERS, _ROOM_MEMBERS, room), self._all(_MARKS, _ROOM_MARKS, room), checkpoint, tail)

    def load_user(self, user: str) -> UserState | None:
        """See `Store.load_user`."""
        self._connection.execute("BEGIN")
        try:
            row = self._one(_USERS, _USER, user)
            if row is None:
                return None
            return UserState(row, self._all(_DEVICES, _USER_DEVICES, user), self._all(_USER_MARKS, _USER_MARKED, user))
        finally:
            self._connection.execute("COMMIT")

    def entries_after(self, room: str, after: int, limit: int) -> list[EntryRow]:
        """See `Store.entries_after`."""
        overlay = self._ledger.rows(room)
        if overlay and overlay[0].seq <= after + 1:
            # All that is wanted is still in memory: what a client that follows a busy room asks for.
            found: list[EntryRow] = []
        else:
            found = self._after(room, after, limit)
        return _overlaid(found, overlay, after)[:limit]

    def _after(self, room: str, after: int, limit: int | None = None) -> list[EntryRow]:
        """Entries of the table, ascending: as many rows of it as are needed."""
        found: list[EntryRow] = []
        with closing(self._connection.execute(_AFTER, (room, after))) as rows:
            for values in rows:
                found += [row for row in entries_in(values, self._sealer) if row.seq > after]
                if limit is not None and len(found) >= limit:
                    break
        return found

    def entries_before(self, room: str, before: int, limit: int) -> list[EntryRow]:
        """See `Store.entries_before`."""
        overlay = self._ledger.rows(room)
        if overlay and min(before, overlay[-1].seq + 1) - overlay[0].seq >= limit:
            found: list[EntryRow] = []  # all that is wanted is still in memory
        else:
            found = self._before(room, before, limit)
        rows = [row for row in _overlaid(found, overlay, 0) if row.seq < before]
        return rows[max(0, len(rows) - limit) :]

    def _before(self, room: str, before: int, limit: int) -> list[EntryRow]:
        """Entries of the table, ascending, the last `limit` among them; the row that holds `before` may hold some of them too."""
        covering = self._connection.execute(_COVERS, (room, before)).fetchone()
        pieces = [entries_in(covering, self._sealer)] if covering is not None else []
        count = sum(row.seq < before for piece in pieces for row in piece)
        with closing(self._connection.execute(_BEFORE, (room, before))) as rows:
            for values in rows:
                if count >= limit:
                    break
                pieces.append(entries_in(values, self._sealer))
                count += len(pieces[-1])
        return [row for piece in reversed(pieces) for row in piece]

    def heads(self, rooms: Sequence[str]) -> dict[str, tuple[int, int]]:
        """The last (seq, at) of each room that has one."""
        last: dict[str, tuple[int, int]] = {}
        rest = []
        for room in rooms:
            rows = self._ledger.rows(room)
            if rows:
                last[room] = rows[-1].seq, rows[-1].at
            else:
                rest.append(room)
        if rest:
            found = self._connection.execute(_HEADS, (_json(rest),)).fetchall()
            last.update((room, (seq, last_at(meta))) for room, seq, meta in found)
        return last

    def member(self, room: str, user: str) -> MemberRow | None:
        """See `Store.member`."""
        found: MemberRow | None = self._one(_MEMBERS, _MEMBER, room, user)
        return found

    def post_key(self, room: str, user: str, key: str) -> KeyRow | None:
        """See `Store.post_key`."""
        found: KeyRow | None = self._one(_KEYS, _KEY, room, user, key)
        return found

    def user_rooms(self, user: str, rooms: Sequence[str]) -> list[UserRoomRow]:
        """See `Store.user_rooms`."""
        return self._all(_USER_ROOMS, _NAMED_ROOMS, user, _json(rooms))

    def user_rooms_since(self, user: str, version: int, limit: int) -> list[UserRoomRow]:
        """See `Store.user_rooms_since`."""
        return self._all(_USER_ROOMS, _SINCE, user, version, limit)

    def user_rooms_page(self, user: str, after: str, limit: int) -> list[UserRoomRow]:
        """See `Store.user_rooms_page`."""
        return self._all(_USER_ROOMS, _PAGE, user, after, limit)

    def reads(self, user: str, rooms: Sequence[str]) -> list[ReadRow]:
        """See `Store.reads`."""
        return self._all(_READS, _NAMED_READS, user, _json(rooms))

    def cursors(self, user: str, rooms: Sequence[str]) -> list[CursorRow]:
        """See `Store.cursors`."""
        return self._all(_CURSORS, _NAMED_CURSORS, user, _json(rooms))

    def untold(self, slots: Sequence[int]) -> list[MarkRow]:
        """See `Store.untold`."""
        return self._all(_MARKS, _UNTOLD, _json(slots))

    def active(self, slots: Sequence[int]) -> list[str]:
        """See `Store.active`."""
        return [room for (room,) in self._connection.execute(_ACTIVE, (_json(slots),)).fetchall()]

    def load_saga(self, saga: str) -> SagaRow | None:
        """See `Store.load_saga`."""
        found: SagaRow | None = self._one(_SAGAS, _SAGA, saga)
        return found

    def sagas(self, slots: Sequence[int]) -> list[str]:
        """See `Store.sagas`."""
        return [saga for (saga,) in self._connection.execute(_RUNNING, (_json(slots),)).fetchall()]

    def _one(self, table: Table[Any], statement: str, *parameters: Any) -> Any:
        values = self._connection.execute(statement, parameters).fetchone()
        return None if values is None else table.row(values, self._sealer)

    def _all(self, table: Table[Any], statement: str, *parameters: Any) -> list[Any]:
        sealer = self._sealer
        row = table.row
        return [row(values, sealer) for values in self._connection.execute(statement, parameters).fetchall()]


def _bare(row: EntryRow) -> EntryRow:
    return EntryRow(row.room, row.seq, row.at, row.user, row.device, row.n, row.id, row.kind, "")


def _overlaid(found: list[EntryRow], overlay: list[EntryRow], after: int) -> list[EntryRow]:
    """Entries of the table and then those of the overlay that are not among them; both ascend, the overlay lies behind."""
    if not overlay:
        return found
    last = found[-1].seq if found else after
    rows = list(found)
    for row in overlay:
        if row.seq > last:
            rows.append(row)
            last = row.seq
    return rows


def _json(values: Sequence[Any]) -> str:
    return msgspec.json.encode(list(values)).decode()
