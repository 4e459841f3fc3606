"""Messages between a session and its user, and from the edge's clock."""

from __future__ import annotations

from actors.events import RoomInfo
from actors.messages.user import Identity
from actors.runtime.actor import ActorId, Request
from actors.runtime.plain import Message


class Attached(Message, frozen=True, gc=False):
    """The answer to `Attach`."""

    identity: Identity
    since: int
    rooms: list[RoomInfo]
    """Rooms with a standing mark (`marked`, head unknown) and rooms that changed since `since`."""
    cursors: list[int]
    """This device's cursor in each of `rooms`; -1 where it has none."""
    large: list[str]
    """Rooms whose entries come by relay."""
    more: bool


class Attach(Request[Attached], frozen=True, gc=False):
    """To a user: a session with this token is live from now on. `bad_token`, `disabled`."""

    token: bytes
    session: ActorId
    since: int


class CursorsMoved(Message, frozen=True, gc=False):
    """To a user: the device has everything up to these seqs."""

    device: str
    rooms: dict[str, int]


class HasRead(Message, frozen=True, gc=False):
    """To a user (from a session) and to a room (from a session): the person has read up to `seq`."""

    origin: ActorId
    user: str
    room: str
    seq: int


class ReadTold(Message, frozen=True, gc=False):
    """To a session: `user` has read the room up to `seq`."""

    room: str
    user: str
    seq: int


class RoomTold(Message, frozen=True, gc=False):
    """To a session: this person's view of a room changed."""

    info: RoomInfo
    since: int
    """The version of the list with which this room changed; older than the list's own where it is told again."""
    large: bool
    origin: ActorId = ActorId("")
    """The user: the session is made to compare where this is lost."""


class ChangedSince(Message, frozen=True, gc=False):
    """To a user: the session knows the list up to this version, and may have missed what came after."""

    origin: ActorId
    since: int


class RoomsTold(Message, frozen=True, gc=False):
    """To a session: the rooms that changed since it asked, by version. `more`: ask again."""

    infos: list[RoomInfo]
    large: list[bool]
    since: int
    more: bool
    versions: list[int] = []
    """With which each of them changed; empty from a cell of the version before."""


class CompareList(Message, frozen=True, gc=False):
    """To a session: what its user told may be lost; ask for what changed."""

    origin: ActorId = ActorId("")


class Dismiss(Message, frozen=True, gc=False):
    """To a session: close the connection with this code."""

    code: int
    reason: str


class AskToMove(Message, frozen=True, gc=False):
    """To a session: its client is to go on at one of these addresses, within so many seconds."""

    urls: list[str]
    within: float


class Tick(Message, frozen=True, gc=False):
    """A timer of the actor itself."""


class Wake(Message, frozen=True, gc=False):
    """To a room: be active; what is owed is done by starting."""


class LinkLost(Message, frozen=True, gc=False):
    """To rooms and relays of a cell: what was sent to this life may be lost."""

    life: str


class Resend(Message, frozen=True, gc=False):
    """A session's own timer: what was lost goes out again."""


class HandOver(Message, frozen=True, gc=False):
    """A room's own reminder: entries that waited for those behind them go out."""
