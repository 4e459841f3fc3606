"""Requests and messages to ``user:NAME``: account, devices, tokens, the list of rooms, marks.

Every request is refused with `no_such_user` where the account does not exist, except `Register`.
Tokens travel as SHA-256 digests; the clear text never leaves the gateway. Times are milliseconds since 1970.
"""

from __future__ import annotations

from actors.events import RoomInfo
from actors.runtime.actor import Request
from actors.runtime.plain import Message


class Grant(Message, frozen=True, gc=False):
    """A login: a device and the digests of its two tokens."""

    device: str
    name: str
    token: bytes
    token_ends_at: int
    refresh: bytes
    refresh_ends_at: int


class Profile(Message, frozen=True, gc=False):
    """An account, as its owner and administrators see it."""

    user: str
    display: str
    created_at: int
    disabled: bool
    admin: bool
    service: bool
    password: str = ""
    """The Argon2id text; only in the answer to `GetCredentials`."""


class Register(Request[Profile], frozen=True, gc=False):
    """Make the account, and log a device in where `grant` is given. `name_taken` where it exists."""

    display: str
    password: str
    grant: Grant | None = None
    admin: bool = False
    service: bool = False


class GetProfile(Request[Profile], frozen=True, gc=False):
    """The account without its password."""


class GetCredentials(Request[Profile], frozen=True, gc=False):
    """The account with its password text, to check a login."""


class SetProfile(Request[Profile], frozen=True, gc=False):
    """Change what is not None. A new password or `disabled` ends every device's session and token."""

    display: str | None = None
    password: str | None = None
    disabled: bool | None = None
    admin: bool | None = None


class Rehash(Request[None], frozen=True, gc=False):
    """The same password under stronger parameters: replaces the text `old`, and ends no session.

    Where `old` is not the text that stands (the password was changed meanwhile) nothing happens.
    """

    old: str
    new: str


class LogIn(Request[None], frozen=True, gc=False):
    """Add a device. `disabled` where the account is; the longest unseen goes beyond 50 devices."""

    grant: Grant


class Refresh(Request[bool], frozen=True, gc=False):
    """Replace the tokens of the device in `grant`, if `old` is its refresh token's digest. The answer: whether `earlier` stands.

    An `old` that was already replaced by `grant` or `earlier` is a repeat while nothing has used these: nothing changes. Any
    other that was already replaced logs the device out (it was stolen or copied). `bad_token` where it is not the device's.
    """

    old: bytes
    grant: Grant
    earlier: Grant | None = None
    """What the same request was given a moment ago."""


class Identity(Message, frozen=True, gc=False):
    """Who a token belongs to."""

    user: str
    device: str
    display: str
    admin: bool
    service: bool
    created_at: int


class CheckToken(Request[Identity], frozen=True, gc=False):
    """`bad_token` where no device has it or it has ended; `disabled` where the account is."""

    token: bytes


class DeviceInfo(Message, frozen=True, gc=False):
    """A device in the answer to `ListDevices`."""

    device: str
    name: str
    created_at: int
    seen_at: int
    online: bool


class Devices(Message, frozen=True, gc=False):
    """The answer to `ListDevices`."""

    devices: list[DeviceInfo]


class ListDevices(Request[Devices], frozen=True, gc=False):
    """All devices of the account."""


class LogOut(Request[None], frozen=True, gc=False):
    """Take a device away: its tokens end, its live session is closed. `no_such_device` where there is none."""

    device: str


class RoomPage(Message, frozen=True, gc=False):
    """A page of somebody's rooms."""

    rooms: list[RoomInfo]
    more: bool


class ListRooms(Request[RoomPage], frozen=True, gc=False):
    """A page of the account's rooms, by id."""

    after: str = ""
    limit: int = 100


class FindRoom(Request[RoomInfo], frozen=True, gc=False):
    """One room of the account's list. `no_such_room` where the account is not a member."""

    room: str
