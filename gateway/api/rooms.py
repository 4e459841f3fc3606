"""Routes: rooms, direct chats, members, history and posts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from actors.errors import ChatError
from actors.messages.room import (
    AddMember,
    ChangeRole,
    Describe,
    EditRoom,
    History,
    KeyedPost,
    ListMembers,
    OpenDirect,
    OpenRoom,
    RemoveMember,
)
from actors.messages.saga import AddToRooms, MakeRoom
from actors.messages.user import ListRooms
from actors.naming import direct_room, room_for
from gateway.api.answers import HistoryTold, MembersTold, MessageStored, RoomsTold, RoomTold
from gateway.api.caller import Caller, IdempotencyKey
from gateway.api.questions import (
    DirectWith,
    HistoryWanted,
    MembersWanted,
    NewMember,
    NewMessage,
    NewRoom,
    RoleGiven,
    RoomChanges,
    RoomsWanted,
    RoomText,
    SeveralRooms,
    UserText,
)
from gateway.api.services import WithServices
from gateway.logs import event_log

router = APIRouter(prefix="/api/v1", tags=["rooms"])
_log = event_log("gateway.api")


@router.get("/rooms")
async def list_rooms(wanted: Annotated[RoomsWanted, Query()], caller: Caller, services: WithServices) -> RoomsTold:
    """A page of my rooms, by id, after `after`."""
    return RoomsTold.model_validate(await services.ask_user(caller.user, ListRooms(wanted.after, wanted.limit)))


@router.post("/rooms", status_code=201)
async def make_room(wanted: NewRoom, caller: Caller, key: IdempotencyKey, services: WithServices) -> RoomTold:
    """Make a room. The room's id follows from the user and the key, so that a repeat finds the same room."""
    room = room_for(caller.user, key)
    if wanted.members:
        making = MakeRoom(caller.user, room, wanted.name, wanted.topic, wanted.public, wanted.members)
        return RoomTold.model_validate(await services.ask_saga("create", caller.user, key, making))
    request = OpenRoom(caller.user, wanted.name, wanted.topic, wanted.public, wanted.members)
    return RoomTold.model_validate(await services.ask_room(room, request))


@router.post("/direct")
async def open_direct(whom: DirectWith, caller: Caller, services: WithServices) -> RoomTold:
    """The direct chat with a user, new or not."""
    room = direct_room(caller.user, whom.user)
    return RoomTold.model_validate(await services.ask_room(room, OpenDirect(caller.user, whom.user)))


@router.post("/users/{user}/rooms", status_code=204)
async def add_to_rooms(user: UserText, into: SeveralRooms, caller: Caller, key: IdempotencyKey, services: WithServices) -> None:
    """Make a user a member of all these rooms, or of none: the refusal then names the `room`. The same key makes a repeat harmless."""
    if user == caller.user:
        raise ChatError("already_a_member")
    await services.ask_saga("add", caller.user, key, AddToRooms(caller.user, user, list(dict.fromkeys(into.rooms))))


@router.get("/rooms/{room}")
async def get_room(room: RoomText, caller: Caller, services: WithServices) -> RoomTold:
    """A room as I see it."""
    return RoomTold.model_validate(await services.ask_room(room, Describe(caller.user)))


@router.patch("/rooms/{room}")
async def change_room(room: RoomText, changes: RoomChanges, caller: Caller, services: WithServices) -> RoomTold:
    """Change name, topic or openness (owner, admin)."""
    request = EditRoom(caller.user, changes.name, changes.topic, changes.public)
    return RoomTold.model_validate(await services.ask_room(room, request))


@router.get("/rooms/{room}/messages")
async def get_messages(room: RoomText, wanted: Annotated[HistoryWanted, Query()], caller: Caller, services: WithServices) -> HistoryTold:
    """A page of history: after `after`, ascending; or the last ones before `before`. Without either: from the start."""
    request = History(caller.user, wanted.after or 0, wanted.before, wanted.limit)
    return HistoryTold.model_validate(await services.ask_room(room, request))


@router.post("/rooms/{room}/messages", status_code=201)
async def post_message(room: RoomText, message: NewMessage, caller: Caller, key: IdempotencyKey, services: WithServices) -> MessageStored:
    """Post a text. The same key and text within 24 hours get the same answer; another text is refused."""
    stored = await services.ask_room(room, KeyedPost(caller.user, key, message.body))
    _log.message("posted_by_http", room, stored.seq, user=caller.user)
    return MessageStored(room=room, seq=stored.seq, at=stored.at)


@router.get("/rooms/{room}/members")
async def list_members(room: RoomText, wanted: Annotated[MembersWanted, Query()], caller: Caller, services: WithServices) -> MembersTold:
    """A page of the members, by name, after `after`."""
    return MembersTold.model_validate(await services.ask_room(room, ListMembers(caller.user, wanted.after, wanted.limit)))


@router.post("/rooms/{room}/members", status_code=201)
async def add_member(room: RoomText, member: NewMember, caller: Caller, services: WithServices) -> RoomTold:
    """Invite a user; or join a public room, where the user is oneself."""
    return RoomTold.model_validate(await services.ask_room(room, AddMember(caller.user, member.user)))


@router.patch("/rooms/{room}/members/{user}", status_code=204)
async def change_role(room: RoomText, user: UserText, given: RoleGiven, caller: Caller, services: WithServices) -> None:
    """Give a member a role (owner only)."""
    await services.ask_room(room, ChangeRole(caller.user, user, given.role))


@router.delete("/rooms/{room}/members/{user}", status_code=204)
async def remove_member(room: RoomText, user: UserText, caller: Caller, services: WithServices) -> None:
    """Kick a member of a lower role; or leave, where the user is oneself."""
    await services.ask_room(room, RemoveMember(caller.user, user))
