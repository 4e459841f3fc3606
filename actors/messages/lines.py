"""Between an edge and a process that hosts one of its clients' sessions. The edge keeps the socket; a *line* joins the two.

``lines:LIFE~`` is the edge's end, ``host:LIFE~`` the session's. A line lives as long as nothing of it is lost: then both ends let
it go, and the client connects again.
"""

from __future__ import annotations

from actors.commands import AnyCommand, Hello
from actors.events import AnyEvent
from actors.runtime.actor import ActorId
from actors.runtime.plain import Message


class OpenLine(Message, frozen=True, gc=False):
    """To the host: a client's connection, with its first frame."""

    origin: ActorId
    line: int
    """The edge's number for it; never used twice by one life."""
    hello: Hello
    address: str
    """The client's."""


class LineSaid(Message, frozen=True, gc=False):
    """To the host: the client's next frame."""

    origin: ActorId
    line: int
    command: AnyCommand


class LineWrote(Message, frozen=True, gc=False):
    """To the edge: what the session has for its client, in order. Bytes are pushed frames, the same for many clients."""

    origin: ActorId
    line: int
    parts: list[AnyEvent | bytes]


class LineClosed(Message, frozen=True, gc=False):
    """To the edge: close the connection with this code, once what was written before is."""

    origin: ActorId
    line: int
    code: int
    reason: str


class LineEnded(Message, frozen=True, gc=False):
    """To either end: the other knows no such line, or no longer."""

    origin: ActorId
    line: int


class LineFull(Message, frozen=True, gc=False):
    """To the host: the client reads too slowly; push nothing before `LineDrained`."""

    origin: ActorId
    line: int


class LineDrained(Message, frozen=True, gc=False):
    """To the host: all that was written has left."""

    origin: ActorId
    line: int


class LineReads(Message, frozen=True, gc=False):
    """To the edge: stop reading from the client, or go on."""

    origin: ActorId
    line: int
    on: bool
