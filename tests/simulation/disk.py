"""What outlives every process of a simulation: the shards with their fence, the row of the view, the lease.

A shard names its owner; a commit of anybody else is refused, in the same step. What was written is lost with its machine
unless it was synced. Sealing a life is one step, and whatever that life had written by then stays.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from actors.store.shards import NotReleased, shard_of
from actors.store.store import Commit, Conflict, Sealed
from cluster.registry import Lease
from tests.kit.memory import MemoryDisk, Undo
from tests.simulation.seat_files import SeatFile, SeatFiles

LEDGER = 8
"""Commits of a life that are at most in its ledger alone."""


class Written:
    """A commit that was carried out, and how it is taken back."""

    def __init__(self, rows: MemoryDisk, change: Commit) -> None:
        self.rows = rows
        """Those of the shards, or those of a seat."""
        self.change = change
        self.undo: Undo = rows.apply(change)

    def take_back(self) -> None:
        """It was never there."""
        self.rows.undo(self.undo)


class Stale(NamedTuple):
    """A commit that was carried out though its life did not own the shard."""

    life: str
    commit: Commit


class Disk:
    """Belongs to the world; processes reach it by their stores."""

    def __init__(self, rows: MemoryDisk, shards: int) -> None:
        self.rows = rows
        self.shards = shards
        self.seats = SeatFiles(self)
        self.owners = [""] * shards
        self.sealed: set[str] = set()
        self.ended: Container[str] = self.sealed
        """Lives that can commit nothing any more."""
        self.stale: list[Stale] = []
        self.lost_in_drain = 0
        """Commits of the dead whose place somebody else had taken: none, unless something opened too early."""
        self.view: tuple[int, bytes] = (0, b"")
        self.views: list[bytes] = []
        """All that were ever stored."""
        self.lease = Lease()
        self.on_write: Callable[[str, Commit], None] | None = None
        """Called with each commit that was written."""
        self.undrained: dict[str, list[tuple[MemoryDisk, Commit]]] = {}
        """Of sealed lives: commits that are only in their ledger."""
        self._unsynced: dict[str, list[Written]] = {}
        # The last commits of each life, newest last: those that are still in its ledger alone.
        self._ledgers: dict[str, list[Written]] = {}

    # --- commits ---

    def check(self, life: str, shard: int, seat: SeatFile | None = None) -> None:
        """The fence. Raises `Sealed`."""
        if not self._owns(life, shard, seat):
            raise Sealed(f"life {life} does not own shard {shard}")

    def write(self, life: str, change: Commit, seat: SeatFile | None = None) -> None:
        """Carry out a commit, fence and change in one step. `seat`: the file that this life has open. Raises `Sealed`, `Conflict`."""
        shard = shard_of(change.slot, self.shards)
        self.check(life, shard, seat)
        if not self._owns(life, shard, seat):  # never, unless the fence was taken away on purpose
            self.stale.append(Stale(life, change))
        written = Written(self.rows if seat is None else seat.rows, change)
        self._unsynced.setdefault(life, []).append(written)
        ledger = self._ledgers.setdefault(life, [])
        ledger.append(written)
        if len(ledger) > LEDGER:
            del ledger[: LEDGER // 2]
        if self.on_write is not None:
            self.on_write(life, change)

    def _owns(self, life: str, shard: int, seat: SeatFile | None) -> bool:
        if seat is not None:
            return seat.owner == life and life not in seat.sealed
        return life not in self.sealed and shard < self.shards and self.owners[shard] == life

    def sync(self, life: str) -> None:
        """Everything that this life has written is durable."""
        self._unsynced.pop(life, None)

    def lose_unsynced(self, life: str) -> int:
        """The machine lost its power: what was not synced was never there. Returns how many commits that were."""
        lost = self._unsynced.pop(life, [])
        for written in reversed(lost):
            written.take_back()
        ledger = self._ledgers.get(life, [])
        del ledger[max(0, len(ledger) - len(lost)) :]
        return len(lost)

    # --- ownership ---

    def fold(self, life: str) -> None:
        """Everything that this life has written is durable, and where everybody reads."""
        self.sync(life)
        self._ledgers.pop(life, None)

    def take(self, life: str, shard: int) -> SeatFile | None:
        """Make a life the owner of a shard, or of a seat's file, which is returned. Raises `Sealed`, `NotReleased`."""
        if shard >= self.shards:
            seat = self.seats.find(shard - self.shards)
            self.seats.take_back(life, seat)
            self.drain()
            return seat
        if life in self.sealed:
            raise Sealed(f"life {life} is sealed")
        if self.owners[shard] not in ("", life):
            raise NotReleased(f"life {self.owners[shard]} owns shard {shard}")
        self.drain()
        self.owners[shard] = life
        return None

    def release(self, life: str, shard: int, seat: SeatFile | None = None) -> None:
        """Nobody owns the shard any more, where that life did."""
        if not self._owns(life, shard, seat):
            return
        self.fold(life)
        if seat is not None:
            seat.owner = ""
        else:
            self.owners[shard] = ""

    def seal(self, life: str) -> None:
        """No commit of that life succeeds from now on; it is written behind what that life wrote, and synced with it.

        What is only in its ledger cannot be read by others until it is drained.
        """
        if life in self.sealed:
            return
        self.sync(life)
        self.sealed.add(life)
        self.owners = ["" if owner == life else owner for owner in self.owners]
        self.seats.seal(life)
        ledger = self._ledgers.pop(life, [])
        for written in reversed(ledger):
            written.take_back()
        self.undrained[life] = [(written.rows, written.change) for written in ledger]

    @contextmanager
    def seen_by(self, life: str) -> Iterator[None]:
        """Rows as that life reads them: without what is not synced, and with what is only in its own ledger."""
        hidden = self._unsynced.get(life, ())
        for written in reversed(hidden):
            written.take_back()
        undos: list[tuple[MemoryDisk, Undo]] = []
        for rows, change in self.undrained.get(life, ()):
            with suppress(Conflict):  # somebody has its place already: `drain` counts that
                undos.append((rows, rows.apply(change)))
        try:
            yield
        finally:
            for rows, undo in reversed(undos):
                rows.undo(undo)
            for written in hidden:
                with suppress(Conflict):
                    written.undo = written.rows.apply(written.change)

    def drain(self) -> None:
        """What sealed lives have committed goes where everybody reads."""
        for changes in self.undrained.values():
            for rows, change in changes:
                self._drained(rows, change)
        self.undrained.clear()

    def _drained(self, rows: MemoryDisk, change: Commit) -> None:
        try:
            rows.apply(change)
        except Conflict:
            self.lost_in_drain += 1

    # --- the view ---

    def change_view(self, expected: int, data: bytes) -> bool:
        """Store the next view, if the stored one is still `expected`."""
        if self.view[0] != expected:
            return False
        self.view = (expected + 1, data)
        self.views.append(data)
        return True

    def change_lease(self, before: Lease, after: Lease) -> bool:
        """Store the next lease, if the stored one is still this."""
        if self.lease != before:
            return False
        self.lease = after
        return True
