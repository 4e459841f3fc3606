"""The place in which every store is tested, and rows to store there."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from actors.runtime.promise import Promise
from actors.store.rows import (
    DeviceRow,
    EntryRow,
    Gone,
    MarkRow,
    MemberRow,
    RoomRow,
    Row,
    UserRoomRow,
    UserRow,
)
from actors.store.store import Commit, Store

T = TypeVar("T")
ROOM, SLOT = "rwg7d4coi4oujl7oscbqc", 17
USER, USER_SLOT = "ann", 4000
AT = 1_700_000_000_000
"""Entry `seq` was made at `AT` + `seq`."""


class Lab(Protocol):
    """A place where stores of several lives share one disk."""

    def store(self, life: str = "a") -> Store:
        """A store of a new life that owns every slot (the lives before it must be sealed or closed)."""

    def seal(self, life: str) -> None:
        """Seal a life, from outside."""

    def wait(self, promise: Promise[T]) -> T:
        """The promise's value or exception."""

    def settle(self, *promises: Promise[Any]) -> list[BaseException | None]:
        """Wait for all; the error of each, or None."""


def entry(seq: int, body: str = "hello", room: str = ROOM, **changes: Any) -> EntryRow:
    fields: dict[str, Any] = {"at": AT + seq, "user": USER, "device": "dev00001", "n": seq, "id": f"id-{seq:06d}", "kind": "text"} | changes
    return EntryRow(room=room, seq=seq, body=body, **fields)


def room_row(room: str = ROOM, **changes: Any) -> RoomRow:
    fields: dict[str, Any] = {"kind": "room", "name": "Tea", "topic": "", "public": True, "created_at": 5, "creator": USER, "large": False}
    return RoomRow(room=room, **(fields | changes))


def member(user: str, room: str = ROOM) -> MemberRow:
    return MemberRow(room=room, user=user, role="member", display=user.title(), first=1, joined_at=7)


def mark(user: str, *, told: bool = False, room: str = ROOM, seq: int = 1) -> MarkRow:
    return MarkRow(room=room, user=user, seq=seq, told=told, member=True)


def user_row(**changes: Any) -> UserRow:
    fields: dict[str, Any] = {"user": USER, "display": "Ann", "password": "$argon2id$x", "created_at": 9}
    return UserRow(**(fields | changes))


def device(name: str) -> DeviceRow:
    return DeviceRow(USER, name, "Phone", 1, 2, b"\x00\xfftoken", 3, b"refresh", 4)


def listed(room: str, version: int, role: str = "member", user: str = USER) -> UserRoomRow:
    return UserRoomRow(user, room, version, "room", role, f"Room {room}", "", False, "", "", False, 1, version)


def put(lab: Lab, store: Store, *rows: Row, slot: int = SLOT, gone: tuple[Gone, ...] = ()) -> None:
    lab.wait(store.commit(Commit(slot, rows, gone)))


def all_entries(lab: Lab, store: Store, room: str = ROOM, slot: int = SLOT) -> list[EntryRow]:
    return lab.wait(store.entries_after(slot, room, 0, 1_000_000))
