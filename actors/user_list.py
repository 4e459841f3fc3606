"""The rooms of one user: the list, its standing marks, and what a session is told of them.

Reads raise `StoreError`. Changes are planned here (`Change`: what it would store) and become true with `apply`.
"""

from __future__ import annotations

from typing import NamedTuple

from actors.errors import ChatError
from actors.events import RoomInfo
from actors.messages.marks import Facts, Marked
from actors.messages.session import Attached, RoomsTold, RoomTold
from actors.messages.user import Identity, RoomPage
from actors.runtime.actor import actor_id
from actors.store.rows import Gone, Row, UserMarkRow, UserRoomRow
from actors.store.store import Store
from actors.user_account import Account
from actors.user_cursors import Cursors

HELLO_ROOMS = 500
"""Rooms in one welcome; the rest is paged."""


class Change(NamedTuple):
    """What a telling of a room changes; nothing where it was known."""

    row: UserRoomRow
    puts: list[Row]
    gone: tuple[Gone, ...]


class RoomList:
    """The list and the marks of one user."""

    def __init__(self, store: Store, slot: int, account: Account, cursors: Cursors) -> None:
        self._store = store
        self._slot = slot
        self._account = account
        self._cursors = cursors
        self.marks: dict[str, UserMarkRow] = {}
        """Standing marks; one that is set anew goes to the end."""

    @property
    def _name(self) -> str:
        return self._account.user

    # --- what is asked -----------------------------------------------------------------------------------------------

    async def attached(self, identity: Identity, since: int, compares_all: bool) -> Attached:
        """The answer to a session: rooms with a standing mark, and rooms that changed since `since`."""
        version, marked = self._account.row.version, list(self.marks)
        if not marked and since >= version:
            return Attached(identity, version, [], [], [], compares_all)
        marked_rows = self._store.user_rooms(self._slot, self._name, marked)
        changed_rows = self._store.user_rooms_since(self._slot, self._name, since, HELLO_ROOMS + 1) if since < version else None
        all_marked = {row.room: row for row in await marked_rows}
        changed = await changed_rows if changed_rows is not None else []
        rows = {room: all_marked[room] for room in marked[-HELLO_ROOMS:] if room in all_marked}
        rows.update((row.room, row) for row in changed[:HELLO_ROOMS])
        await self._cursors.load(self._store, self._slot, list(rows))
        infos = [self.info(row) for row in rows.values()]
        cursors = [self._cursors.of(identity.device, row.room) for row in rows.values()]
        # The mark of a large room always stands, so these are all of them.
        large = [row.room for row in (all_marked | rows).values() if row.large and row.role != "none"]
        told = changed[HELLO_ROOMS - 1].version if len(changed) > HELLO_ROOMS else version
        more = compares_all or len(changed) > HELLO_ROOMS or len(marked) > HELLO_ROOMS
        return Attached(identity, told, infos, cursors, large, more)

    async def changed(self, since: int) -> RoomsTold:
        """What changed after a version, for a session that may have missed some of it."""
        version = self._account.row.version
        rows = await self._store.user_rooms_since(self._slot, self._name, since, HELLO_ROOMS + 1)
        page, more = rows[:HELLO_ROOMS], len(rows) > HELLO_ROOMS
        await self._cursors.load(self._store, self._slot, [row.room for row in page])
        told = page[-1].version if more else max(version, since)
        return RoomsTold([self.info(row) for row in page], [row.large for row in page], told, more, [row.version for row in page])

    async def page(self, after: str, limit: int) -> RoomPage:
        """A page of the list, by id."""
        rows = await self._store.user_rooms_page(self._slot, self._name, after, limit + 1)
        page = rows[:limit]
        await self._cursors.load(self._store, self._slot, [row.room for row in page])
        return RoomPage([self.info(row) for row in page], len(rows) > limit)

    async def find(self, room: str) -> RoomInfo:
        """One room; `no_such_room` where the user is no member."""
        rows = await self._store.user_rooms(self._slot, self._name, [room])
        if not rows or rows[0].role == "none":
            raise ChatError("no_such_room")
        return self.info(rows[0])

    def info(self, row: UserRoomRow, head: int = 0) -> RoomInfo:
        """A room as clients see it."""
        return RoomInfo(
            room=row.room, kind=row.kind, head=head, read=self._cursors.read_of(row.room), role=row.role, name=row.name,
            topic=row.topic, public=row.public, peer=row.peer, peer_display=row.peer_display,
            marked=row.room in self.marks, first=row.first,
        )  # fmt: skip

    def told(self, row: UserRoomRow, head: int) -> RoomTold:
        """What live sessions hear, whether something changed or not: one that missed the post hears of the head here."""
        return RoomTold(self.info(row, head), row.version, row.large, actor_id("user", self._name))

    # --- what rooms tell ---------------------------------------------------------------------------------------------

    async def plan(self, message: Marked) -> Change:
        """What a mark and its facts change. Facts that are older than those kept change nothing."""
        rows = await self._store.user_rooms(self._slot, self._name, [message.room])
        await self._cursors.load(self._store, self._slot, [message.room])
        row, facts = (rows[0] if rows else None), message.facts
        puts: list[Row] = []
        if row is None or facts.at > row.at:
            version = self._account.row.version
            if row is None or _facts_of(row, facts.at) != facts:
                puts.append(self._account.bump())
                version += 1
            else:
                version = row.version
            row = _room_row(self._name, message.room, version, facts)
            puts.append(row)
        mark = self.marks.get(message.room)
        if row.role == "none":
            return Change(row, puts, (Gone("user_marks", (self._name, message.room)),))
        if mark is None or mark.seq < message.seq:
            puts.append(UserMarkRow(self._name, message.room, message.seq))
        return Change(row, puts, ())

    def apply(self, change: Change) -> None:
        """A committed change."""
        if change.row.role == "none":
            self.marks.pop(change.row.room, None)
        for row in change.puts:
            if isinstance(row, UserMarkRow):
                self.marks.pop(row.room, None)
                self.marks[row.room] = row

    def cleared(self, room: str, seq: int) -> tuple[Gone, ...]:
        """The room has agreed to take a mark away: only one of at most that seq goes."""
        mark = self.marks.get(room)
        if mark is None or mark.seq > seq:
            return ()
        del self.marks[room]
        return (Gone("user_marks", (self._name, room)),)


def _facts_of(row: UserRoomRow, at: int) -> Facts:
    return Facts(row.kind, row.role, row.name, row.topic, row.public, row.peer, row.peer_display, row.large, row.first, at)


def _room_row(user: str, room: str, version: int, f: Facts) -> UserRoomRow:
    return UserRoomRow(user, room, version, f.kind, f.role, f.name, f.topic, f.public, f.peer, f.peer_display, f.large, f.first, f.at)
