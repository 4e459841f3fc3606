"""A session's requests with `q`: which actor is asked what, and what the client is told.

Requests run beside posts and beside each other, in a bounded number; their answers come in any order and carry `q`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from actors import commands as c
from actors.errors import ChatError
from actors.messages import room as r
from actors.messages import saga as s
from actors.messages import user as u
from actors.naming import direct_room, room_for, saga_for
from actors.places import Places
from actors.runtime.actor import Context, actor_id
from actors.welcome import heads_of, with_heads


class Requests:
    """Carries out the requests of one user. All may raise `ChatError`."""

    def __init__(self, ctx: Context, places: Places, user: str) -> None:
        self._ctx = ctx
        self._places = places
        self._user = user

    async def carry_out(self, command: c.Command) -> dict[str, Any]:
        """The `result` of the `ok` frame."""
        return await _TABLE[type(command)](self, command)

    def _room(self, name: str, request: Any) -> Awaitable[Any]:
        return self._ctx.ask(actor_id("room", name), request)

    def _operation(self, what: str, key: str, request: Any) -> Awaitable[Any]:
        return self._ctx.ask(actor_id("saga", saga_for(what, self._user, key)), request)

    async def _create(self, command: c.Create) -> dict[str, Any]:
        members = list(command.members)
        room = room_for(self._user, command.key)
        if members:
            request = s.MakeRoom(self._user, room, command.name, command.topic, command.public, members)
            return {"room": await self._operation("create", command.key, request)}
        return {"room": await self._room(room, r.OpenRoom(self._user, command.name, command.topic, command.public, members))}

    async def _direct(self, command: c.Direct) -> dict[str, Any]:
        room = direct_room(self._user, command.user)
        return {"room": await self._room(room, r.OpenDirect(self._user, command.user))}

    async def _invite(self, command: c.Invite) -> dict[str, Any]:
        if command.user == self._user:
            raise ChatError("already_a_member")
        await self._room(command.room, r.AddMember(self._user, command.user))
        return {}

    async def _add(self, command: c.Add) -> dict[str, Any]:
        if command.user == self._user:
            raise ChatError("already_a_member")
        await self._operation("add", command.key, s.AddToRooms(self._user, command.user, list(dict.fromkeys(command.rooms))))
        return {}

    async def _join(self, command: c.Join) -> dict[str, Any]:
        return {"room": await self._room(command.room, r.AddMember(self._user, self._user))}

    async def _leave(self, command: c.Leave) -> dict[str, Any]:
        await self._room(command.room, r.RemoveMember(self._user, self._user))
        return {}

    async def _kick(self, command: c.Kick) -> dict[str, Any]:
        if command.user == self._user:
            raise ChatError("forbidden")
        await self._room(command.room, r.RemoveMember(self._user, command.user))
        return {}

    async def _role(self, command: c.SetRole) -> dict[str, Any]:
        await self._room(command.room, r.ChangeRole(self._user, command.user, command.role))
        return {}

    async def _edit(self, command: c.Edit) -> dict[str, Any]:
        request = r.EditRoom(self._user, command.name, command.topic, command.public)
        return {"room": await self._room(command.room, request)}

    async def _members(self, command: c.Members) -> dict[str, Any]:
        page = await self._room(command.room, r.ListMembers(self._user, command.after, command.limit))
        members = [{"user": m.user, "display": m.display, "role": m.role, "read": m.read} for m in page.members]
        return {"members": members, "count": page.count, "more": page.more}

    async def _rooms(self, command: c.Rooms) -> dict[str, Any]:
        page = await self._ctx.ask(actor_id("user", self._user), u.ListRooms(command.after, command.limit))
        heads = await heads_of(self._ctx, self._places, [info.room for info in page.rooms])
        filled = {info.room: info for info in with_heads(page.rooms, heads)}
        return {"rooms": [filled[info.room] for info in page.rooms], "more": page.more}

    async def _who(self, command: c.Who) -> dict[str, Any]:
        profile = await self._ctx.ask(actor_id("user", command.user), u.GetProfile())
        return {"user": profile.user, "display": profile.display}


_TABLE: dict[type[c.Command], Callable[[Requests, Any], Awaitable[dict[str, Any]]]] = {
    c.Create: Requests._create,
    c.Direct: Requests._direct,
    c.Invite: Requests._invite,
    c.Add: Requests._add,
    c.Join: Requests._join,
    c.Leave: Requests._leave,
    c.Kick: Requests._kick,
    c.SetRole: Requests._role,
    c.Edit: Requests._edit,
    c.Members: Requests._members,
    c.Rooms: Requests._rooms,
    c.Who: Requests._who,
}

REQUESTS = tuple(_TABLE)
"""The commands that are carried out here."""
