"""Accounts and rooms as plain dicts behind the `Asker` port: what the HTTP side is tested against.

They keep the words of the messages' docstrings and nothing more. `fail_next` makes the next question of a kind end in
an error, `hold` makes it wait for the test.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from actors.errors import ChatError
from actors.events import Entry, RoomInfo
from actors.messages import room as rooms
from actors.messages import saga as sagas
from actors.messages import user as users
from actors.runtime.actor import ActorId, R, Request, kind_of, name_of
from actors.runtime.plain import Message
from actors.runtime.promise import Promise, rejected, resolved
from gateway.auth.gate import Gate
from gateway.auth.limits import Limits
from tests.kit.clock import Clock


@dataclass
class Account:
    """One account."""

    user: str
    display: str
    password: str
    admin: bool
    service: bool
    created_at: int
    disabled: bool = False
    devices: dict[str, users.Grant] = field(default_factory=dict)
    refreshed: dict[str, bytes] = field(default_factory=dict)
    """Device -> the refresh token that was replaced last, while nothing has used what replaced it."""

    def profile(self, *, with_password: bool = False) -> users.Profile:
        """As actors answer it."""
        password = self.password if with_password else ""
        return users.Profile(self.user, self.display, self.created_at, self.disabled, self.admin, self.service, password)


@dataclass
class Chat:
    """One room."""

    name: str
    topic: str
    public: bool
    kind: str
    roles: dict[str, str]
    entries: list[Entry] = field(default_factory=list)
    keys: dict[tuple[str, str], tuple[str, rooms.Stored]] = field(default_factory=dict)


class Held:
    """Questions that wait for the test to settle them."""

    def __init__(self) -> None:
        self.promises: list[Promise[Any]] = []
        self._arrived = asyncio.Event()

    def add(self) -> Promise[Any]:
        """One more."""
        promise: Promise[Any] = Promise()
        self.promises.append(promise)
        self._arrived.set()
        return promise

    async def until(self, count: int) -> list[Promise[Any]]:
        """All that wait, once there are so many."""
        while len(self.promises) < count:
            self._arrived.clear()
            await self._arrived.wait()
        return self.promises


class ScriptedActors:
    """An `Asker` over dicts."""

    def __init__(self, clock: Clock, limits: Limits = Limits()) -> None:  # noqa: B008 - a frozen tuple
        self._wall = clock.wall
        # One gate for all numbers; three logins may be half way.
        self.gate = Gate(clock, limits, 3)  # type: ignore[arg-type]
        self.accounts: dict[str, Account] = {}
        self.rooms: dict[str, Chat] = {}
        self.asked: list[tuple[ActorId, Request[Any]]] = []
        self._failing: dict[type, BaseException] = {}
        self._held: dict[type, Held] = {}

    # --- the port ---

    def ask(self, to: ActorId, request: Request[R], *, timeout: float = 5.0) -> Promise[R]:
        """Answer at once, by the handler named after the request."""
        kind = type(request)
        self.asked.append((to, request))
        if kind in self._held:
            return self._held[kind].add()
        if kind in self._failing:
            return rejected(self._failing.pop(kind))
        try:
            if kind_of(to) == "gate":
                return resolved(self.gate.handlers[kind].function(self.gate, request))
            return resolved(getattr(self, f"_{kind_of(to)}_{kind.__name__}")(name_of(to), request))
        except ChatError as error:
            return rejected(error)

    def tell(self, to: ActorId, message: Message) -> None:
        """The HTTP side tells only gates."""
        assert kind_of(to) == "gate", f"{to} was told {message}"
        self.gate.handlers[type(message)].function(self.gate, message)

    # --- the test's side ---

    def fail_next(self, kind: type, error: BaseException) -> None:
        """The next question of that kind ends so."""
        self._failing[kind] = error

    def hold(self, kind: type) -> Held:
        """Questions of that kind wait in what is returned."""
        return self._held.setdefault(kind, Held())

    # --- accounts ---

    def _account(self, user: str) -> Account:
        account = self.accounts.get(user)
        if account is None:
            raise ChatError("no_such_user")
        return account

    def _user_Register(self, user: str, asked: users.Register) -> users.Profile:
        if user in self.accounts:
            raise ChatError("name_taken")
        account = Account(user, asked.display, asked.password, asked.admin, asked.service, self._now())
        if asked.grant is not None:
            account.devices[asked.grant.device] = asked.grant
        self.accounts[user] = account
        return account.profile()

    def _user_GetProfile(self, user: str, asked: users.GetProfile) -> users.Profile:
        return self._account(user).profile()

    def _user_GetCredentials(self, user: str, asked: users.GetCredentials) -> users.Profile:
        return self._account(user).profile(with_password=True)

    def _user_SetProfile(self, user: str, asked: users.SetProfile) -> users.Profile:
        account = self._account(user)
        for name in ("display", "password", "disabled", "admin"):
            if (value := getattr(asked, name)) is not None:
                setattr(account, name, value)
        if asked.password is not None or asked.disabled:
            account.devices.clear()
        return account.profile()

    def _user_Rehash(self, user: str, asked: users.Rehash) -> None:
        account = self._account(user)
        if account.password == asked.old:
            account.password = asked.new

    def _user_LogIn(self, user: str, asked: users.LogIn) -> None:
        account = self._account(user)
        if account.disabled:
            raise ChatError("disabled")
        account.devices[asked.grant.device] = asked.grant

    def _user_Refresh(self, user: str, asked: users.Refresh) -> bool:
        account = self._account(user)
        held = account.devices.get(asked.grant.device)
        if held is None or held.refresh_ends_at <= self._now():
            raise ChatError("bad_token")
        repeats = {grant.refresh: at for at, grant in enumerate((asked.grant, asked.earlier)) if grant is not None}
        if account.refreshed.get(asked.grant.device) == asked.old and held.refresh in repeats:
            return bool(repeats[held.refresh])
        if held.refresh != asked.old:
            del account.devices[asked.grant.device]
            raise ChatError("bad_token")
        account.devices[asked.grant.device] = asked.grant
        account.refreshed[asked.grant.device] = asked.old
        return False

    def _user_CheckToken(self, user: str, asked: users.CheckToken) -> users.Identity:
        account = self._account(user)
        for device, grant in account.devices.items():
            if grant.token == asked.token and grant.token_ends_at > self._now():
                account.refreshed.pop(device, None)
                return users.Identity(user, device, account.display, account.admin, account.service, account.created_at)
        raise ChatError("bad_token")

    def _user_ListDevices(self, user: str, asked: users.ListDevices) -> users.Devices:
        now = self._now()
        held = self._account(user).devices
        return users.Devices([users.DeviceInfo(device, grant.name, now, now, False) for device, grant in held.items()])

    def _user_LogOut(self, user: str, asked: users.LogOut) -> None:
        if self._account(user).devices.pop(asked.device, None) is None:
            raise ChatError("no_such_device")

    def _user_ListRooms(self, user: str, asked: users.ListRooms) -> users.RoomPage:
        mine = sorted(room for room, chat in self.rooms.items() if user in chat.roles and room > asked.after)
        return users.RoomPage([self._info(room, user) for room in mine[: asked.limit]], len(mine) > asked.limit)

    # --- operations of several steps ---

    def _saga_MakeRoom(self, saga: str, asked: sagas.MakeRoom) -> RoomInfo:
        return self._room_OpenRoom(asked.room, rooms.OpenRoom(asked.user, asked.name, asked.topic, asked.public, asked.members))

    def _saga_AddToRooms(self, saga: str, asked: sagas.AddToRooms) -> None:
        for room in asked.rooms:
            self._chat(room, asked.by).roles.setdefault(asked.user, "member")

    def _saga_DeleteAccount(self, saga: str, asked: sagas.DeleteAccount) -> None:
        self._account(asked.user)
        del self.accounts[asked.user]
        for chat in self.rooms.values():
            chat.roles.pop(asked.user, None)

    # --- rooms ---

    def _room_OpenRoom(self, room: str, asked: rooms.OpenRoom) -> RoomInfo:
        for member in asked.members:
            self._account(member)
        roles = dict.fromkeys(asked.members, "member") | {asked.by: "owner"}
        self.rooms.setdefault(room, Chat(asked.name, asked.topic, asked.public, "room", roles))
        return self._info(room, asked.by)

    def _room_OpenDirect(self, room: str, asked: rooms.OpenDirect) -> RoomInfo:
        self._account(asked.other)
        self.rooms.setdefault(room, Chat("", "", False, "direct", {asked.by: "member", asked.other: "member"}))
        return self._info(room, asked.by)

    def _room_Describe(self, room: str, asked: rooms.Describe) -> RoomInfo:
        self._chat(room, asked.by, public=True)
        return self._info(room, asked.by)

    def _room_AddMember(self, room: str, asked: rooms.AddMember) -> RoomInfo:
        chat = self._chat(room, asked.by, public=True)
        if asked.user in chat.roles:
            raise ChatError("already_a_member")
        chat.roles[asked.user] = "member"
        return self._info(room, asked.by)

    def _room_RemoveMember(self, room: str, asked: rooms.RemoveMember) -> None:
        chat = self._chat(room, asked.by)
        if chat.roles.pop(asked.user, None) is None:
            raise ChatError("not_a_member")

    def _room_ChangeRole(self, room: str, asked: rooms.ChangeRole) -> None:
        chat = self._chat(room, asked.by)
        if chat.roles[asked.by] != "owner":
            raise ChatError("forbidden")
        chat.roles[asked.user] = asked.role

    def _room_EditRoom(self, room: str, asked: rooms.EditRoom) -> RoomInfo:
        chat = self._chat(room, asked.by)
        for name in ("name", "topic", "public"):
            if (value := getattr(asked, name)) is not None:
                setattr(chat, name, value)
        return self._info(room, asked.by)

    def _room_ListMembers(self, room: str, asked: rooms.ListMembers) -> rooms.MemberPage:
        chat = self._chat(room, asked.by)
        names = sorted(name for name in chat.roles if name > asked.after)
        shown = [rooms.MemberInfo(name, name, chat.roles[name]) for name in names[: asked.limit]]
        return rooms.MemberPage(shown, len(chat.roles), len(names) > asked.limit)

    def _room_History(self, room: str, asked: rooms.History) -> rooms.HistoryPage:
        entries = self._chat(room, asked.by).entries
        if asked.before is None:
            found = [entry for entry in entries if entry.seq > asked.after]
            return rooms.HistoryPage(found[: asked.limit], len(entries), len(found) > asked.limit)
        found = [entry for entry in entries if entry.seq < asked.before]
        return rooms.HistoryPage(found[-asked.limit :], len(entries), len(found) > asked.limit)

    def _room_KeyedPost(self, room: str, asked: rooms.KeyedPost) -> rooms.Stored:
        chat = self._chat(room, asked.by)
        known = chat.keys.get((asked.by, asked.key))
        if known is not None:
            if known[0] != asked.body:
                raise ChatError("key_reused")
            return known[1]
        stored = rooms.Stored(len(chat.entries) + 1, self._now())
        chat.entries.append(Entry(room, stored.seq, stored.at, asked.by, body=asked.body))
        chat.keys[asked.by, asked.key] = (asked.body, stored)
        return stored

    def _chat(self, room: str, by: str, *, public: bool = False) -> Chat:
        chat = self.rooms.get(room)
        if chat is None or (by not in chat.roles and not (public and chat.public)):
            raise ChatError("no_such_room")
        return chat

    def _info(self, room: str, by: str) -> RoomInfo:
        chat = self.rooms[room]
        peer = next((name for name in chat.roles if name != by), "") if chat.kind == "direct" else ""
        role = chat.roles.get(by, "none")
        return RoomInfo(room, chat.kind, len(chat.entries), 0, role, chat.name, chat.topic, chat.public, peer)

    def _now(self) -> int:
        return int(self._wall() * 1000)
