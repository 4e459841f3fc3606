"""Rows of some rooms and accounts that fit each other, with a bit of everything, at the slots where a server has them."""

from __future__ import annotations

from collections.abc import Iterator

from actors.numbers import Numbers
from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.store.rows import (
    ActiveRow,
    CheckpointRow,
    CursorRow,
    DeviceRow,
    EntryRow,
    KeyRow,
    MarkRow,
    MemberRow,
    ReadRow,
    RoomRow,
    Row,
    UserMarkRow,
    UserRoomRow,
    UserRow,
)

AT = 1_700_000_000_000
USERS = ("ann", "bob", "eve")
ROOMS = tuple(f"rwg7d4coi4oujl7osc{number:03d}" for number in range(7))
TELLING = "a telling text"
"""In the body of every message."""
SlotRow = tuple[int, Row]


def room_slot(room: str) -> int:
    """Where a room's rows are."""
    return slot_of(actor_id("room", room))


def user_slot(user: str) -> int:
    """Where an account's rows are."""
    return slot_of(actor_id("user", user))


def entries(room: str, length: int, first: int = 1) -> list[EntryRow]:
    """Messages, whose numbers are those of one device."""
    return [
        EntryRow(room, seq, AT + seq, "ann", "dev00001", seq, f"id-{seq:06d}", "text", f"{TELLING} {room} {seq}")
        for seq in range(first, first + length)
    ]


def room_rows(room: str, length: int) -> Iterator[SlotRow]:
    """A room with so many messages, half of which are summed up."""
    slot, summed = room_slot(room), length // 2
    yield slot, RoomRow(room, "room", f"Room {room}", "about tea", False, AT, "ann", False)
    for user in USERS:
        yield slot, MemberRow(room, user, "owner" if user == "ann" else "member", user.title(), 1, AT)
    for entry in entries(room, length):
        yield slot, entry
    numbers = Numbers()
    for seq in range(1, summed + 1):
        numbers.of("dev00001").add(seq, seq, f"id-{seq:06d}")
    yield slot, CheckpointRow(room, summed, summed, numbers.encode())
    yield slot, ActiveRow(room, slot)
    yield slot, MarkRow(room, "bob", max(1, length - 1), False, True)
    yield slot, MarkRow(room, "eve", 1, True, True)
    yield slot, KeyRow(room, "eve", "key-0000", 1, AT, b"d" * 32)


def user_rows(user: str) -> Iterator[SlotRow]:
    """An account that is in all rooms."""
    slot = user_slot(user)
    yield slot, UserRow(user, user.title(), "$argon2id$", AT, version=len(ROOMS))
    yield slot, DeviceRow(user, f"{user}-dev", "Laptop", AT, AT, b"t" * 32, AT, b"r" * 32, AT)
    for version, room in enumerate(ROOMS, start=1):
        yield slot, UserRoomRow(user, room, version, "room", "member", f"Room {room}", "about tea", False, "", "", False, 1, 1)
        yield slot, CursorRow(user, f"{user}-dev", room, 1)
        yield slot, ReadRow(user, room, 1)
    yield slot, UserMarkRow(user, ROOMS[0], 1)


def all_rows(lengths: tuple[int, ...] = (1, 2, 64, 65, 130, 300, 5)) -> Iterator[SlotRow]:
    """Everything."""
    for room, length in zip(ROOMS, lengths, strict=True):
        yield from room_rows(room, length)
    for user in USERS:
        yield from user_rows(user)
