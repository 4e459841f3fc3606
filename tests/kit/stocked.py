"""Rows of rooms that are full before a server starts: loading them takes seconds where posting takes minutes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from actors.numbers import Numbers
from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.store.bulk import bulk_load
from actors.store.rows import CheckpointRow, EntryRow, MarkRow, MemberRow, RoomRow, Row, UserMarkRow, UserRoomRow, UserRow
from actors.store.seal import Sealer
from cluster.bench.seed_rows import START_MS
from cluster.data_folder import open_folder
from cluster.settings import Settings

SlotRow = tuple[int, Row]


def load(data: Path, rows: Iterable[SlotRow]) -> None:
    """Store rows in a folder that was made and is not served."""
    opened = open_folder(Settings(data=data))
    try:
        bulk_load(opened.path, opened.cluster.shards, Sealer(opened.master, opened.cluster), rows)
    finally:
        opened.cluster.close()


def room_slot(room: str) -> int:
    """Where a room's rows are."""
    return slot_of(actor_id("room", room))


def full_room(room: str, members: Sequence[str], length: int, *, marked: Iterable[str] = ()) -> Iterator[SlotRow]:
    """A room of at most 256 members with `length` entries, summed up; these users have a mark that they know of."""
    slot, owner = room_slot(room), members[0]
    yield slot, RoomRow(room, "room", f"Room {room}", "", False, START_MS, owner, len(members) > 256)
    for user in members:
        yield slot, MemberRow(room, user, "owner" if user == owner else "member", user, 1, START_MS)
    yield slot, EntryRow(room, 1, START_MS, owner, "", 0, "", "create", "{}")
    for seq in range(2, length + 1):
        yield slot, EntryRow(room, seq, START_MS + seq, owner, "", 0, "", "text", f"message {seq} " + "." * 80)
    yield slot, CheckpointRow(room, length, length, Numbers().encode())
    for user in marked:
        yield slot, MarkRow(room, user, length, True, True)


def list_of_rooms(user: str, rooms: Sequence[str], *, marked: Iterable[str] = ()) -> Iterator[SlotRow]:
    """An account's list of rooms of which it is a member, and its marks."""
    slot = slot_of(actor_id("user", user))
    yield slot, UserRow(user, user, "", START_MS, version=len(rooms))
    for version, room in enumerate(rooms, start=1):
        yield slot, UserRoomRow(user, room, version, "room", "member", f"Room {room}", "", False, "", "", False, 1, 1)
    for room in marked:
        yield slot, UserMarkRow(user, room, 2)
