"""Files of seated rooms on the simulated disk: rows of their own, an owner and a fence of their own, named by one use of a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from actors.runtime.actor import actor_id
from actors.runtime.ring import SLOTS, slot_of
from actors.store.room_copy import ROOM_KEYS
from actors.store.rows import ActiveRow
from actors.store.shards import NotReleased, shard_of
from actors.store.store import Sealed
from tests.kit.memory import MemoryDisk

if TYPE_CHECKING:
    from tests.simulation.disk import Disk

Use = tuple[int, int]
"""(number, since)."""


class SeatFile:
    """One use of one seat. Whoever has it open keeps it, also when its name is gone."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.rows = MemoryDisk()
        self.owner = ""
        self.sealed: set[str] = set()


class SeatFiles:
    """All of one disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.files: dict[Use, SeatFile] = {}
        self.done: set[Use] = set()
        """Marks in the shards: the rows of these are back."""

    def name(self, use: Use) -> Use:
        """What the file of a use is called."""
        return use

    def find(self, number: int) -> SeatFile:
        """The file of a seat. Raises `NotReleased` where it is not filled."""
        uses = [use for use in self.files if use[0] == number]
        if not uses:
            raise NotReleased(f"seat {number} is not filled yet")
        return self.files[max(uses)]

    def of(self, room: str) -> MemoryDisk:
        """Where the rows of a room are."""
        found = [file for use, file in self.files.items() if file.room == room and use not in self.done]
        return found[-1].rows if found else self._disk.rows

    def seal(self, life: str) -> None:
        """No commit of that life succeeds in any file that there is."""
        for file in self.files.values():
            file.sealed.add(life)
            file.owner = "" if file.owner == life else file.owner

    # --- what the owner of the hash bucket does ---

    def check(self, life: str, room: str) -> None:
        """Only the owner of a room's shard moves its rows. Raises `Sealed`."""
        self._disk.check(life, shard_of(slot_of(actor_id("room", room)), self._disk.shards))

    def is_filled(self, use: Use) -> bool:
        """Whether the file is there."""
        return self.name(use) in self.files

    def fill(self, life: str, use: Use, room: str) -> None:
        """The file is there, with all rows and all lives that are sealed; in one durable step of the shard."""
        self.check(life, room)
        if self.is_filled(use):
            return
        self._disk.fold(life)
        file = SeatFile(room)
        file.sealed = self.sealed_lives()
        copy_room(self._disk.rows, file.rows, room, SLOTS + use[0])
        for table in ("marks", "active"):
            self._disk.rows.tables.get(table, {}).pop(room, None)
        self.files[self.name(use)] = file

    def sealed_lives(self) -> set[str]:
        """What a new file knows of the sealed."""
        return set(self._disk.sealed)

    def over(self, shard: int, taken: frozenset[Use]) -> list[Use]:
        """Files of this shard's rooms that are not wanted any more."""
        home = {use: shard_of(slot_of(actor_id("room", file.room)), self._disk.shards) for use, file in self.files.items()}
        return [use for use in sorted(self.files) if home[use] == shard and use not in {self.name(other) for other in taken}]

    def bring_back(self, life: str, use: Use) -> None:
        """The rows replace what the shard still has, and the shard remembers it, in one durable step. The file stays."""
        file = self.files[use]
        self.check(life, file.room)
        if use in self.done:
            return
        self.take_back(life, file)
        self._disk.drain()
        self._disk.fold(life)
        copy_room(file.rows, self._disk.rows, file.room, slot_of(actor_id("room", file.room)))
        self.done.add(use)

    def take_back(self, life: str, file: SeatFile) -> None:
        """Nobody else may own the file. Raises `NotReleased`, `Sealed`."""
        if life in file.sealed:
            raise Sealed(f"life {life} is sealed")
        if file.owner not in ("", life):
            raise NotReleased(f"life {file.owner} owns the seat of {file.room}")
        file.owner = life

    def remove(self, use: Use) -> None:
        """The name goes: nothing asks whose it is."""
        self.files.pop(use, None)


def copy_room(source: MemoryDisk, target: MemoryDisk, room: str, slot: int) -> None:
    """All rows of a room, in place of those that are there."""
    for table in ROOM_KEYS:
        rows = source.tables.get(table, {}).get(room, {})
        moved = {
            key: (slot, msgspec.structs.replace(row, slot=slot) if isinstance(row, ActiveRow) else row) for key, (_, row) in rows.items()
        }
        target.tables.setdefault(table, {})[room] = moved
