"""The files of a data folder as an archive: every shard, and the rooms that have a file of their own."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from actors.store.archive import KINDS, Owner, Piece, at_home, in_pieces, kinds_of
from actors.store.bulk import bulk_load
from actors.store.rows import ROWS, EntryRow
from actors.store.seal import Sealer
from actors.store.seats import Seat, seats_in
from actors.store.shard_file import ShardFile
from actors.store.shards import shard_of, shard_path

MOST_OPEN = 4


class SqliteArchive:
    """Implements `Archive`."""

    def __init__(self, folder: Path, shards: int, sealer: Sealer) -> None:
        """`shards`: how many the folder was made with."""
        self._folder = folder
        self._shards = shards
        self._sealer = sealer
        self._open: dict[Path, ShardFile] = {}
        self._seats: dict[str, Seat] | None = None

    def close(self) -> None:
        """Close the files."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    def owners(self, after: Owner | None = None) -> Iterator[Owner]:
        """See `Archive`."""
        for kind in KINDS:
            for part in range(self._shards):
                if after is None or (kind, part) >= after[:2]:
                    found = (Owner(kind, part, id) for id in self._ids(kind, part))
                    yield from (owner for owner in found if after is None or owner > after)

    def pieces(self, owner: Owner) -> Iterator[Piece]:
        """See `Archive`."""
        file = self._file_of(owner)
        rows = at_home(owner, chain.from_iterable(file.rows(kind, owner.id) for kind in kinds_of(owner.kind)))
        if rows:
            yield rows
        if owner.kind == "room":
            yield from in_pieces(owner, file.entries(owner.id))

    def put(self, pieces: Sequence[Piece], attempt: int) -> None:
        """See `Archive`."""
        self.close()  # what was read before is not what is there now
        bulk_load(self._folder, self._shards, self._sealer, chain.from_iterable(pieces))

    def weight(self) -> int:
        """See `Archive`."""
        tables = [kind.table for kind in ROWS if kind is not EntryRow]
        count = 0
        for path in chain(
            (shard_path(self._folder, part) for part in range(self._shards)), (seat.path for seat in self._seated().values())
        ):
            file = self._file(path)
            count += file.entry_count() + sum(map(file.count, tables))
        return count

    # --- inside ---

    def _ids(self, kind: str, part: int) -> Iterable[str]:
        path = shard_path(self._folder, part)
        if kind == "saga":
            return self._file(path).sagas()
        if kind == "user":
            return self._file(path).users()
        seated = self._seated()
        own = sorted(room for room in seated if shard_of(Owner("room", part, room).slot, self._shards) == part)
        here = (room for room in self._file(path).rooms() if room not in seated)
        return heapq.merge(here, own)

    def _file_of(self, owner: Owner) -> ShardFile:
        seat = self._seated().get(owner.id) if owner.kind == "room" else None
        return self._file(seat.path if seat is not None else shard_path(self._folder, shard_of(owner.slot, self._shards)))

    def _seated(self) -> dict[str, Seat]:
        """Rooms whose rows are in a file of their own: what their shard still has of them is old."""
        if self._seats is None:
            found: dict[str, Seat] = {}
            for seat in sorted(seats_in(self._folder), key=lambda seat: seat.since):
                home = self._file(shard_path(self._folder, shard_of(Owner("room", 0, seat.room).slot, self._shards)))
                if not home.connection.execute("SELECT 1 FROM sealed_lives WHERE life = ?", (seat.mark,)).fetchone():
                    found[seat.room] = seat
            self._seats = found
        return self._seats

    def _file(self, path: Path) -> ShardFile:
        file = self._open.pop(path, None)
        if file is None:
            while len(self._open) >= MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
            file = ShardFile(path, self._sealer)
        self._open[path] = file  # the last one that was used goes last
        return file
