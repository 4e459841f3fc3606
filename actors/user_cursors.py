"""How far each device of a user has acknowledged each room, and how far the person has read: hints, kept lazily."""

from __future__ import annotations

from collections.abc import Container

from actors.store.rows import CursorRow, ReadRow, Row
from actors.store.store import Store

QUIET_S = 60.0
"""A mark is asked away after its room has been quiet for so long."""


class Cursors:
    """Positions of one user's devices. Only rooms that were asked for or moved are in memory."""

    def __init__(self, user: str) -> None:
        self._user = user
        self._at: dict[str, dict[str, int]] = {}
        """room -> device -> seq."""
        self._read: dict[str, int] = {}
        self._loaded: set[str] = set()
        self._dirty: dict[tuple[str, str], Row] = {}
        self._quiet_at: dict[str, float] = {}

    async def load(self, store: Store, slot: int, rooms: list[str]) -> None:
        """Read what is stored of these rooms; what is already known and newer stays."""
        missing = [room for room in rooms if room not in self._loaded]
        if not missing:
            return
        cursors, reads = store.cursors(slot, self._user, missing), store.reads(slot, self._user, missing)
        for row in await cursors:
            known = self._at.setdefault(row.room, {})
            known[row.device] = max(known.get(row.device, -1), row.seq)
        for read in await reads:
            self._read[read.room] = max(self._read.get(read.room, 0), read.seq)
        self._loaded.update(missing)

    def of(self, device: str, room: str) -> int:
        """A device's cursor; -1 where it has none."""
        return self._at.get(room, {}).get(device, -1)

    def read_of(self, room: str) -> int:
        """How far the person has read."""
        return self._read.get(room, 0)

    def move(self, device: str, rooms: dict[str, int], now: float, marked: Container[str]) -> None:
        """A device has acknowledged more."""
        for room, seq in rooms.items():
            known = self._at.setdefault(room, {})
            if seq > known.get(device, -1):
                known[device] = seq
                self._dirty["cursor:" + device, room] = CursorRow(self._user, device, room, seq)
            if room in marked:
                self._quiet_at[room] = now + QUIET_S

    def read(self, room: str, seq: int) -> bool:
        """The person has read; False where that was known."""
        if seq <= self._read.get(room, 0):
            return False
        self._read[room] = seq
        self._dirty["read", room] = ReadRow(self._user, room, seq)
        return True

    def take_dirty(self) -> list[Row]:
        """What has to be written."""
        rows, self._dirty = list(self._dirty.values()), {}
        return rows

    def quiet(self, now: float) -> list[str]:
        """Rooms whose quiet minute is over."""
        rooms = [room for room, at in self._quiet_at.items() if at <= now]
        for room in rooms:
            del self._quiet_at[room]
        return rooms

    @property
    def waits(self) -> bool:
        """Whether some room's quiet minute is not over, or something is not written."""
        return bool(self._quiet_at or self._dirty)

    def forget(self, device: str) -> None:
        """A device was logged out."""
        for known in self._at.values():
            known.pop(device, None)
        self._dirty = {key: row for key, row in self._dirty.items() if key[0] != "cursor:" + device}

    def forget_all(self) -> None:
        """All devices were logged out."""
        for device in {device for known in self._at.values() for device in known}:
            self.forget(device)
