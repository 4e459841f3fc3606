"""The rows that a store keeps. `Row.key` names the fields of the primary key, `Row.sealed` those stored encrypted.

A row belongs to the slot of one address: a room's rows to ``room:ID``, a user's to ``user:NAME``, an operation's to ``saga:ID``.
Times are milliseconds since 1970.
"""

from __future__ import annotations

from typing import ClassVar

from actors.runtime.plain import Plain


class Row(Plain, frozen=True, gc=False):
    """Base of all rows."""

    table: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    sealed: ClassVar[tuple[str, ...]] = ()


# --- of a room -------------------------------------------------------------------------------------------------------


class RoomRow(Row, frozen=True, gc=False):
    """What a room is."""

    table = "rooms"
    key = ("room",)
    room: str
    kind: str
    name: str
    topic: str
    public: bool
    created_at: int
    creator: str
    large: bool
    """Once above the small-room limit, always large."""


class MemberRow(Row, frozen=True, gc=False):
    """One member of a room."""

    table = "members"
    key = ("room", "user")
    room: str
    user: str
    role: str
    display: str
    first: int
    """The first seq that this member may read."""
    joined_at: int


class EntryRow(Row, frozen=True, gc=False, array_like=True):
    """One entry of a room's log. Only ever added; a second entry of one (room, seq) is a conflict.

    Stored as msgpack, field after field: a field that is added later goes to the end, with a default, and old entries still read.
    """

    table = "entries"
    key = ("room", "seq")
    sealed = ("body",)
    room: str
    seq: int
    at: int
    user: str
    device: str
    n: int
    id: str
    kind: str
    body: str


class MarkRow(Row, frozen=True, gc=False):
    """A member's mark, kept by the room, until the user agrees to clear it."""

    table = "marks"
    key = ("room", "user")
    room: str
    user: str
    seq: int
    """The head when the mark was set."""
    told: bool
    """Whether the user has confirmed that it has stored this mark."""
    member: bool
    """False: the user must be told that it is no longer a member; the row goes when that is confirmed."""


class CheckpointRow(Row, frozen=True, gc=False):
    """Where an activation starts to read: everything up to `seq` is summed up in `devices`."""

    table = "checkpoints"
    key = ("room",)
    room: str
    seq: int
    fanned: int
    """Everything up to here was handed to those who were online."""
    devices: bytes
    """msgpack: device -> [last n, [seq, ...] of its last posts, newest last]."""


class ActiveRow(Row, frozen=True, gc=False):
    """The room has posts behind its checkpoint that may not have been fanned out: a taker looks at it."""

    table = "active"
    key = ("room",)
    room: str
    slot: int


class KeyRow(Row, frozen=True, gc=False):
    """A post by HTTP: which entry an Idempotency-Key made. Remembered for 24 hours."""

    table = "post_keys"
    key = ("room", "user", "post_key")
    room: str
    user: str
    post_key: str
    seq: int
    at: int
    digest: bytes
    """SHA-256 of the body: the same key with another body is refused."""


# --- of a user -------------------------------------------------------------------------------------------------------


class UserRow(Row, frozen=True, gc=False):
    """An account. Disabled and without a display name it is what is left of a deleted one: the name, which stays taken."""

    table = "users"
    key = ("user",)
    user: str
    display: str
    password: str
    """Argon2id, in its usual text form; empty for a service account."""
    created_at: int
    disabled: bool = False
    admin: bool = False
    service: bool = False
    version: int = 0
    """Counts changes to the list of rooms: what `since` compares with."""


class DeviceRow(Row, frozen=True, gc=False):
    """A device that is logged in. Tokens are kept as SHA-256."""

    table = "devices"
    key = ("user", "device")
    user: str
    device: str
    name: str
    created_at: int
    seen_at: int
    token: bytes
    token_ends_at: int
    refresh: bytes
    refresh_ends_at: int
    refresh_before: bytes = b""
    """The refresh token that `refresh` replaced: seen again, it was copied."""


class CursorRow(Row, frozen=True, gc=False):
    """How far a device has acknowledged a room: a hint, kept lazily."""

    table = "cursors"
    key = ("user", "device", "room")
    user: str
    device: str
    room: str
    seq: int


class UserRoomRow(Row, frozen=True, gc=False):
    """A room in a user's list."""

    table = "user_rooms"
    key = ("user", "room")
    user: str
    room: str
    version: int
    """The user's version at which this row last changed."""
    kind: str
    role: str
    """``none``: no longer a member; kept so that devices that were away hear of it."""
    name: str
    topic: str
    public: bool
    peer: str
    peer_display: str
    large: bool
    first: int
    at: int
    """The head of the room that this row reflects; an older telling does not overwrite it."""


class ReadRow(Row, frozen=True, gc=False):
    """How far a person has read a room; kept lazily."""

    table = "reads"
    key = ("user", "room")
    user: str
    room: str
    seq: int


class UserMarkRow(Row, frozen=True, gc=False):
    """A standing mark, as the user knows it."""

    table = "user_marks"
    key = ("user", "room")
    user: str
    room: str
    seq: int
    """The seq with which it was set."""


# --- of an operation of several steps --------------------------------------------------------------------------------


class SagaRow(Row, frozen=True, gc=False):
    """A running operation of several steps (`actors.saga`), with all that is needed to go on with it; gone when it has ended."""

    table = "sagas"
    key = ("saga",)
    saga: str
    slot: int
    what: str
    """Its present state, by name."""
    user: str
    """On whose behalf."""
    at: int
    """When it began."""
    state: bytes
    """msgpack: see `actors.saga_states`."""


class Gone(Plain, frozen=True, gc=False):
    """Take rows away: those of `table` whose first key fields equal `key` (a prefix of the primary key)."""

    table: str
    key: tuple[str | int, ...]


ROWS: tuple[type[Row], ...] = (
    RoomRow, MemberRow, EntryRow, MarkRow, CheckpointRow, ActiveRow, KeyRow,
    UserRow, DeviceRow, CursorRow, UserRoomRow, ReadRow, UserMarkRow, SagaRow,
)  # fmt: skip
"""All of them; new ones go to the end, since stored ledgers name them by their place here."""
