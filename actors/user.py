"""An account: devices and tokens, the list of rooms, marks, cursors.

Marks and the list follow what rooms tell; a room is only told that its telling is kept after this user's own commit.
Cursors and read positions are hints: kept in memory, written now and then.
"""

from __future__ import annotations

from typing import NamedTuple

from actors.closing import DISABLED, LOGGED_OUT, REPLACED
from actors.errors import ChatError, Unavailable, Unknown
from actors.events import RoomInfo
from actors.messages.marks import Cleared, Facts, Marked, MarkKept, MayClear
from actors.messages.routes import Route
from actors.messages.session import Attach, Attached, CursorsMoved, Dismiss, HasRead, ReadTold, RoomTold, Tick
from actors.messages.user import (
    CheckToken,
    Devices,
    GetCredentials,
    GetProfile,
    Identity,
    ListDevices,
    ListRooms,
    LogIn,
    LogOut,
    Profile,
    Refresh,
    Register,
    Rehash,
    RoomPage,
    SetProfile,
)
from actors.routes import RouteTable, announce
from actors.runtime.activation import LostOwnership, Reload
from actors.runtime.actor import Actor, ActorId, Context, StopReason, actor_id, handles, name_of
from actors.runtime.ring import slot_of
from actors.store.rows import Gone, Row, UserMarkRow, UserRoomRow
from actors.store.store import Commit, Conflict, OutcomeUnknown, Sealed, Store, StoreError, StoreUnavailable
from actors.user_account import Account
from actors.user_cursors import Cursors

HELLO_ROOMS = 500
"""Rooms in one welcome; the rest is paged."""
TICK_S = 5.0
"""How often cursors and read positions are written, and clears considered."""


class UserPorts(NamedTuple):
    """What every user of a cell is handed."""

    store: Store
    routes: RouteTable


class User(Actor):
    """``user:NAME``."""

    rank = 3

    def __init__(self, ctx: Context, ports: UserPorts) -> None:
        self._ctx = ctx
        self._store = ports.store
        self._routes = ports.routes
        self._name = name_of(ctx.me)
        self._slot = slot_of(ctx.me)
        self._account = Account(self._name)
        self._marks: dict[str, UserMarkRow] = {}
        self._cursors = Cursors(self._name)
        self._tick_is_due = False

    # --- life --------------------------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Load the account, its devices and its marks."""
        try:
            state = await self._store.load_user(self._slot, self._name)
        except Sealed:
            raise LostOwnership from None
        except StoreError:
            raise Unavailable("store_unavailable", retry_after=1.0) from None
        if state is not None:
            self._account.load(state)
            self._marks = {mark.room: mark for mark in state.marks}

    async def on_stop(self, reason: StopReason) -> None:
        """Write the hints."""
        rows = self._cursors.take_dirty()
        if rows:
            await self._store.commit(Commit(self._slot, rows))

    async def _commit(self, puts: list[Row], gone: tuple[Gone, ...] = ()) -> None:
        try:
            await self._store.commit(Commit(self._slot, puts, gone))
        except Sealed:
            raise LostOwnership from None
        except StoreUnavailable:
            raise Reload(Unavailable("store_unavailable", retry_after=1.0)) from None
        except (Conflict, OutcomeUnknown):
            raise Reload(Unknown(retry_after=1.0)) from None

    def _must_exist(self) -> None:
        if not self._account.exists:
            self._ctx.stop()
            raise ChatError("no_such_user")

    def _live(self) -> dict[ActorId, str]:
        return self._routes.sessions(self._name)

    # --- account -----------------------------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return int(self._ctx.wall() * 1000)

    @handles(Register)
    async def on_register(self, request: Register) -> Profile:
        """Make the account; the mailbox makes the name unique."""
        if self._account.exists:
            raise ChatError("name_taken")
        await self._commit(self._account.register(request, self._now_ms()))
        return self._account.profile()

    @handles(GetProfile)
    def on_get_profile(self, request: GetProfile) -> Profile:
        """Without the password."""
        self._must_exist()
        return self._account.profile()

    @handles(GetCredentials)
    def on_get_credentials(self, request: GetCredentials) -> Profile:
        """With the password text, for the gateway's check."""
        self._must_exist()
        return self._account.profile(with_password=True)

    @handles(SetProfile)
    async def on_set_profile(self, request: SetProfile) -> Profile:
        """A new password or `disabled` ends every device's session and token."""
        self._must_exist()
        ends_all = request.disabled is True or request.password is not None
        await self._commit(self._account.change(request), self._account.forget_devices() if ends_all else ())
        if ends_all:
            self._dismiss(None, DISABLED if request.disabled else LOGGED_OUT)
        return self._account.profile()

    @handles(Rehash)
    async def on_rehash(self, request: Rehash) -> None:
        """Stronger parameters for a password that stays: no session ends."""
        self._must_exist()
        rows = self._account.rehash(request)
        if rows:
            await self._commit(rows)

    @handles(LogIn)
    async def on_log_in(self, request: LogIn) -> None:
        """Add a device."""
        self._must_exist()
        puts, gone = self._account.log_in(request.grant, self._now_ms())
        await self._commit(puts, gone)
        for device in gone:
            self._dismiss(str(device.key[1]), LOGGED_OUT)

    @handles(Refresh)
    async def on_refresh(self, request: Refresh) -> None:
        """New tokens for old; a refresh token that was used before ends the device."""
        self._must_exist()
        device = self._account.stolen(request)
        if device is not None:
            await self._end_device(device)
            raise ChatError("bad_token")
        await self._commit(self._account.refresh(request, self._now_ms()))

    @handles(CheckToken)
    def on_check_token(self, request: CheckToken) -> Identity:
        """Whose token it is."""
        return self._account.identify(request.token, self._now_ms())

    @handles(ListDevices)
    def on_list_devices(self, request: ListDevices) -> Devices:
        """All devices."""
        self._must_exist()
        return self._account.list_devices(set(self._live().values()))

    @handles(LogOut)
    async def on_log_out(self, request: LogOut) -> None:
        """Take a device away."""
        self._must_exist()
        if request.device not in self._account.devices:
            raise ChatError("no_such_device")
        await self._end_device(request.device)

    async def _end_device(self, device: str) -> None:
        self._account.drop(device)
        self._cursors.forget(device)
        await self._commit([], (Gone("devices", (self._name, device)), Gone("cursors", (self._name, device))))
        self._dismiss(device, LOGGED_OUT)

    def _dismiss(self, device: str | None, code: int) -> None:
        for session, of in list(self._live().items()):
            if device is None or of == device:
                self._ctx.tell(session, Dismiss(code, ""))

    # --- sessions ----------------------------------------------------------------------------------------------------

    @handles(Attach)
    async def on_attach(self, request: Attach) -> Attached:
        """A session is live from here on: its route stands before the list is read, so that no post falls between."""
        identity = self._account.identify(request.token, self._now_ms())
        for session, device in list(self._live().items()):
            if device == identity.device and session != request.session:
                self._ctx.tell(session, Dismiss(REPLACED, ""))
        announce(self._ctx, self._routes, Route(self._name, request.session, identity.device))
        seen = self._account.seen(identity.device, self._now_ms())
        if seen is not None:
            self._cursors.also_write(seen)
            self._tick_later()
        since = self._account.row.version
        marked = list(self._marks)[-HELLO_ROOMS:]
        if not marked and request.since >= since:
            return Attached(identity, since, [], [], [], False)
        return await self._attached(identity, marked, request.since)

    async def _attached(self, identity: Identity, marked: list[str], since: int) -> Attached:
        version = self._account.row.version
        try:
            rows_of_marked = self._store.user_rooms(self._slot, self._name, marked)
            changed_rows = self._store.user_rooms_since(self._slot, self._name, since, HELLO_ROOMS + 1) if since < version else None
            rows = {row.room: row for row in await rows_of_marked}
            changed = await changed_rows if changed_rows is not None else []
            more = len(changed) > HELLO_ROOMS
            rows.update((row.room, row) for row in changed[:HELLO_ROOMS])
            await self._cursors.load(self._store, self._slot, list(rows))
        except Sealed:
            raise LostOwnership from None
        except StoreError:
            raise Unavailable("store_unavailable", retry_after=1.0) from None
        infos = [self._info(row) for row in rows.values()]
        cursors = [self._cursors.of(identity.device, row.room) for row in rows.values()]
        large = [row.room for row in rows.values() if row.large and row.role != "none"]
        since = changed[HELLO_ROOMS - 1].version if more else version
        return Attached(identity, since, infos, cursors, large, more)

    def _info(self, row: UserRoomRow) -> RoomInfo:
        return RoomInfo(
            room=row.room, kind=row.kind, read=self._cursors.read_of(row.room), role=row.role, name=row.name, topic=row.topic,
            public=row.public, peer=row.peer, peer_display=row.peer_display, marked=row.room in self._marks, first=row.first,
        )  # fmt: skip

    @handles(ListRooms)
    async def on_list_rooms(self, request: ListRooms) -> RoomPage:
        """A page of the list."""
        self._must_exist()
        try:
            rows = await self._store.user_rooms_page(self._slot, self._name, request.after, request.limit + 1)
            page = rows[: request.limit]
            await self._cursors.load(self._store, self._slot, [row.room for row in page])
        except StoreError:
            raise Unavailable("store_unavailable", retry_after=1.0) from None
        return RoomPage([self._info(row) for row in page], len(rows) > request.limit)

    # --- marks and the list ------------------------------------------------------------------------------------------

    @handles(Marked)
    async def on_marked(self, message: Marked) -> None:
        """Keep the mark and the facts, confirm, tell the live sessions."""
        if not self._account.exists:
            self._ctx.tell(message.origin, MarkKept(self._name, message.seq, message.seq))
            self._ctx.stop()
            return
        try:
            rows = await self._store.user_rooms(self._slot, self._name, [message.room])
            await self._cursors.load(self._store, self._slot, [message.room])
        except StoreError:
            return  # the room tells it again
        row = rows[0] if rows else None
        puts: list[Row] = []
        gone: tuple[Gone, ...] = ()
        facts = message.facts
        changed = False
        if row is None or facts.at > row.at:
            changed = row is None or _facts_of(row, facts.at) != facts
            version = self._account.row.version + 1 if changed or row is None else row.version
            if changed:
                puts.append(self._account.bump())
            row = _room_row(self._name, message.room, version, facts)
            puts.append(row)
        mark = self._marks.get(message.room)
        if row.role == "none":
            gone = (Gone("user_marks", (self._name, message.room)),)
            self._marks.pop(message.room, None)
        elif mark is None or mark.seq < message.seq:
            mark = UserMarkRow(self._name, message.room, message.seq)
            puts.append(mark)
            self._marks.pop(message.room, None)  # to the end: newest last
            self._marks[message.room] = mark
        if puts or gone:
            await self._commit(puts, gone)
        self._ctx.tell(message.origin, MarkKept(self._name, message.seq, facts.at))
        self._tell_sessions(row, message.seq)

    def _tell_sessions(self, row: UserRoomRow, head: int) -> None:
        """Whether changed or not: a session that missed the post hears of the head here."""
        live = self._live()
        if live:
            info = self._info(row)
            told = RoomTold(_with_head(info, head), self._account.row.version, row.large)
            self._ctx.tell_many(list(live), told)

    @handles(Cleared)
    async def on_cleared(self, message: Cleared) -> None:
        """The room has agreed; only marks of at most that seq go."""
        mark = self._marks.get(message.room)
        if mark is not None and mark.seq <= message.seq:
            del self._marks[message.room]
            await self._commit([], (Gone("user_marks", (self._name, message.room)),))

    @handles(CursorsMoved)
    def on_cursors(self, message: CursorsMoved) -> None:
        """A device has acknowledged more."""
        if self._account.exists and message.device in self._account.devices:
            self._cursors.move(message.device, message.rooms, self._ctx.now(), self._marks)
            self._tick_later()

    @handles(HasRead)
    def on_read(self, message: HasRead) -> None:
        """The person has read: their other devices hear of it."""
        if not self._account.exists or not self._cursors.read(message.room, message.seq):
            return
        self._tick_later()
        others = [session for session in self._live() if session != message.origin]
        if others:
            self._ctx.tell_many(others, ReadTold(message.room, self._name, message.seq))

    def _tick_later(self) -> None:
        if not self._tick_is_due:
            self._tick_is_due = True
            self._ctx.after(TICK_S, Tick())

    @handles(Tick)
    async def on_tick(self, message: Tick) -> None:
        """Write the hints; ask to clear what every device has had for a quiet minute."""
        self._tick_is_due = False
        rows = self._cursors.take_dirty()
        if rows:
            await self._commit(rows)
        quiet = self._cursors.quiet(self._ctx.now())
        if quiet:
            await self._ask_to_clear(quiet)
        if self._cursors.waits:
            self._tick_later()

    async def _ask_to_clear(self, rooms: list[str]) -> None:
        try:
            await self._cursors.load(self._store, self._slot, rooms)
        except StoreError:
            return
        devices = self._account.listed_devices(self._now_ms())
        for room in rooms:
            mark = self._marks.get(room)
            seq = min((self._cursors.of(device, room) for device in devices), default=-1)
            if mark is not None and seq >= mark.seq:
                self._ctx.tell(actor_id("room", room), MayClear(self._name, seq))


def _facts_of(row: UserRoomRow, at: int) -> Facts:
    return Facts(row.kind, row.role, row.name, row.topic, row.public, row.peer, row.peer_display, row.large, row.first, at)


def _room_row(user: str, room: str, version: int, f: Facts) -> UserRoomRow:
    return UserRoomRow(user, room, version, f.kind, f.role, f.name, f.topic, f.public, f.peer, f.peer_display, f.large, f.first, f.at)


def _with_head(info: RoomInfo, head: int) -> RoomInfo:
    values = {name: getattr(info, name) for name in info.__struct_fields__}
    return RoomInfo(**{**values, "head": head})


