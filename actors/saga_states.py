"""Where an operation of several steps stands: one state is one row of the store, and holds all that is needed to go on.

    Making ──> (ended)                                       a room with its members
    Checking ──> Adding 0 ──> Adding 1 ──> ... (ended)       a user into several rooms
                    └────> Undoing n ──> ... 0 (ended)
    Closing ──> Leaving ──> ... Forgetting ──> (ended)       an account is deleted

Stored as msgpack arrays: new fields go to the end and have a default.
"""

from __future__ import annotations

from typing import Any

from actors.runtime.codec import pack, unpack
from actors.runtime.plain import Plain


class State(Plain, frozen=True, gc=False, array_like=True, tag=True):
    """Base of all states."""


class Making(State, frozen=True, gc=False):
    """The room is to be made, with all its members at once."""

    user: str
    room: str
    name: str
    topic: str
    public: bool
    members: list[str]


class Checking(State, frozen=True, gc=False):
    """Nothing is done; the rooms are asked whether they would have it."""

    by: str
    user: str
    rooms: list[str]


class Adding(State, frozen=True, gc=False):
    """The first `done` rooms have the user."""

    by: str
    user: str
    rooms: list[str]
    done: int = 0


class Undoing(State, frozen=True, gc=False):
    """One room refused; of the first `left` rooms it is not known yet that nothing is left there."""

    by: str
    user: str
    rooms: list[str]
    left: int
    code: str
    fields: dict[str, Any] = {}


class Closing(State, frozen=True, gc=False):
    """The account is to be closed."""

    user: str


class Leaving(State, frozen=True, gc=False):
    """The account is closed; it has left the rooms of its list up to `after`."""

    user: str
    after: str = ""


class Forgetting(State, frozen=True, gc=False):
    """It has left all rooms; its list is to go."""

    user: str


_AnyState = Making | Checking | Adding | Undoing | Closing | Leaving | Forgetting
encode = pack
"""A state as bytes."""


def decode(data: bytes) -> State:
    """The state of these bytes."""
    state: State = unpack(_AnyState, data)  # type: ignore[arg-type]
    return state
