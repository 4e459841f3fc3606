"""Every read: what to ask of the tables, and what is not in them yet laid over the answer.

The copy of what is unflushed is made when a read is called, before it asks: so it sees every commit that has settled by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from actors.store.cassandra.flushing import covering, entries_of, is_full
from actors.store.cassandra.records import Change
from actors.store.cassandra.schema import BUCKET, get_name, span_of
from actors.store.cassandra.steps import Ask, Rows, Steps
from actors.store.cassandra.unflushed import Unflushed, overlaid
from actors.store.chunks import CHUNK_ENTRIES
from actors.store.rows import (
    ActiveRow,
    CheckpointRow,
    CursorRow,
    DeviceRow,
    EntryRow,
    KeyRow,
    MarkRow,
    MemberRow,
    ReadRow,
    RoomRow,
    Row,
    SagaRow,
    UserMarkRow,
    UserRoomRow,
    UserRow,
)
from actors.store.seal import Sealer
from actors.store.store import RoomState, UserState

R = TypeVar("R", bound=Row)
MAX_BUCKETS = 50_000
ONE_BY_ONE, HEADS_AT_ONCE = 8, 64
"""Rooms whose heads are asked for alone; rooms in one question."""
OF_ROOM: tuple[type[Row], ...] = (RoomRow, MemberRow, MarkRow, CheckpointRow)
OF_USER: tuple[type[Row], ...] = (UserRow, DeviceRow, UserMarkRow)


class Reads:
    """The reads of one life."""

    def __init__(self, unflushed: Unflushed, sealer: Sealer) -> None:
        self._unflushed = unflushed
        self._sealer = sealer
        self._buckets: dict[str, int] = {}
        """Room -> its last bucket, when it was last looked for; of those that have several."""

    def load_room(self, room: str) -> Steps[RoomState | None]:
        """See `Store.load_room`."""
        fresh = self._unflushed.entries(room)
        copies = [self._unflushed.copy(kind, room) for kind in OF_ROOM]
        return self._load_room(room, fresh, copies)

    def _load_room(self, room: str, fresh: list[EntryRow], copies: list[list[Change]]) -> Steps[RoomState | None]:
        *answers, heads = yield [*(Ask(get_name(kind, 1), (room,)) for kind in OF_ROOM), Ask("HEAD", (room,))]
        rooms, members, marks, checkpoints = _typed(OF_ROOM, answers, copies)
        if not rooms:
            return None
        checkpoint = checkpoints[0] if checkpoints else None
        behind = checkpoint.seq if checkpoint else 0
        head = self._noted(room, heads)
        found = (yield from self._above(room, behind, head, BUCKET)) if head > behind else []
        tail = [_bare(row) for row in _merged(found, fresh, behind)]
        return RoomState(rooms[0], members, marks, checkpoint, tail)

    def load_user(self, user: str) -> Steps[UserState | None]:
        """See `Store.load_user`."""
        copies = [self._unflushed.copy(kind, user) for kind in OF_USER]
        answers = yield [Ask(get_name(kind, 1), (user,)) for kind in OF_USER]
        users, devices, marks = _typed(OF_USER, answers, copies)
        return UserState(users[0], devices, marks) if users else None

    def entries_after(self, room: str, after: int, limit: int) -> Steps[list[EntryRow]]:
        """See `Store.entries_after`."""
        fresh = self._unflushed.entries(room)
        found: list[EntryRow] = []
        if not fresh or fresh[0].seq > after + 1:
            found = yield from self._onward(room, after, limit)
        return _merged(found, fresh, after)[:limit]

    def _onward(self, room: str, after: int, limit: int) -> Steps[list[EntryRow]]:
        """Entries of the table, ascending: mostly one query, since a bucket that is not full is the last one."""
        bucket = (after + 1) // BUCKET
        (rows,) = yield [Ask("ENTRIES FROM", (room, bucket, after + 1, _rows_for(limit)))]
        found = _merged([], self._opened(room, rows), after)
        if len(found) >= limit or (rows and not is_full(rows[-1][0])):
            return found
        (heads,) = yield [Ask("HEAD", (room,))]
        head = self._noted(room, heads)
        if head // BUCKET > bucket:
            found += yield from self._above(room, (bucket + 1) * BUCKET - 1, head, limit - len(found))
        return found

    def _above(self, room: str, after: int, head: int, limit: int) -> Steps[list[EntryRow]]:
        """Entries of the table up to a head, ascending, at least the first `limit`, as many buckets as are needed."""
        found: list[EntryRow] = []
        for bucket in range((after + 1) // BUCKET, head // BUCKET + 1):
            (rows,) = yield [Ask("ENTRIES FROM", (room, bucket, after + 1, _rows_for(limit - len(found))))]
            found = _merged(found, self._opened(room, rows), after)
            if len(found) >= limit:
                break
        return found

    def entries_before(self, room: str, before: int, limit: int) -> Steps[list[EntryRow]]:
        """See `Store.entries_before`."""
        fresh = self._unflushed.entries(room)
        found: list[EntryRow] = []
        if not fresh or min(before, fresh[-1].seq + 1) - fresh[0].seq < limit:
            found = yield from self._last(room, before, limit)
        rows = [row for row in _merged(found, fresh, 0) if row.seq < before]
        return rows[max(0, len(rows) - limit) :]

    def _last(self, room: str, before: int, limit: int) -> Steps[list[EntryRow]]:
        """Entries of the table, ascending, the last `limit` below a number among them: mostly one query, since in most rooms the bucket
        that was last seen to be the last one still is, and is not full. Else the head is looked for."""
        wanted, known = (before - 1) // BUCKET, self._buckets.get(room, 0)
        if wanted <= known:
            return (yield from self._below(room, wanted, before, limit, []))
        (rows,) = yield [_below_in(room, known, before, limit)]
        found = self._opened(room, rows[::-1])
        if not rows or is_full(rows[0][0]):
            (heads,) = yield [Ask("HEAD", (room,))]
            last = min(wanted, self._noted(room, heads) // BUCKET)
            if last != known:
                return (yield from self._below(room, last, before, limit, []))
        return (yield from self._below(room, known - 1, before, limit, found))

    def _below(self, room: str, last: int, before: int, limit: int, found: list[EntryRow]) -> Steps[list[EntryRow]]:
        """The same, with `found` and from the bucket `last` downwards, as many as are needed."""
        for bucket in range(last, -1, -1):
            if sum(row.seq < before for row in found) >= limit:
                break
            asks = [_below_in(room, bucket, before, limit)]
            if bucket * BUCKET <= before < (bucket + 1) * BUCKET:
                asks.append(covering(room, bucket, before))
            answers = yield asks
            rows = [*reversed(answers[0]), *(row for rest in answers[1:] for row in rest)]
            found = _merged(self._opened(room, rows), found, 0)
        return [row for row in _merged(found, [], 0) if row.seq < before]

    def _noted(self, room: str, heads: Rows) -> int:
        """The head that was found, 0 for none; in which bucket it lies is remembered, as a place to begin: it is never relied on."""
        head = int(heads[0][1]) if heads else 0
        if head >= BUCKET:
            if len(self._buckets) >= MAX_BUCKETS:
                self._buckets.clear()
            self._buckets[room] = head // BUCKET
        else:
            self._buckets.pop(room, None)
        return head

    def heads(self, rooms: Sequence[str]) -> Steps[dict[str, tuple[int, int]]]:
        """See `Store.heads`."""
        last: dict[str, tuple[int, int]] = {}
        for room in rooms:
            fresh = self._unflushed.entries(room)
            if fresh:
                last[room] = fresh[-1].seq, fresh[-1].at
        left = [room for room in rooms if room not in last]
        # One alone is asked as others ask for it, so that it can be joined; many are asked together, which spares most of the work.
        asks = [Ask("HEAD", (room,)) for room in left]
        if len(left) > ONE_BY_ONE:
            asks = [Ask("HEADS", (tuple(left[first : first + HEADS_AT_ONCE]),)) for first in range(0, len(left), HEADS_AT_ONCE)]
        answers = yield asks
        for room, seq, at in (row for rows in answers for row in rows):
            last[room] = seq, at
            self._noted(room, [(room, seq, at)])
        return last

    def member(self, room: str, user: str) -> Steps[MemberRow | None]:
        """See `Store.member`."""
        return (yield from self._one(MemberRow, (room, user)))

    def post_key(self, room: str, user: str, key: str) -> Steps[KeyRow | None]:
        """See `Store.post_key`."""
        return (yield from self._one(KeyRow, (room, user, key)))

    def user_rooms(self, user: str, rooms: Sequence[str]) -> Steps[list[UserRoomRow]]:
        """See `Store.user_rooms`."""
        return (yield from self._named(UserRoomRow, Ask("USER ROOMS NAMED", (user, tuple(rooms))), user, rooms))

    def user_rooms_since(self, user: str, version: int, limit: int) -> Steps[list[UserRoomRow]]:
        """See `Store.user_rooms_since`."""
        changes = self._unflushed.copy(UserRoomRow, user)
        (rows,) = yield [Ask("USER ROOMS SINCE", (user, version))]
        found = [row for row in overlaid(_rows(UserRoomRow, rows), changes, UserRoomRow) if row.version > version]
        return sorted(found, key=lambda row: (row.version, row.room))[:limit]

    def user_rooms_page(self, user: str, after: str, limit: int) -> Steps[list[UserRoomRow]]:
        """See `Store.user_rooms_page`."""
        changes = self._unflushed.copy(UserRoomRow, user)
        found: list[UserRoomRow] = []
        while len(found) < limit:
            (rows,) = yield [Ask("USER ROOMS PAGE", (user, after, limit))]
            is_last = len(rows) < limit
            end = None if is_last else rows[-1][1]
            page = overlaid(_rows(UserRoomRow, rows), changes, UserRoomRow)
            found += [row for row in page if row.room > after and (end is None or row.room <= end) and row.role != "none"]
            if end is None:
                break
            after = end
        return found[:limit]

    def reads(self, user: str, rooms: Sequence[str]) -> Steps[list[ReadRow]]:
        """See `Store.reads`."""
        return (yield from self._named(ReadRow, Ask("READS NAMED", (user, tuple(rooms))), user, rooms))

    def cursors(self, user: str, rooms: Sequence[str]) -> Steps[list[CursorRow]]:
        """See `Store.cursors`."""
        return (yield from self._named(CursorRow, Ask("CURSORS NAMED", (user, tuple(rooms))), user, rooms))

    def untold(self, slots: Sequence[int]) -> Steps[list[MarkRow]]:
        """See `Store.untold`."""
        wanted = set(slots)
        changes = self._unflushed.in_slots(MarkRow, wanted)
        answers = yield _spans("UNTOLD", wanted)
        found = [MarkRow(room, user, seq, False, member) for rows in answers for slot, room, user, seq, member in rows if slot in wanted]
        return [row for row in overlaid(found, changes, MarkRow) if not row.told]

    def active(self, slots: Sequence[int]) -> Steps[list[str]]:
        """See `Store.active`."""
        wanted = set(slots)
        changes = self._unflushed.in_slots(ActiveRow, wanted)
        answers = yield _spans("ACTIVE", wanted)
        found = [ActiveRow(room, slot) for rows in answers for slot, room in rows if slot in wanted]
        return [row.room for row in overlaid(found, changes, ActiveRow)]

    def load_saga(self, saga: str) -> Steps[SagaRow | None]:
        """See `Store.load_saga`."""
        return (yield from self._one(SagaRow, (saga,)))

    def sagas(self, slots: Sequence[int]) -> Steps[list[str]]:
        """See `Store.sagas`."""
        wanted = set(slots)
        changes = self._unflushed.in_slots(SagaRow, wanted)
        answers = yield _spans("RUNNING", wanted)
        found = [SagaRow(saga, slot, "", "", 0, b"") for rows in answers for slot, saga in rows if slot in wanted]
        return [row.saga for row in overlaid(found, changes, SagaRow)]

    # --- inside ---

    def _one(self, kind: type[R], key: tuple[str, ...]) -> Steps[R | None]:
        changes = self._unflushed.copy(kind, key[0])
        (rows,) = yield [Ask(get_name(kind, len(key)), key)]
        wanted = [
            row
            for row in overlaid(_rows(kind, rows), changes, kind)
            if all(getattr(row, n) == v for n, v in zip(kind.key, key, strict=True))
        ]
        return wanted[0] if wanted else None

    def _named(self, kind: type[R], ask: Ask, owner: str, rooms: Sequence[str]) -> Steps[list[R]]:
        if not rooms:
            return []
        names = set(rooms)
        changes = self._unflushed.copy(kind, owner)
        (rows,) = yield [ask]
        return [row for row in overlaid(_rows(kind, rows), changes, kind) if getattr(row, "room", None) in names]

    def _opened(self, room: str, rows: Rows) -> list[EntryRow]:
        return [entry for seq, body in rows for entry in entries_of(room, seq, body, self._sealer)]


def _rows_for(limit: int) -> int:
    """Rows that hold so many entries: each has one at least that is wanted, but for those that a second writer wrote again."""
    return min(BUCKET, limit + CHUNK_ENTRIES)


def _below_in(room: str, bucket: int, before: int, limit: int) -> Ask:
    return Ask("ENTRIES BELOW", (room, bucket, before, _rows_for(limit)))


def _typed(kinds: Sequence[type[Row]], answers: Sequence[Rows], copies: Sequence[list[Change]]) -> list[list[Any]]:
    return [overlaid(_rows(kind, rows), changes, kind) for kind, rows, changes in zip(kinds, answers, copies, strict=True)]


def _rows(kind: type[R], rows: Rows) -> list[R]:
    return [kind(*values) for values in rows]


def _spans(statement: str, slots: set[int]) -> list[Ask]:
    """One ask a span, from its first to its last slot that is wanted."""
    spans: dict[int, list[int]] = {}
    for slot in slots:
        spans.setdefault(span_of(slot), []).append(slot)
    return [Ask(statement, (span, min(some), max(some))) for span, some in sorted(spans.items())]


def _bare(row: EntryRow) -> EntryRow:
    return EntryRow(row.room, row.seq, row.at, row.user, row.device, row.n, row.id, row.kind, "")


def _merged(found: list[EntryRow], more: list[EntryRow], after: int) -> list[EntryRow]:
    """Both together above a number, ascending, each entry once: rows may overlap where two takers wrote the same."""
    rows = {row.seq: row for row in (*found, *more) if row.seq > after}
    return [rows[seq] for seq in sorted(rows)]
