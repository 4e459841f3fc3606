"""What clients of the API are told."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Told(BaseModel):
    """Base of what clients are told; read from the attributes of messages."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class LoggedIn(Told):
    """A device that is logged in, with its tokens. They are shown this once."""

    user: str
    device: str
    display: str
    token: str
    refresh: str
    expires_in: int | None
    """Seconds until `token` ends; null: it does not."""


class NextStep(Told):
    """The login needs another factor: send it to `/api/v1/login/{ticket}`."""

    next: str
    ticket: str


class Me(Told):
    """The account and device that a token belongs to."""

    user: str
    device: str
    display: str
    admin: bool
    service: bool
    created_at: int


class MyChanged(Told):
    """Oneself after the change; `login` holds this device's new tokens where the password changed."""

    user: str
    display: str
    login: LoggedIn | None = None


class UserTold(Told):
    """What everybody may know of an account."""

    user: str
    display: str
    service: bool


class DeviceTold(Told):
    """One of my devices."""

    device: str
    name: str
    created_at: int
    seen_at: int
    online: bool
    current: bool = False
    """The one that asks."""


class DevicesTold(Told):
    """All my devices."""

    devices: list[DeviceTold]


class AdminMade(Told):
    """The account; a service account's token is shown this once and does not end."""

    user: str
    display: str
    admin: bool
    service: bool
    device: str | None = None
    token: str | None = None


class AdminProfile(Told):
    """An account, as administrators see it."""

    user: str
    display: str
    created_at: int
    disabled: bool
    admin: bool
    service: bool


class RoomTold(Told):
    """A room as I see it."""

    room: str
    kind: str
    head: int
    read: int
    role: str
    name: str
    topic: str
    public: bool
    peer: str
    peer_display: str
    marked: bool
    first: int


class RoomsTold(Told):
    """A page of my rooms, by id."""

    rooms: list[RoomTold]
    more: bool


class EntryTold(Told):
    """One entry of a room's log."""

    room: str
    seq: int
    at: int
    user: str
    kind: str
    body: str
    device: str
    n: int
    id: str


class HistoryTold(Told):
    """Entries in ascending order; `more` in the direction that was asked."""

    entries: list[EntryTold]
    head: int
    more: bool


class MessageStored(Told):
    """Where the text went: it is stored for good."""

    room: str
    seq: int
    at: int


class MemberTold(Told):
    """A member of a room."""

    user: str
    display: str
    role: str
    read: int


class MembersTold(Told):
    """A page of a room's members, by name."""

    members: list[MemberTold]
    count: int
    more: bool


class EdgesTold(Told):
    """Edges to connect to, best first; empty: the address that you used is fine."""

    edges: list[str]


class HealthTold(Told):
    """Whether delivery works; more fields are for people."""

    model_config = ConfigDict(extra="allow")

    ok: bool
    took_ms: float
    cells: dict[str, dict[str, Any]] = {}
    """Every cell by its name, with `ok`, `took_ms`, `code` and `step`; the code of one that does not answer is ``no_answer``."""
    code: str | None = None
    """Why it does not."""
    step: str | None = None
    """Where the probe's post was stuck: ``view``, ``account``, ``connect``, ``commit``, ``fan_out`` or ``trim``."""
