"""What a session says to its client. Wire frames are these, as JSON objects whose `t` is the tag.

Fields that hold their default are left out on the wire.
"""

from __future__ import annotations

from typing import Any

from actors.runtime.plain import Plain


class Event(Plain, frozen=True, gc=False, tag_field="t", omit_defaults=True):
    """Base of all server frames."""


class RoomInfo(Plain, frozen=True, gc=False, omit_defaults=True):
    """A room as one member sees it."""

    room: str
    kind: str
    """``room`` or ``direct``."""
    head: int = 0
    """The last seq; 0 where it was not looked up (the room has no mark)."""
    read: int = 0
    """The last seq that this person has read, on any device."""
    role: str = "member"
    """``owner``, ``admin``, ``member``; ``none`` when no longer a member."""
    name: str = ""
    topic: str = ""
    public: bool = False
    peer: str = ""
    """The other user of a direct chat."""
    peer_display: str = ""
    marked: bool = False
    """Whether some device of this member may be behind: pull what is missing."""
    first: int = 1
    """The first seq that this member may read."""


class Entry(Event, frozen=True, gc=False, tag="msg"):
    """One entry of a room's log: a text, or something that happened to the room."""

    room: str
    seq: int
    at: int
    """Milliseconds since 1970, of the server."""
    user: str
    """Who wrote it or did it."""
    kind: str = "text"
    """``text``; or ``create``, ``join``, ``leave``, ``kick``, ``role``, ``edit``: `body` is then JSON text."""
    body: str = ""
    device: str = ""
    n: int = 0
    id: str = ""


class Welcome(Event, frozen=True, gc=False, tag="welcome"):
    """The answer to `hello`: rooms with a standing mark, newest first, and rooms changed since `since`."""

    v: int
    session: str
    user: str
    device: str
    display: str
    now: int
    """Milliseconds since 1970, of the server."""
    since: int
    """Store this after the rest of the frame, and send it in the next `hello`."""
    rooms: list[RoomInfo]
    pages: list[Page]
    """The first page of the newest few marked rooms."""
    more: bool = False
    """More rooms than fit: page through `rooms`."""
    admin: bool = False
    limits: dict[str, int] = {}


class Sent(Event, frozen=True, gc=False, tag="sent"):
    """The post `n` is stored as `seq`."""

    room: str
    n: int
    seq: int
    at: int


class Refused(Event, frozen=True, gc=False, tag="refused"):
    """The post `n` was not stored. Where `retry`, send it again with the same `n` and `id`."""

    room: str
    n: int
    code: str
    text: str
    retry: bool
    retry_after: float | None = None
    fields: dict[str, Any] = {}


class Head(Event, frozen=True, gc=False, tag="head"):
    """The room has come to `head`: pull what is missing."""

    room: str
    head: int


class Page(Event, frozen=True, gc=False, tag="page"):
    """Entries in ascending order. `more`: there are more in the direction that was asked."""

    q: int
    room: str
    entries: list[Entry]
    head: int
    more: bool = False


class RoomChanged(Event, frozen=True, gc=False, tag="room"):
    """This person's view of a room changed: joined, left, renamed, another role."""

    room: RoomInfo
    since: int


class ReadMark(Event, frozen=True, gc=False, tag="read"):
    """`user` has read the room up to `seq`."""

    room: str
    user: str
    seq: int


class Done(Event, frozen=True, gc=False, tag="ok"):
    """The request `q` was carried out."""

    q: int
    result: dict[str, Any] = {}


class Failed(Event, frozen=True, gc=False, tag="error"):
    """The request `q` (0: the frame itself) failed."""

    q: int
    code: str
    text: str
    retry: bool
    retry_after: float | None = None
    fields: dict[str, Any] = {}


class Lagging(Event, frozen=True, gc=False, tag="lagging"):
    """You read too slowly: entries are no longer pushed; pull from `heads`, and pushing starts again."""

    heads: dict[str, int]


class Pong(Event, frozen=True, gc=False, tag="pong"):
    """I am here."""

    q: int = 0
    now: int = 0


class Notice(Event, frozen=True, gc=False, tag="notice"):
    """A word of the operators to this connection. Stands in no log, and may be lost."""

    text: str
    at: int
    """Milliseconds since 1970, of the server."""


class Move(Event, frozen=True, gc=False, tag="move"):
    """Please go on at one of `urls` within `within` seconds: connect there, show `ticket` in `hello`, leave when welcomed."""

    urls: list[str]
    ticket: str
    within: float


AnyEvent = Welcome | Entry | Sent | Refused | Head | Page | RoomChanged | ReadMark | Done | Failed | Lagging | Pong | Notice | Move
