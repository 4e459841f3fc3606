"""The `Store` protocol: what the core asks of durable storage.

A store object belongs to one life of one cell and to one loop. Every commit is refused with `Sealed` once that life
is sealed (the fence), whatever a clock says. Promises are settled on the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from actors.runtime.plain import Plain
from actors.runtime.promise import Promise
from actors.store.rows import (
    CheckpointRow,
    CursorRow,
    DeviceRow,
    EntryRow,
    Gone,
    KeyRow,
    MarkRow,
    MemberRow,
    ReadRow,
    RoomRow,
    Row,
    SagaRow,
    UserMarkRow,
    UserRoomRow,
    UserRow,
)


class StoreError(Exception):
    """Base of what a store raises. Expected refusals and failures, never a programming error."""


class Sealed(StoreError):
    """This life may not commit any more (or does not own the slot): drop the actors, ask for the view."""


class Conflict(StoreError):
    """An entry with this (room, seq), or one above it, is already there: the room's picture of itself is old."""


class Unreadable(StoreError):
    """What is stored cannot be read: it was damaged, or its key is gone. Trying again does not help; the text is for operators."""


class StoreUnavailable(StoreError):
    """The store did not take it; surely not done."""


class OutcomeUnknown(StoreError):
    """The store may have taken it. The room must be loaded again before it says anything."""


class Commit(Plain, frozen=True, gc=False):
    """Changes of one address that become durable together or not at all."""

    slot: int
    puts: Sequence[Row] = ()
    """Inserted; `EntryRow` only above the room's head (else `Conflict`), all others replace."""
    gone: Sequence[Gone] = ()
    """Applied before `puts`."""


class RoomState(Plain, frozen=True):
    """All that an activation of a room reads."""

    row: RoomRow
    members: list[MemberRow]
    marks: list[MarkRow]
    checkpoint: CheckpointRow | None
    tail: list[EntryRow]
    """Entries behind the checkpoint, ascending, with empty bodies."""


class UserState(Plain, frozen=True):
    """All that an activation of a user reads."""

    row: UserRow
    devices: list[DeviceRow]
    marks: list[UserMarkRow]


class Store(Protocol):
    """Durable state, as one life of a cell sees it. `S` below is `Promise` of the value named."""

    def commit(self, change: Commit) -> Promise[None]:
        """Make the change durable. Commits of one slot are applied in the order of the calls; calls made in one turn
        share one group commit and one wake-up. Rejects with a `StoreError`; a failed commit fails those of the
        same slot that were queued behind it at that moment, with `StoreUnavailable`: whoever made them did not know."""

    # --- reads: each sees every commit of this life that has settled before the call ---

    def load_room(self, slot: int, room: str) -> Promise[RoomState | None]:
        """The room, or None."""

    def load_user(self, slot: int, user: str) -> Promise[UserState | None]:
        """The user, or None."""

    def entries_after(self, slot: int, room: str, after: int, limit: int) -> Promise[list[EntryRow]]:
        """Entries with seq > `after`, ascending, at most `limit`, bodies opened."""

    def entries_before(self, slot: int, room: str, before: int, limit: int) -> Promise[list[EntryRow]]:
        """The last `limit` entries with seq < `before`, ascending, bodies opened."""

    def heads(self, rooms: Sequence[tuple[int, str]]) -> Promise[dict[str, tuple[int, int]]]:
        """The last (seq, at) of each (slot, room) that has one."""

    def member(self, slot: int, room: str, user: str) -> Promise[MemberRow | None]:
        """One member of a room, or None."""

    def post_key(self, slot: int, room: str, user: str, key: str) -> Promise[KeyRow | None]:
        """What an Idempotency-Key made."""

    def user_rooms(self, slot: int, user: str, rooms: Sequence[str]) -> Promise[list[UserRoomRow]]:
        """The named rooms of a user's list."""

    def user_rooms_since(self, slot: int, user: str, version: int, limit: int) -> Promise[list[UserRoomRow]]:
        """Rows of a user's list with version > `version`, by version, at most `limit`. Uses an index."""

    def user_rooms_page(self, slot: int, user: str, after: str, limit: int) -> Promise[list[UserRoomRow]]:
        """A page of a user's list, by room id, after `after`, without those whose role is ``none``."""

    def reads(self, slot: int, user: str, rooms: Sequence[str]) -> Promise[list[ReadRow]]:
        """How far a person has read the named rooms."""

    def cursors(self, slot: int, user: str, rooms: Sequence[str]) -> Promise[list[CursorRow]]:
        """Where all devices of a user stand in the named rooms."""

    def untold(self, slots: Sequence[int]) -> Promise[list[MarkRow]]:
        """Marks with told = False of all rooms in these slots (for the slots' next owner)."""

    def active(self, slots: Sequence[int]) -> Promise[list[str]]:
        """Rooms with an `ActiveRow` in these slots."""

    def load_saga(self, slot: int, saga: str) -> Promise[SagaRow | None]:
        """A running operation, or None where it has ended or never begun."""

    def sagas(self, slots: Sequence[int]) -> Promise[list[str]]:
        """Operations that run in these slots."""

    def forget_keys(self, before: int) -> Promise[int]:
        """Remove `KeyRow`s older than `before` (milliseconds); returns how many."""

    def info(self) -> dict[str, Any]:
        """Counters for people: commits, rows, group size, last fsync ms, ..."""
