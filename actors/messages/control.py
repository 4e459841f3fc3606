"""What operators and their programs ask of rooms and sessions, in nobody's name: they stand above membership.

Only the cluster's own programs come this way (`cluster.handles`); clients and the HTTP API never build these.
"""

from __future__ import annotations

from typing import ClassVar

from actors.messages.room import HistoryPage, MemberPage
from actors.runtime.actor import Request
from actors.runtime.plain import Message


class RoomFigures(Message, frozen=True, gc=False):
    """A room now."""

    room: str
    kind: str
    name: str
    topic: str
    public: bool
    large: bool
    head: int
    last_at: int
    """When the head was stored; 0 where this activation does not know."""
    members: int
    marks: int
    """Members who may be behind on some device."""
    life: str
    """The life of the cell that it lives in now."""


class InspectRoom(Request[RoomFigures], frozen=True, gc=False):
    """The figures of a room. `no_such_room` where it was never made."""


class ReadLog(Request[HistoryPage], frozen=True, gc=False):
    """Entries after `after`, or the last ones before `before` where it is not None; from the first entry on."""

    bulk: ClassVar[bool] = True
    after: int
    before: int | None
    limit: int


class ListAll(Request[MemberPage], frozen=True, gc=False):
    """A page of the members, by name, after `after`."""

    bulk: ClassVar[bool] = True
    after: str
    limit: int


class Expel(Request[None], frozen=True, gc=False):
    """Remove a member, in the name of the room's owner. `not_a_member`; `forbidden` for the owner, and in direct chats."""

    user: str


class SessionFigures(Message, frozen=True, gc=False):
    """A session now."""

    session: str
    user: str
    """Empty before `hello`."""
    device: str
    rooms: int
    """Rooms of which it was shown a head."""
    unanswered: int
    """Posts on their way."""
    pushes: bool
    """False: it reads too slowly, or is not welcomed yet."""
    backlog_bytes: int
    life: str


class InspectSession(Request[SessionFigures], frozen=True, gc=False):
    """The figures of a session."""


class Notify(Request[None], frozen=True, gc=False):
    """Show a word of the operators to this client; answered when it is queued."""

    text: str


class EndSession(Request[None], frozen=True, gc=False):
    """Close the connection with this code of `actors.closing`."""

    code: int
