"""Bugs of posts by key, each a small function that plants one: see `planting`."""

from __future__ import annotations

from actors.messages.room import KeyedPost, Stored
from actors.room_log import RoomLog
from actors.store.rows import EntryRow, KeyRow
from actors.store.store import Commit
from tests.simulation.planting import Patch, planted


@planted
def a_key_is_not_looked_up(patch: Patch) -> None:
    """A repeat by key is a new post."""

    async def nothing(self: RoomLog, request: KeyedPost) -> Stored | None:
        return None

    patch.setattr(RoomLog, "find_key", nothing)


@planted
def a_key_is_kept_in_memory_alone(patch: Patch) -> None:
    """The room remembers keys as long as it lives, and writes none down."""
    known: dict[tuple[int, str], Stored] = {}
    commit = RoomLog.commit

    def key_row(self: RoomLog, request: KeyedPost, row: EntryRow) -> KeyRow:
        known[id(self), request.key] = Stored(row.seq, row.at)
        return KeyRow(self.room, request.by, request.key, row.seq, row.at, b"")

    async def find_key(self: RoomLog, request: KeyedPost) -> Stored | None:
        return known.get((id(self), request.key))

    def without_keys(self: RoomLog, drafts, marks, extra=(), gone=()) -> Commit:  # type: ignore[no-untyped-def]
        return commit(self, drafts, marks, [row for row in extra if not isinstance(row, KeyRow)], gone)

    patch.setattr(RoomLog, "key_row", key_row)
    patch.setattr(RoomLog, "find_key", find_key)
    patch.setattr(RoomLog, "commit", without_keys)
