"""The embedded store: one life's view of the shard files that it owns.

loop                     writer's thread                         reader's thread
commit -> encode, seal
end of turn: group ----> one transaction a shard, synced
settle, in order <------ one wake-up
read ----------------------------------------------------------> own connections, snapshot
settle <-------------------------------------------------------- one wake-up for all that is ready
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from actors.runtime.actor import actor_id
from actors.runtime.promise import Promise, rejected
from actors.runtime.ring import slot_of
from actors.store.batcher import Batcher, Operation, Pending, Soon, Wake
from actors.store.checkpoints import EVERY_PAGES, Checkpointer
from actors.store.reader import Reader
from actors.store.resealing import BEGIN, Place
from actors.store.rows import CursorRow, EntryRow, KeyRow, MarkRow, MemberRow, ReadRow, SagaRow, UserRoomRow
from actors.store.schema import check_gone, table_of
from actors.store.seal import Sealer
from actors.store.seats import Seat, find_seat, scratch_in, seats_in
from actors.store.shards import SLOTS, NotReleased, shard_of, shard_path
from actors.store.sqlite_reads import ShardReader
from actors.store.sqlite_writer import ShardWriter
from actors.store.store import Commit, RoomState, Sealed, StoreError, StoreUnavailable, UserState

T = TypeVar("T")
OPERATION_BYTES = 300
"""What an encoded row other than an entry weighs, roughly: for the bound on what waits."""
ENTRY_BYTES = 150
"""The same of an entry, without its body."""


class Shard:
    """An open shard: its writer and its reader."""

    __slots__ = ("reader", "writer")

    def __init__(self, writer: ShardWriter, reader: ShardReader) -> None:
        self.writer = writer
        self.reader = reader


class SqliteStore:
    """Implements `Store` on shard files. Belongs to one loop; commits and reads only the shards that it has taken."""

    def __init__(self, folder: Path, shards: int, life: str, sealer: Sealer, soon: Soon, wake: Wake) -> None:
        """`shards` is how many files the folder was made with; `soon` and `wake` are the loop's (see `batcher`). Raises `StoreError`
        where no data key can be kept."""
        self.folder = folder
        self.shards = shards
        self.life = life
        self._sealer = sealer
        # So that no post ever waits for a new data key.
        sealer.prepare()
        self._writers_sealer = sealer.for_another_thread()
        self._writers_sealer.prepare()
        # Changed by the writer's thread alone, in single steps.
        self._open: dict[int, Shard] = {}
        self._resealed: dict[int, tuple[ShardWriter, Place]] = {}
        """Shard -> its writer, and how far its rows are sealed anew."""
        self._batcher = Batcher(self._write, soon, wake, name=life)
        self._reader = Reader(wake, name=life)
        self._checkpointer = Checkpointer(name=life)
        self._closed = False

    # --- ownership ---

    def take_shard(self, shard: int) -> Promise[None]:
        """Own a shard. Rejects with `Sealed`, `NotReleased` (seal its owner first), `CannotOpen`. Safe to repeat."""
        return self._batcher.run(partial(self._take, shard))

    def release_shard(self, shard: int) -> Promise[None]:
        """Own it no longer, after all commits made before this call. Safe to repeat."""
        return self._batcher.run(partial(self._release, shard))

    def copy_seat(self, number: int, room: str, since: int) -> Promise[bool]:
        """One bounded step of copying a room's rows from its shard, which is this life's, into its seat's file, while the room goes on.
        True where only little is left for `fill_seat`."""
        return self._batcher.run(partial(self._copy_seat, number, room, since))

    def fill_seat(self, number: int, room: str, since: int) -> Promise[None]:
        """The last step: the seat's file is there. No actor of the room may live. Safe to repeat."""
        return self._batcher.run(partial(self._fill_seat, number, room, since))

    def tidy_seat(self, number: int, room: str, since: int) -> Promise[bool]:
        """One bounded step of clearing what the shard still holds of a room in its seat; True where nothing is left."""
        return self._batcher.run(partial(self._tidy_seat, number, room, since))

    def empty_seats(self, shard: int, taken: Collection[tuple[int, int]]) -> Promise[bool]:
        """One bounded step of taking the rows of this shard's rooms back from seats whose use (number, since) is not `taken` any more.
        True where nothing is left of them; no actor of these rooms may live until then."""
        return self._batcher.run(partial(self._empty_seats, shard, frozenset(taken)))

    def renew_keys(self) -> Promise[None]:
        """Settled when everything that is sealed from then on is sealed with data keys that were drawn after this call."""
        return self._batcher.run(self._renew_keys)

    def reseal(self, shard: int, old: frozenset[int]) -> Promise[tuple[bool, int]]:
        """One bounded step of sealing a shard's rows anew that are under one of these keys; whether it was the last step, and how many rows it
        changed. A shard that was not owned all the time begins anew."""
        return self._batcher.run(partial(self._reseal, shard, old))

    def owned(self) -> list[int]:
        """The shards that this life has taken."""
        return sorted(self._open)

    def work(self) -> dict[int, int]:
        """Rows ever committed here, by shard, for those that are owned now."""
        return {number: shard.writer.rows for number, shard in list(self._open.items())}

    def queued(self) -> int:
        """Commits that wait."""
        return self._batcher.queued()

    def close(self) -> None:
        """Write what waits, end the threads, close the files; ownership stays as it is. Blocks for a commit at most."""
        if self._closed:
            return
        self._closed = True
        self._batcher.close()
        self._reader.close()
        self._checkpointer.close()
        for shard in self._open.values():
            shard.reader.close()
            shard.writer.close()
        self._open.clear()

    # --- commits ---

    def commit(self, change: Commit) -> Promise[None]:
        """See `Store.commit`. Raises `ValueError` for a row that can never be stored (no Unicode, a `Gone` of no table)."""
        slot = change.slot
        shard = slot * self.shards >> 12 if slot < SLOTS else self.shards + slot - SLOTS
        if shard not in self._open:
            return rejected(Sealed(f"life {self.life} does not own the shard of slot {slot}"))
        try:
            return self._batcher.submit(self._encode(change, slot, shard))
        except StoreError as error:
            # No new data key could be kept: nothing can be sealed, so nothing is stored.
            return rejected(error)

    def _encode(self, change: Commit, slot: int, shard: int) -> Pending:
        sealer = self._sealer
        entries: list[EntryRow] = []
        operations: list[Operation] = []
        size = 0
        forgets = False
        for gone in change.gone:
            operations.append((gone.table, check_gone(gone), gone.key))
            forgets = forgets or gone.table == EntryRow.table
        for row in change.puts:
            if type(row) is EntryRow:
                body = row.body
                if not body.isascii():
                    body.encode()  # raises where it can never be stored
                entries.append(row)
                size += ENTRY_BYTES + len(body)
            else:
                table = table_of(type(row))
                operations.append((table.name, table.put, table.values(row, slot, sealer)))
        return Pending(slot, shard, entries, operations, size + OPERATION_BYTES * len(operations), forgets)

    # --- reads ---

    def load_room(self, slot: int, room: str) -> Promise[RoomState | None]:
        """See `Store.load_room`."""
        return self._read(slot, lambda shard: shard.load_room(room))

    def load_user(self, slot: int, user: str) -> Promise[UserState | None]:
        """See `Store.load_user`."""
        return self._read(slot, lambda shard: shard.load_user(user))

    def entries_after(self, slot: int, room: str, after: int, limit: int) -> Promise[list[EntryRow]]:
        """See `Store.entries_after`."""
        return self._read(slot, lambda shard: shard.entries_after(room, after, limit), short=False)

    def entries_before(self, slot: int, room: str, before: int, limit: int) -> Promise[list[EntryRow]]:
        """See `Store.entries_before`."""
        return self._read(slot, lambda shard: shard.entries_before(room, before, limit), short=False)

    def heads(self, rooms: Sequence[tuple[int, str]]) -> Promise[dict[str, tuple[int, int]]]:
        """See `Store.heads`. One statement a shard."""
        wanted: dict[int, list[str]] = {}
        for slot, room in rooms:
            wanted.setdefault(shard_of(slot, self.shards), []).append(room)
        return self._read_shards(wanted, lambda shard, names: shard.heads(names), _merge)

    def member(self, slot: int, room: str, user: str) -> Promise[MemberRow | None]:
        """See `Store.member`."""
        return self._read(slot, lambda shard: shard.member(room, user))

    def post_key(self, slot: int, room: str, user: str, key: str) -> Promise[KeyRow | None]:
        """See `Store.post_key`."""
        return self._read(slot, lambda shard: shard.post_key(room, user, key))

    def user_rooms(self, slot: int, user: str, rooms: Sequence[str]) -> Promise[list[UserRoomRow]]:
        """See `Store.user_rooms`."""
        return self._read(slot, lambda shard: shard.user_rooms(user, rooms))

    def user_rooms_since(self, slot: int, user: str, version: int, limit: int) -> Promise[list[UserRoomRow]]:
        """See `Store.user_rooms_since`."""
        return self._read(slot, lambda shard: shard.user_rooms_since(user, version, limit))

    def user_rooms_page(self, slot: int, user: str, after: str, limit: int) -> Promise[list[UserRoomRow]]:
        """See `Store.user_rooms_page`."""
        return self._read(slot, lambda shard: shard.user_rooms_page(user, after, limit), short=False)

    def reads(self, slot: int, user: str, rooms: Sequence[str]) -> Promise[list[ReadRow]]:
        """See `Store.reads`."""
        return self._read(slot, lambda shard: shard.reads(user, rooms))

    def cursors(self, slot: int, user: str, rooms: Sequence[str]) -> Promise[list[CursorRow]]:
        """See `Store.cursors`."""
        return self._read(slot, lambda shard: shard.cursors(user, rooms))

    def untold(self, slots: Sequence[int]) -> Promise[list[MarkRow]]:
        """See `Store.untold`."""
        return self._read_shards(self._by_shard(slots), lambda shard, some: shard.untold(some), _join)

    def active(self, slots: Sequence[int]) -> Promise[list[str]]:
        """See `Store.active`."""
        return self._read_shards(self._by_shard(slots), lambda shard, some: shard.active(some), _join)

    def load_saga(self, slot: int, saga: str) -> Promise[SagaRow | None]:
        """See `Store.load_saga`."""
        return self._read(slot, lambda shard: shard.load_saga(saga))

    def sagas(self, slots: Sequence[int]) -> Promise[list[str]]:
        """See `Store.sagas`."""
        return self._read_shards(self._by_shard(slots), lambda shard, some: shard.sagas(some), _join)

    def forget_keys(self, before: int) -> Promise[int]:
        """See `Store.forget_keys`."""
        return self._batcher.run(lambda: sum(shard.writer.forget_keys(before) for shard in list(self._open.values())))

    def info(self) -> dict[str, Any]:
        """See `Store.info`."""
        batcher, writers = self._batcher, [shard.writer for shard in list(self._open.values())]
        return {
            "commits": batcher.commits,
            "groups": batcher.groups,
            "largest_group": batcher.largest,
            "commit_seconds": batcher.seconds,
            "group_sizes": batcher.sizes,
            "refused": batcher.refused + self._reader.refused,
            "queued": batcher.queued(),
            "rows": sum(writer.rows for writer in writers),
            "last_commit_ms": round(1000 * max((writer.last_commit_s for writer in writers), default=0.0), 3),
            "reads": self._reader.done,
            "reads_waiting": self._reader.waiting(),
            "checkpoints": self._checkpointer.runs,
            "checkpoint_failures": self._checkpointer.failures,
            "shards": len(writers),
        }

    # --- inside ---

    def _by_shard(self, slots: Sequence[int]) -> dict[int, list[int]]:
        wanted: dict[int, list[int]] = {}
        for slot in slots:
            wanted.setdefault(shard_of(slot, self.shards), []).append(slot)
        return wanted

    def _read(self, slot: int, read: Callable[[ShardReader], T], *, short: bool = True) -> Promise[T]:
        shard = self._open.get(shard_of(slot, self.shards))
        if shard is None:
            return rejected(Sealed(f"life {self.life} does not own the shard of slot {slot}"))
        return self._reader.run(partial(_guarded, read, shard.reader), short=short)

    def _read_shards(
        self, wanted: dict[int, list[Any]], read: Callable[[ShardReader, list[Any]], T], join: Callable[[list[T]], T]
    ) -> Promise[T]:
        missing = [shard for shard in wanted if shard not in self._open]
        if missing:
            return rejected(Sealed(f"life {self.life} does not own shards {missing}"))
        readers = [(self._open[shard].reader, some) for shard, some in wanted.items()]
        return self._reader.run(lambda: join([_guarded(partial(_swapped, read, some), reader) for reader, some in readers]))

    def _write(self, group: Sequence[Pending]) -> None:
        parts: dict[int, list[Pending]] = {}
        for pending in group:
            parts.setdefault(pending.shard, []).append(pending)
        for number, part in parts.items():
            shard = self._open.get(number)
            if shard is None:
                for pending in part:
                    pending.failure = Sealed(f"life {self.life} does not own shard {number}")
                continue
            shard.writer.write(part)
            self._tend(shard.writer)

    def _tend(self, writer: ShardWriter) -> None:
        if writer.path in self._checkpointer.finish:
            self._checkpointer.finish.discard(writer.path)
            try:
                writer.checkpoint()
            except sqlite3.Error as error:
                # The commits before it are done whatever becomes of the log; the next background run asks again.
                self._checkpointer.note(error)
        if writer.pages >= EVERY_PAGES:
            writer.pages = 0
            self._checkpointer.offer(writer.path)

    def _take(self, number: int) -> None:
        if number in self._open:
            return
        if number < 0:
            raise ValueError(f"there is no shard {number}")
        path = shard_path(self.folder, number) if number < self.shards else find_seat(self.folder, number - self.shards)
        writer = ShardWriter(path, self.life, self._writers_sealer)
        self._open[number] = Shard(writer, ShardReader(path, writer.ledger, self._sealer))

    def _renew_keys(self) -> None:
        self._sealer.renew()
        self._writers_sealer.renew()
        self._writers_sealer.prepare()
        self._resealed.clear()

    def _reseal(self, number: int, old: frozenset[int]) -> tuple[bool, int]:
        writer = self._owned_shard(number).writer
        known = self._resealed.get(number)
        if known is None or known[0] is not writer:
            writer.seats.forget()  # copies that were begun hold rows as they were
            known = (writer, BEGIN)
        after, changed = writer.reseal(old, known[1])
        if after is None:
            self._resealed.pop(number, None)
            writer.seats.forget()
        else:
            self._resealed[number] = (writer, after)
        return after is None, changed

    def _copy_seat(self, number: int, room: str, since: int) -> bool:
        return self._home_of(room).seats.copy(Seat(number, room, since, self.folder), SLOTS + number)

    def _fill_seat(self, number: int, room: str, since: int) -> None:
        self._home_of(room).seats.fill(Seat(number, room, since, self.folder), SLOTS + number)

    def _tidy_seat(self, number: int, room: str, since: int) -> bool:
        return self._home_of(room).seats.tidy(Seat(number, room, since, self.folder))

    def _home_of(self, room: str) -> ShardWriter:
        return self._owned_shard(shard_of(slot_of(actor_id("room", room)), self.shards)).writer

    def _empty_seats(self, number: int, taken: frozenset[tuple[int, int]]) -> bool:
        moves = self._owned_shard(number).writer.seats
        over = [seat for seat in seats_in(self.folder) if self._is_over(seat, number, taken)]
        if over:
            moves.bring_back(over[0], slot_of(actor_id("room", over[0].room)))
            return False
        moves.clean([seat for seat, _ in scratch_in(self.folder) if self._is_over(seat, number, taken)])
        return True

    def _is_over(self, seat: Seat, shard: int, taken: frozenset[tuple[int, int]]) -> bool:
        home = shard_of(slot_of(actor_id("room", seat.room)), self.shards)
        return home == shard and (seat.number, seat.since) not in taken

    def _owned_shard(self, number: int) -> Shard:
        shard = self._open.get(number)
        if shard is None:
            raise NotReleased(f"life {self.life} does not own shard {number}")
        return shard

    def _release(self, number: int) -> None:
        shard = self._open.pop(number, None)
        if shard is None:
            return
        # The reader closes its connection itself, behind the reads that still wait there.
        self._reader.run(shard.reader.close, short=False)
        shard.writer.release()


def _guarded(read: Callable[[ShardReader], T], reader: ShardReader) -> T:
    try:
        return read(reader)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{reader.path.name} cannot be read now: {error}") from error


def _swapped(read: Callable[[ShardReader, list[Any]], T], some: list[Any], reader: ShardReader) -> T:
    return read(reader, some)


def _merge(parts: list[dict[str, T]]) -> dict[str, T]:
    return {room: head for part in parts for room, head in part.items()}


def _join(parts: list[list[Any]]) -> list[Any]:
    return [row for part in parts for row in part]
