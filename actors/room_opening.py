"""Making rooms: what has to be true, and the rows of the first commit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from actors.errors import ChatError
from actors.messages.room import OpenDirect, OpenRoom
from actors.messages.user import GetProfile, Profile
from actors.runtime.actor import Context, actor_id
from actors.store.rows import MemberRow, RoomRow


class Opening(NamedTuple):
    """A room that is about to be."""

    row: RoomRow
    members: list[MemberRow]
    entries: list[tuple[str, str, str]]
    """(user, kind, JSON body)."""


async def profiles(ctx: Context, users: Sequence[str]) -> list[Profile]:
    """The accounts of these users. `no_such_user` (with `user`) where one is not there."""
    asked = [ctx.ask(actor_id("user", user), GetProfile()) for user in users]
    found = []
    for user, answer in zip(users, asked, strict=True):
        try:
            found.append(await answer)
        except ChatError as error:
            if error.code == "no_such_user":
                raise ChatError("no_such_user", user=user) from None
            raise
    return found


async def open_room(ctx: Context, room: str, request: OpenRoom, at: int) -> Opening:
    """The rows of a new room; its maker is the owner."""
    others = sorted(set(request.members) - {request.by})
    people = await profiles(ctx, [request.by, *others])
    members = [MemberRow(room, p.user, "owner" if p.user == request.by else "member", p.display, 1, at) for p in people]
    row = RoomRow(room, "room", request.name, request.topic, request.public, at, request.by, False)
    body = json.dumps({"name": request.name, "members": [p.user for p in people]}, ensure_ascii=False)
    return Opening(row, members, [(request.by, "create", body)])


async def open_direct(ctx: Context, room: str, request: OpenDirect, at: int) -> Opening:
    """The rows of a new direct chat."""
    if request.by == request.other:
        raise ChatError("invalid", reason="a direct chat has two people")
    people = await profiles(ctx, [request.by, request.other])
    members = [MemberRow(room, p.user, "member", p.display, 1, at) for p in people]
    row = RoomRow(room, "direct", "", "", False, at, request.by, False)
    return Opening(row, members, [(request.by, "create", "{}")])


async def opening(ctx: Context, room: str, request: OpenRoom | OpenDirect, at: int) -> Opening:
    """The rows of a new room of either kind."""
    if isinstance(request, OpenRoom):
        return await open_room(ctx, room, request, at)
    return await open_direct(ctx, room, request, at)
