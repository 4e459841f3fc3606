"""What a room answers from what it knows: pages, members, figures. Handlers of `Room`, apart to keep its own page short.

Members ask in their own name; operators (`actors.messages.control`) in nobody's, and stand above membership.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.errors import ChatError
from actors.events import RoomInfo
from actors.messages.control import Expel, InspectRoom, ListAll, ReadLog, RoomFigures
from actors.messages.room import Describe, History, HistoryPage, ListMembers, MemberPage, RemoveMember
from actors.room_pages import history_page
from actors.runtime.actor import actor_id, handles, reads
from actors.store.store import StoreError, Unreadable
from actors.unreadable import unreadable

if TYPE_CHECKING:
    from actors.room import Room


@reads(History, ReadLog)
async def on_history(room: Room, request: History | ReadLog) -> HistoryPage:
    """A page of the log, from the store: never holds up a post. Who leaves while it is read does not get it: it may hold what was said
    since."""
    room.must_exist()
    first = room.log.roster.member(request.by).first if isinstance(request, History) else 1
    try:
        page = await history_page(room.ports.store, room.log, first, request)
    except StoreError as error:
        if isinstance(error, Unreadable):
            room.ports.places.report("damaged", actor_id("room", room.log.room), None, error)
        raise unreadable(error) from None
    if isinstance(request, History):
        room.log.roster.member(request.by)
    return page


@reads(Describe)
def on_describe(room: Room, request: Describe) -> RoomInfo:
    """The room as a member, or anybody if it is public, sees it."""
    room.must_exist()
    if not room.log.roster.row.public:
        room.log.roster.member(request.by)
    return room.log.roster.info(request.by, room.log.head)


@reads(ListMembers)
def on_list_members(room: Room, request: ListMembers) -> MemberPage:
    """A page of members, by name."""
    room.must_exist()
    room.log.roster.member(request.by)
    return room.log.roster.page(request.after, request.limit)


# --- operators -------------------------------------------------------------------------------------------------------


@reads(ListAll)
def on_list_all(room: Room, request: ListAll) -> MemberPage:
    """A page of members, by name."""
    room.must_exist()
    return room.log.roster.page(request.after, request.limit)


@reads(InspectRoom)
def on_inspect(room: Room, request: InspectRoom) -> RoomFigures:
    """The room in figures."""
    room.must_exist()
    log, row = room.log, room.log.roster.row
    return RoomFigures(
        row.room, row.kind, row.name, row.topic, row.public, row.large, log.head, log.last_at,
        len(log.roster.members), len(log.roster.marks), room.ports.places.life,
    )  # fmt: skip


@handles(Expel)
async def on_expel(room: Room, request: Expel) -> None:
    """A kick, in the owner's name."""
    room.must_exist()
    members = room.log.roster.members
    owner = next((member.user for member in members.values() if member.role == "owner"), None)
    if request.user not in members:
        raise ChatError("not_a_member")
    if owner is None or owner == request.user:
        raise ChatError("forbidden")
    await room.on_remove_member(RemoveMember(owner, request.user))
