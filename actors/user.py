"""An account: devices and tokens, the list of rooms, marks, cursors.

Marks and the list follow what rooms tell; a room is only told that its telling is kept after this user's own commit.
Cursors and read positions are hints: kept in memory, written now and then.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import NamedTuple, TypeVar

from actors.closing import DISABLED, LOGGED_OUT, REPLACED
from actors.errors import ChatError, Unavailable, Unknown
from actors.events import RoomInfo
from actors.messages.marks import Cleared, Marked, MarkKept, MayClear
from actors.messages.routes import Route
from actors.messages.session import (
    Attach,
    Attached,
    ChangedSince,
    CompareList,
    CursorsMoved,
    Dismiss,
    HasRead,
    LinkLost,
    ReadTold,
    Tick,
)
from actors.messages.user import (
    CheckToken,
    Devices,
    FindRoom,
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
from actors.runtime.actor import Actor, ActorId, Context, StopReason, actor_id, handles, life_of, name_of
from actors.runtime.cell import Returned
from actors.runtime.ring import slot_of
from actors.store.rows import Gone, Row
from actors.store.store import Commit, Conflict, OutcomeUnknown, Sealed, Store, StoreError, StoreUnavailable
from actors.unreadable import unreadable
from actors.user_account import Account
from actors.user_closing import answer_for_nobody, on_close_account, on_forget_account, on_rooms_to_leave
from actors.user_cursors import Cursors
from actors.user_list import RoomList

T = TypeVar("T")
TICK_S = 5.0
"""How often cursors and read positions are written, and clears considered."""


RETELLS = 12
"""How often a session that does not end is told again; then its edge is gone, or will say so."""


class Leaving(NamedTuple):
    """A session that was told to end."""

    code: int
    tells_left: int


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
        self._cursors = Cursors(self._name)
        self._list = RoomList(self._store, self._slot, self._account, self._cursors)
        self._leaving: dict[ActorId, Leaving] = {}
        """Sessions that were told to end."""
        self._tick_is_due = False

    # --- life --------------------------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Load the account, its devices and its marks."""
        try:
            state = await self._store.load_user(self._slot, self._name)
        except StoreError as error:
            raise unreadable(error) from None
        if state is not None:
            self._account.load(state)
            self._list.marks = {mark.room: mark for mark in state.marks}

    async def on_stop(self, reason: StopReason) -> None:
        """Write the hints."""
        rows = [*self._cursors.take_dirty(), *self._account.take_seen()]
        if not rows:
            return
        try:
            await self._store.commit(Commit(self._slot, rows))
        except Sealed:
            raise LostOwnership from None
        except StoreError:
            return  # hints: what is lost is acknowledged again

    async def _commit(self, puts: list[Row], gone: tuple[Gone, ...] = ()) -> None:
        try:
            await self._store.commit(Commit(self._slot, puts, gone))
        except Sealed:
            raise LostOwnership from None
        except StoreUnavailable:
            raise Reload(Unavailable("store_unavailable", retry_after=1.0)) from None
        except (Conflict, OutcomeUnknown):
            raise Reload(Unknown(retry_after=1.0)) from None
        self._ctx.stored()

    def _must_exist(self) -> None:
        if not self._account.exists:
            self._let_go()
            raise ChatError("no_such_user")

    def _let_go(self) -> None:
        """Nobody is here, which costs no memory; but whoever was has to be told to end."""
        if not self._leaving:
            self._ctx.stop()

    def _live(self) -> dict[ActorId, str]:
        return self._routes.sessions(self._name)

    # --- account -----------------------------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return int(self._ctx.wall() * 1000)

    @handles(Register)
    async def on_register(self, request: Register) -> Profile:
        """Make the account; the mailbox makes the name unique."""
        if self._account.exists or self._account.closed:
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
            self._cursors.forget_all()
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
        for device in dict.fromkeys(str(row.key[1]) for row in gone):
            self._cursors.forget(device)
            self._dismiss(device, LOGGED_OUT)

    @handles(Refresh)
    async def on_refresh(self, request: Refresh) -> bool:
        """New tokens for old. One whose answer was lost is answered alike; any other old token that comes again ends the device."""
        self._must_exist()
        is_earlier = self._account.repeated(request)
        if is_earlier is not None:
            return is_earlier
        device = self._account.stolen(request)
        if device is not None:
            await self._end_device(device)
            raise ChatError("bad_token")
        await self._commit(self._account.refresh(request, self._now_ms()))
        return False

    @handles(CheckToken)
    def on_check_token(self, request: CheckToken) -> Identity:
        """Whose token it is."""
        if not self._account.exists:
            self._ctx.stop()  # a made-up name costs no memory
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
                self._leaving[session] = Leaving(code, RETELLS)
                self._ctx.tell(session, Dismiss(code, ""))
        if self._leaving:
            self._tick_later()

    def _dismiss_again(self) -> None:
        """A session that is still here may not have heard."""
        live = self._live()
        self._leaving = {s: Leaving(code, left - 1) for s, (code, left) in self._leaving.items() if left and s in live}
        for session, (code, _) in self._leaving.items():
            self._ctx.tell(session, Dismiss(code, ""))

    on_close_account, on_rooms_to_leave, on_forget_account = on_close_account, on_rooms_to_leave, on_forget_account

    # --- sessions ----------------------------------------------------------------------------------------------------

    @handles(Attach)
    async def on_attach(self, request: Attach) -> Attached:
        """A session is live from here on: its route stands before the list is read, so that no post falls between."""
        if not self._account.exists:
            self._ctx.stop()
        now_ms = self._now_ms()
        identity = self._account.identify(request.token, now_ms)
        for session, device in list(self._live().items()):
            if device == identity.device and session != request.session:
                self._ctx.tell(session, Dismiss(REPLACED, ""))
        announce(self._ctx, self._routes, Route(self._name, request.session, identity.device))
        compares_all = self._account.unseen_long(identity.device, now_ms)
        if self._account.seen(identity.device, now_ms):
            self._tick_later()
        return await _reading(self._list.attached(identity, request.since, compares_all))

    @handles(ListRooms)
    async def on_list_rooms(self, request: ListRooms) -> RoomPage:
        """A page of the list."""
        self._must_exist()
        return await _reading(self._list.page(request.after, request.limit))

    @handles(FindRoom)
    async def on_find_room(self, request: FindRoom) -> RoomInfo:
        """One room of the list."""
        self._must_exist()
        return await _reading(self._list.find(request.room))

    @handles(ChangedSince)
    async def on_changed_since(self, message: ChangedSince) -> None:
        """A session may have missed something of the list."""
        if not self._account.exists:
            return
        try:
            changed = await self._list.changed(message.since)
        except StoreError:
            return  # it asks again
        if self._ctx.is_sure():  # else it asks again
            self._ctx.tell(message.origin, changed)

    @handles(LinkLost)
    def on_link_lost(self, message: LinkLost) -> None:
        """What was told to sessions of that life may be lost."""
        there = [session for session in self._live() if life_of(session) == message.life]
        if there:
            self._ctx.tell_many(there, CompareList(self._ctx.me))

    @handles(Returned)
    def on_returned(self, message: Returned) -> None:
        """A session is gone and could not say so. What a broken link lost is told of by `LinkLost`."""
        if message.reason == "gone":
            self._routes.remove(self._name, message.to)

    # --- marks and the list ------------------------------------------------------------------------------------------

    @handles(Marked)
    async def on_marked(self, message: Marked) -> None:
        """Keep the mark and the facts, confirm, tell the live sessions."""
        if not self._account.exists:
            answer_for_nobody(self, message)
            return
        try:
            change = await self._list.plan(message)
        except StoreError:
            return  # the room tells it again
        if change.puts or change.gone:
            await self._commit(change.puts, change.gone)
        self._list.apply(change)
        self._ctx.tell(message.origin, MarkKept(self._name, message.seq, message.facts.at))
        live = self._live()
        if live:
            self._ctx.tell_many(list(live), self._list.told(change.row, message.seq))

    @handles(Cleared)
    async def on_cleared(self, message: Cleared) -> None:
        """The room has agreed; only marks of at most that seq go."""
        gone = self._list.cleared(message.room, message.seq)
        if gone:
            await self._commit([], gone)

    @handles(CursorsMoved)
    def on_cursors(self, message: CursorsMoved) -> None:
        """A device has acknowledged more."""
        if self._account.exists and message.device in self._account.devices:
            self._cursors.move(message.device, message.rooms, self._ctx.now(), self._list.marks)
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
        rows = [*self._cursors.take_dirty(), *self._account.take_seen()]
        if rows:
            await self._commit(rows)
        self._dismiss_again()
        quiet = self._cursors.quiet(self._ctx.now())
        if quiet:
            await self._ask_to_clear(quiet)
        if self._cursors.waits or self._leaving:
            self._tick_later()

    async def _ask_to_clear(self, rooms: list[str]) -> None:
        try:
            await self._cursors.load(self._store, self._slot, rooms)
        except StoreError:
            return
        devices = {*self._account.listed_devices(self._now_ms()), *self._live().values()}
        for room in rooms:
            mark = self._list.marks.get(room)
            seq = min((self._cursors.of(device, room) for device in devices), default=-1)
            if mark is not None and seq >= mark.seq:
                self._ctx.tell(actor_id("room", room), MayClear(self._name, seq))


async def _reading(read: Awaitable[T]) -> T:
    """What was read, or the refusal that says so."""
    try:
        return await read
    except StoreError as error:
        raise unreadable(error) from None
