"""What a client may ask of its session. Wire frames are these, as JSON objects whose `t` is the tag.

One definition serves all: the hot decoder, the schema of the protocol page and the session's handlers.
"""

from __future__ import annotations

from typing import Annotated, Literal

from actors.runtime.plain import Constraint, Plain

PROTOCOL_VERSION = 2
"""Version of the frames; a server speaks this one and the one before."""
MAX_BODY_BYTES = 16 * 1024
"""UTF-8 bytes of one message's text."""
MAX_UNANSWERED = 64
"""Posts of one device to one room that may be without an answer."""
MAX_NUMBER = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly."""
MAX_PAGE = 200
"""Entries in one page of history."""

MAX_ROOMS_AT_ONCE = 50
"""Rooms that somebody is added to by one request."""

USER_PATTERN = r"^[a-z0-9][a-z0-9._-]{1,31}$"
ROOM_PATTERN = r"^[a-z0-9]{4,40}$"
RoomName = Annotated[str, Constraint(pattern=ROOM_PATTERN)]
UserName = Annotated[str, Constraint(pattern=USER_PATTERN)]
PostId = Annotated[str, Constraint(pattern=r"^[A-Za-z0-9_-]{8,40}$")]
ShortRoomName = Annotated[str, Constraint(min_length=4, max_length=40)]
"""A room in a hot frame: only its length is checked, since a pattern costs as much as the rest of the decoding. The
session compares it with `ROOM_PATTERN` when it first sees it."""
ShortPostId = Annotated[str, Constraint(min_length=8, max_length=40)]
"""An id in a hot frame: it is only ever compared."""
Number = Annotated[int, Constraint(ge=1, le=MAX_NUMBER)]
Position = Annotated[int, Constraint(ge=0, le=MAX_NUMBER)]
Query = Annotated[int, Constraint(ge=0, le=MAX_NUMBER)]
Body = Annotated[str, Constraint(min_length=1, max_length=MAX_BODY_BYTES)]
Title = Annotated[str, Constraint(min_length=1, max_length=100)]
Topic = Annotated[str, Constraint(max_length=500)]
Role = Literal["owner", "admin", "member"]
Secret = Annotated[str, Constraint(min_length=8, max_length=200)]


class Command(Plain, frozen=True, gc=False, tag_field="t", forbid_unknown_fields=True):
    """Base of all client frames."""


class Hello(Command, frozen=True, gc=False, tag="hello", omit_defaults=True):
    """First frame: who I am and what I have. `since` is the `since` of the last welcome that was stored; `ticket` the one of
    the `move` that I follow."""

    v: Annotated[int, Constraint(ge=1, le=1000)]
    token: Secret
    since: Position = 0
    agent: Annotated[str, Constraint(max_length=100)] = ""
    ticket: Annotated[str, Constraint(max_length=200)] = ""


class Post(Command, frozen=True, gc=False, tag="post"):
    """Send text to a room. `n` counts this device's posts to this room from 1; `id` is random."""

    room: ShortRoomName
    n: Number
    id: ShortPostId
    body: Body


class Ack(Command, frozen=True, gc=False, tag="ack"):
    """This device has everything in the room up to `seq`."""

    room: RoomName
    seq: Position


class Read(Command, frozen=True, gc=False, tag="read"):
    """The person has read up to `seq`; told to their devices and, in small rooms, to the other members."""

    room: RoomName
    seq: Position


class Pull(Command, frozen=True, gc=False, tag="pull"):
    """A page of history: after `after`, ascending; or the last ones before `before`, where that is given."""

    q: Query
    room: RoomName
    after: Position = 0
    before: Position | None = None
    limit: Annotated[int, Constraint(ge=1, le=MAX_PAGE)] = 50


class Create(Command, frozen=True, gc=False, tag="create"):
    """Make a room; its maker is the owner. `members` join at once. `key` makes a repeat harmless."""

    q: Query
    key: PostId
    name: Title
    topic: Topic = ""
    public: bool = False
    members: Annotated[list[UserName], Constraint(max_length=200)] = []


class Direct(Command, frozen=True, gc=False, tag="direct"):
    """Open the direct chat with a user, new or not."""

    q: Query
    user: UserName


class Invite(Command, frozen=True, gc=False, tag="invite"):
    """Make a user a member of a room (owner, admin; in a public room any member, but for who was kicked)."""

    q: Query
    room: RoomName
    user: UserName


class Add(Command, frozen=True, gc=False, tag="add"):
    """Make a user a member of several rooms, of all or of none. `key` makes a repeat harmless."""

    q: Query
    key: PostId
    user: UserName
    rooms: Annotated[list[RoomName], Constraint(min_length=1, max_length=MAX_ROOMS_AT_ONCE)]


class Join(Command, frozen=True, gc=False, tag="join"):
    """Become a member of a public room; not who was kicked from it."""

    q: Query
    room: RoomName


class Leave(Command, frozen=True, gc=False, tag="leave"):
    """Stop being a member. The last owner hands the room to the oldest admin or member."""

    q: Query
    room: RoomName


class Kick(Command, frozen=True, gc=False, tag="kick"):
    """Remove a member of a lower role (owner, admin); only these can let them in again."""

    q: Query
    room: RoomName
    user: UserName


class SetRole(Command, frozen=True, gc=False, tag="role"):
    """Give a member a role (owner only; `owner` hands the ownership over)."""

    q: Query
    room: RoomName
    user: UserName
    role: Role


class Edit(Command, frozen=True, gc=False, tag="edit"):
    """Change name, topic or openness of a room (owner, admin)."""

    q: Query
    room: RoomName
    name: Title | None = None
    topic: Topic | None = None
    public: bool | None = None


class Members(Command, frozen=True, gc=False, tag="members"):
    """A page of the members of a room, by name, after `after`."""

    q: Query
    room: RoomName
    after: Annotated[str, Constraint(max_length=32)] = ""
    limit: Annotated[int, Constraint(ge=1, le=MAX_PAGE)] = 100


class Rooms(Command, frozen=True, gc=False, tag="rooms"):
    """A page of my rooms, by id, after `after`."""

    q: Query
    after: Annotated[str, Constraint(max_length=40)] = ""
    limit: Annotated[int, Constraint(ge=1, le=MAX_PAGE)] = 100


class Who(Command, frozen=True, gc=False, tag="who"):
    """Look a user up by exact name."""

    q: Query
    user: UserName


class Ping(Command, frozen=True, gc=False, tag="ping"):
    """Are you there? For clients that cannot send WebSocket pings."""

    q: Query = 0


AnyCommand = (
    Hello | Post | Ack | Read | Pull | Create | Direct | Invite | Add | Join | Leave | Kick | SetRole | Edit | Members | Rooms | Who | Ping
)
