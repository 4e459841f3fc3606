"""Rooms of one shard that change files, in bounded steps between its commits: into a seat's file, and back.

    in    fold ── copy, piece by piece, while the room goes on ──> the rest, sealed lives, name ──> clear what the shard still has
    out   nobody owns the seat: fold ── clear ── copy, piece by piece ──> mark ──> remove the file

All of it belongs to the writer's thread. A step that fails leaves nothing that the next attempt could not begin anew over.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from actors.store.batcher import Pending
from actors.store.opening import explain
from actors.store.room_copy import clear_piece
from actors.store.seal import Sealer
from actors.store.seats import FOLD_ENTRIES, Seat, SeatFill, SeatReturn, remove, scratch_in
from actors.store.store import StoreUnavailable

if TYPE_CHECKING:
    from actors.store.sqlite_writer import ShardWriter


class SeatMoves:
    """Of one shard, which `writer` holds for its life."""

    def __init__(self, writer: ShardWriter, sealer: Sealer) -> None:
        self._writer = writer
        self._sealer = sealer
        self._fills: dict[Seat, SeatFill] = {}
        self._returns: dict[Seat, SeatReturn] = {}

    def written(self, accepted: Sequence[Pending]) -> None:
        """These commits are durable: what they wrote of rooms that are being copied has to be copied again."""
        for fill in self._fills.values():
            for pending in accepted:
                for table, _, values in pending.operations:
                    fill.copy.note(table, values)

    def forget(self) -> None:
        """It is not known what was written: every copy begins anew."""
        for fill in self._fills.values():
            fill.close()
        for other in self._returns.values():
            other.close()
        self._fills.clear()
        self._returns.clear()

    # --- into a seat ---

    def copy(self, seat: Seat, slot: int) -> bool:
        """One step, while the room goes on: True where only little is left for `fill`."""
        if seat.path.exists():
            return True
        if self._writer.fold(FOLD_ENTRIES, least=FOLD_ENTRIES):
            return False
        with self._begun_anew():
            return self._fill(seat, slot).step(self._writer.connection)

    def fill(self, seat: Seat, slot: int) -> None:
        """The last step, all that is left of it; no actor of the room lives. Safe to repeat."""
        if seat.path.exists():
            return
        with self._begun_anew():
            fill = self._fill(seat, slot)
            self._writer.alone(lambda shard: self._finish(shard, fill), folds_all=True)
            del self._fills[seat]

    def tidy(self, seat: Seat) -> bool:
        """One step of taking away what the shard still holds of a room that is in its seat; True where nothing is left."""
        return not seat.path.exists() or self._writer.alone(lambda shard: clear_piece(shard, seat.room))

    def _fill(self, seat: Seat, slot: int) -> SeatFill:
        fill = self._fills.get(seat)
        if fill is None:
            fill = self._fills[seat] = SeatFill(seat, self._writer.life, slot, self._sealer)
        return fill

    def _finish(self, shard: sqlite3.Connection, fill: SeatFill) -> None:
        fill.finish(shard)
        clear_piece(shard, fill.seat.room)  # those first that name the slot

    # --- and back ---

    def bring_back(self, seat: Seat, slot: int) -> bool:
        """One step; True where all rows are in the shard again and the file is away. Nobody owns the seat, and no actor of the room lives."""
        with self._begun_anew():
            if not self._bring_back(seat, slot):
                return False
            back = self._returns.pop(seat, None)
            if back is not None:
                back.close()
            remove(seat.path)
        return True

    def clean(self, seats: Collection[Seat]) -> None:
        """These are not wanted: what was begun for them goes."""
        for seat in seats:
            fill = self._fills.pop(seat, None)
            if fill is not None:
                fill.close()
            for other, path in scratch_in(seat.folder):
                if other == seat:
                    path.unlink(missing_ok=True)

    @contextmanager
    def _begun_anew(self) -> Iterator[None]:
        """What fails here is told as a `StoreError`, and all copies begin anew after it."""
        try:
            yield
        except BaseException as error:
            self.forget()
            if isinstance(error, sqlite3.Error):
                raise explain(error, self._writer.path) from error
            if isinstance(error, OSError):
                raise StoreUnavailable(f"{self._writer.path.name}: {error}") from error
            raise

    def _bring_back(self, seat: Seat, slot: int) -> bool:
        writer = self._writer
        if writer.alone(lambda shard: shard.execute("SELECT 1 FROM sealed_lives WHERE life = ?", (seat.mark,)).fetchone() is not None):
            return True
        back = self._returns.get(seat)
        if back is None:
            # What a death has left of the room here must be gone first, in the ledger too.
            if writer.ledger.rows(seat.room):
                writer.fold(FOLD_ENTRIES, least=1)
            elif writer.alone(lambda shard: clear_piece(shard, seat.room)):
                self._returns[seat] = SeatReturn(seat, writer.life, slot, self._sealer)
            return False
        if not back.fold():
            return False
        if not back.is_done:
            writer.alone(back.step)
            return False
        writer.alone(lambda shard: shard.execute("INSERT INTO sealed_lives VALUES (?)", (seat.mark,)))
        writer.ledger.forget_head(seat.room)
        return True
