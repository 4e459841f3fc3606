"""Operations of several steps: what begins one at ``saga:ID``, and the steps that it takes at rooms and users.

Every step may be repeated, and may come late: what it does, it does once.
"""

from __future__ import annotations

from actors.events import RoomInfo
from actors.runtime.actor import Request
from actors.runtime.plain import Message

# --- what begins one -------------------------------------------------------------------------------------------------


class MakeRoom(Request[RoomInfo], frozen=True, gc=False):
    """Make a room with these members. `no_such_user` (with `user`), and nothing is made, where one is not there."""

    user: str
    room: str
    name: str
    topic: str
    public: bool
    members: list[str]


class AddToRooms(Request[None], frozen=True, gc=False):
    """Make `user` a member of all these rooms, in the name of `by`, or of none: the refusal names the `room`."""

    by: str
    user: str
    rooms: list[str]


class DeleteAccount(Request[None], frozen=True, gc=False):
    """Answered when the account is closed for good; what is left of it goes by itself. `no_such_user`."""

    user: str


# --- steps at a room -------------------------------------------------------------------------------------------------


class MayAdd(Request[None], frozen=True, gc=False):
    """Whether `by` could add `user` now: refused as `AddMember` would be, but for who is a member already."""

    by: str
    user: str


class AddOnce(Request[None], frozen=True, gc=False):
    """Add a member under a key: once, however often it is asked, and never after `TakeBack`. Who is a member already stays."""

    by: str
    user: str
    key: str


class TakeBack(Request[None], frozen=True, gc=False):
    """Undo what `AddOnce` did under this key, if it did anything and that still stands; what comes later under it is refused."""

    by: str
    user: str
    key: str


class Depart(Request[None], frozen=True, gc=False):
    """The account is closed: it leaves, direct chats too."""

    user: str


class AccountGone(Message, frozen=True, gc=False):
    """From a user to a room that takes them for a member: the account is closed."""

    user: str


# --- steps at a user -------------------------------------------------------------------------------------------------


class CloseAccount(Request[None], frozen=True, gc=False):
    """No login from here on: devices, tokens, password and display name go, sessions end. The name stays taken for ever."""


class RoomNames(Message, frozen=True, gc=False):
    """Rooms of somebody's list, by id."""

    rooms: list[str]


class RoomsToLeave(Request[RoomNames], frozen=True, gc=False):
    """A page of a closed account's rooms, by id, after `after`."""

    after: str
    limit: int


class ForgetAccount(Request[None], frozen=True, gc=False):
    """Take away what is left of a closed account, but for its name."""
