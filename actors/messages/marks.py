"""Marks: how a room and the `User`s of its members agree on who may be behind."""

from __future__ import annotations

from actors.runtime.actor import ActorId
from actors.runtime.plain import Message


class Facts(Message, frozen=True, gc=False):
    """A room as one member should have it in their list. `at`: the seq from which this is true."""

    kind: str
    role: str
    name: str
    topic: str
    public: bool
    peer: str
    peer_display: str
    large: bool
    first: int
    at: int


class Marked(Message, frozen=True, gc=False):
    """To a user, until confirmed by `MarkKept`: you may be behind `seq` in this room."""

    origin: ActorId
    room: str
    seq: int
    facts: Facts


class MarkKept(Message, frozen=True, gc=False):
    """To a room: the user's own commit has the mark of `seq`."""

    user: str
    seq: int
    at: int
    """The `at` of the facts that were kept."""


class MayClear(Message, frozen=True, gc=False):
    """To a room: every device of the user has acknowledged `seq`; clear the mark if that is still the head."""

    user: str
    seq: int


class Cleared(Message, frozen=True, gc=False):
    """To a user: the room has committed the clear; take the mark away if it is of at most `seq`."""

    room: str
    seq: int
