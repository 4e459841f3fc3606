"""One life's view of the store on Cassandra.

loop                     writer's thread                      driver's thread
commit ----------------> one conditional append a group
settle, in order <------ one wake-up            flusher's thread fills the tables behind it
read ------------------------------------------------------> answers, opened in a thread for that
settle <----------------------------------------------------- one wake-up for all that is ready
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, TypeVar

from actors.runtime.actor import actor_id
from actors.runtime.driving import drive
from actors.runtime.promise import Promise, rejected, resolved
from actors.runtime.ring import slot_of
from actors.store.batcher import Batcher, Pending, Soon, Wake
from actors.store.cassandra.chain import Chain
from actors.store.cassandra.flusher import Flusher
from actors.store.cassandra.joining import Joining
from actors.store.cassandra.lives import release_group, take_group
from actors.store.cassandra.reads import Reads
from actors.store.cassandra.resealing import GroupResealing
from actors.store.cassandra.seating import empty_seats, fill_seat
from actors.store.cassandra.steps import Answering, Port, Steps, launch, run
from actors.store.cassandra.unflushed import Unflushed
from actors.store.cassandra.upkeep import forget_keys
from actors.store.cassandra.writer import FLUSH_S, Writer
from actors.store.rows import CursorRow, EntryRow, KeyRow, MarkRow, MemberRow, ReadRow, SagaRow, UserRoomRow
from actors.store.schema import check_gone
from actors.store.seal import Sealer
from actors.store.shards import SLOTS, NotReleased, shard_of, slots_of
from actors.store.store import Commit, RoomState, Sealed, StoreUnavailable, UserState

T = TypeVar("T")
MOST_READS = 4096
"""Reads under way; beyond it they are refused with `StoreUnavailable`."""
ROW_BYTES = 300
"""What a row weighs, without an entry's body, roughly: for the bound on what waits."""


class CassandraStore:
    """Implements `Store` on a connected `Port`. Belongs to one loop; commits and reads only the groups that it has taken."""

    def __init__(self, port: Port, groups: int, life: str, sealer: Sealer, soon: Soon, wake: Wake) -> None:
        """`groups`: of slots, fixed when the cluster was made. Raises `StoreError` where no data key can be kept."""
        self.life = life
        self.shards = groups
        # Everything of this life goes through it: it must see what was written.
        self._port = port = Joining(port)
        self._wake = wake
        self._unflushed = Unflushed()
        self._sealers = (_prepared(sealer), _prepared(sealer))
        """The writer's and the flusher's."""
        self._resealing: dict[int, tuple[int, GroupResealing]] = {}
        """Group -> its epoch when that began, and the work."""
        self._flusher = Flusher(life, self._unflushed, port, self._sealers[1])
        self._epochs: dict[int, int] = {}
        """Group -> epoch, of those that are owned. Changed by the writer's thread alone, in single steps."""
        chain = Chain(life, partial(os.urandom, 12))
        self._writer = Writer(chain, port, self._sealers[0], self._unflushed, self._flusher, groups, self._epochs)
        self._batcher = Batcher(self._writer.write, soon, wake, name=life)
        self._answering = Answering(port, life)
        self._reads = Reads(self._unflushed, sealer)
        self._results: deque[tuple[Promise[Any], Any, Exception | None]] = deque()
        self._woken = False
        self._under_way = 0
        self._refused = 0
        self._reads_done = 0
        self._settling = False
        self._closed = False

    # --- ownership ---

    def take_shard(self, shard: int) -> Promise[None]:
        """Own a group. Rejects with `Sealed`, `NotReleased` (seal and drain its owner first). Safe to repeat."""
        if shard < 0:
            raise ValueError(f"there is no group {shard}")
        return drive(self._take(shard))

    def release_shard(self, shard: int) -> Promise[None]:
        """Own it no longer, after all commits made before this call. Safe to repeat."""
        return self._batcher.run(partial(self._release, shard))

    def copy_seat(self, number: int, room: str, since: int) -> Promise[bool]:
        """Rows stay where they are: there is nothing to copy."""
        return resolved(True)

    def fill_seat(self, number: int, room: str, since: int) -> Promise[None]:
        """A room is to have a group of its own, which can be taken afterwards. No actor of it may live. Safe to repeat."""
        return self._batcher.run(partial(self._fill_seat, number, room))

    def tidy_seat(self, number: int, room: str, since: int) -> Promise[bool]:
        """Nothing is left behind."""
        return resolved(True)

    def empty_seats(self, shard: int, taken: Collection[tuple[int, int]]) -> Promise[bool]:
        """Rooms of this group come back from seats whose use (number, since) is not `taken` any more; all at once. Safe to repeat."""
        return self._batcher.run(partial(self._empty_seats, shard, frozenset(number for number, _ in taken)))

    def renew_keys(self) -> Promise[None]:
        """Settled when everything that is sealed from then on is sealed with data keys that were drawn after this call."""
        return self._batcher.run(self._renew_keys)

    def reseal(self, shard: int, old: frozenset[int]) -> Promise[tuple[bool, int]]:
        """One bounded step of sealing a group's rows anew that are under one of these keys; whether it was the last step, and how many rows it
        changed. A group that was not owned all the time begins anew."""
        return self._batcher.run(partial(self._reseal, shard, old))

    def flush(self) -> Promise[None]:
        """Settled when all that was committed before is in the tables."""
        return self._batcher.run(lambda: self._flusher.flush(FLUSH_S))

    def owned(self) -> list[int]:
        """The groups that this life has taken."""
        return sorted(self._epochs)

    def work(self) -> dict[int, int]:
        """Rows ever committed here, by group, for those that are owned now."""
        return {group: self._writer.rows.get(group, 0) for group in list(self._epochs)}

    def queued(self) -> int:
        """Commits that wait."""
        return self._batcher.queued()

    def close(self) -> None:
        """Write what waits, flush, end the threads; ownership stays as it is. Blocks for some seconds at most."""
        if self._closed:
            return
        self._closed = True
        self._writer.stop_waiting()
        self._batcher.close()
        self._flusher.close(FLUSH_S)
        self._answering.close()

    # --- commits ---

    def commit(self, change: Commit) -> Promise[None]:
        """See `Store.commit`. Raises `ValueError` for a row that can never be stored (no Unicode, a `Gone` of no table)."""
        group = shard_of(change.slot, self.shards)
        if group not in self._epochs:
            return rejected(Sealed(f"life {self.life} does not own the group of slot {change.slot}"))
        size = ROW_BYTES * (len(change.gone) + len(change.puts))
        entries: list[EntryRow] = []
        for row in change.puts:
            if type(row) is EntryRow:
                if not row.body.isascii():
                    row.body.encode()  # raises where it can never be stored
                entries.append(row)
                size += len(row.body)
        operations: Sequence[Any] = change.puts
        forgets = False
        if change.gone:
            for gone in change.gone:
                check_gone(gone)
                forgets = forgets or gone.table == EntryRow.table
            operations = [*change.gone, *change.puts]
        return self._batcher.submit(Pending(change.slot, group, entries, operations, size, forgets))

    # --- reads ---

    def load_room(self, slot: int, room: str) -> Promise[RoomState | None]:
        """See `Store.load_room`."""
        return self._read([slot], lambda: self._reads.load_room(room))

    def load_user(self, slot: int, user: str) -> Promise[UserState | None]:
        """See `Store.load_user`."""
        return self._read([slot], lambda: self._reads.load_user(user))

    def entries_after(self, slot: int, room: str, after: int, limit: int) -> Promise[list[EntryRow]]:
        """See `Store.entries_after`."""
        return self._read([slot], lambda: self._reads.entries_after(room, after, limit))

    def entries_before(self, slot: int, room: str, before: int, limit: int) -> Promise[list[EntryRow]]:
        """See `Store.entries_before`."""
        return self._read([slot], lambda: self._reads.entries_before(room, before, limit))

    def heads(self, rooms: Sequence[tuple[int, str]]) -> Promise[dict[str, tuple[int, int]]]:
        """See `Store.heads`."""
        return self._read([slot for slot, _ in rooms], lambda: self._reads.heads([room for _, room in rooms]))

    def member(self, slot: int, room: str, user: str) -> Promise[MemberRow | None]:
        """See `Store.member`."""
        return self._read([slot], lambda: self._reads.member(room, user))

    def post_key(self, slot: int, room: str, user: str, key: str) -> Promise[KeyRow | None]:
        """See `Store.post_key`."""
        return self._read([slot], lambda: self._reads.post_key(room, user, key))

    def user_rooms(self, slot: int, user: str, rooms: Sequence[str]) -> Promise[list[UserRoomRow]]:
        """See `Store.user_rooms`."""
        return self._read([slot], lambda: self._reads.user_rooms(user, rooms))

    def user_rooms_since(self, slot: int, user: str, version: int, limit: int) -> Promise[list[UserRoomRow]]:
        """See `Store.user_rooms_since`."""
        return self._read([slot], lambda: self._reads.user_rooms_since(user, version, limit))

    def user_rooms_page(self, slot: int, user: str, after: str, limit: int) -> Promise[list[UserRoomRow]]:
        """See `Store.user_rooms_page`."""
        return self._read([slot], lambda: self._reads.user_rooms_page(user, after, limit))

    def reads(self, slot: int, user: str, rooms: Sequence[str]) -> Promise[list[ReadRow]]:
        """See `Store.reads`."""
        return self._read([slot], lambda: self._reads.reads(user, rooms))

    def cursors(self, slot: int, user: str, rooms: Sequence[str]) -> Promise[list[CursorRow]]:
        """See `Store.cursors`."""
        return self._read([slot], lambda: self._reads.cursors(user, rooms))

    def untold(self, slots: Sequence[int]) -> Promise[list[MarkRow]]:
        """See `Store.untold`."""
        return self._read(slots, lambda: self._reads.untold(slots))

    def active(self, slots: Sequence[int]) -> Promise[list[str]]:
        """See `Store.active`."""
        return self._read(slots, lambda: self._reads.active(slots))

    def load_saga(self, slot: int, saga: str) -> Promise[SagaRow | None]:
        """See `Store.load_saga`."""
        return self._read([slot], lambda: self._reads.load_saga(saga))

    def sagas(self, slots: Sequence[int]) -> Promise[list[str]]:
        """See `Store.sagas`."""
        return self._read(slots, lambda: self._reads.sagas(slots))

    def forget_keys(self, before: int) -> Promise[int]:
        """See `Store.forget_keys`."""
        return self._batcher.run(partial(self._forget_keys, before))

    def info(self) -> dict[str, Any]:
        """See `Store.info`."""
        batcher, flusher = self._batcher, self._flusher
        return {
            "commits": batcher.commits,
            "groups": batcher.groups,
            "largest_group": batcher.largest,
            "commit_seconds": batcher.seconds,
            "group_sizes": batcher.sizes,
            "refused": batcher.refused + self._refused,
            "queued": batcher.queued(),
            "rows": sum(self._writer.rows.values()),
            "last_commit_ms": round(1000 * self._writer.last_commit_s, 3),
            "reads": self._reads_done,
            "reads_waiting": self._under_way,
            "checkpoints": flusher.flushes,
            "checkpoint_failures": flusher.failures,
            "shards": len(self._epochs),
            "queries": dict(self._port.counts),
        }

    # --- inside ---

    def _read(self, slots: Sequence[int], steps: Callable[[], Steps[T]]) -> Promise[T]:
        missing = {shard_of(slot, self.shards) for slot in slots} - self._epochs.keys()
        if missing:
            return rejected(Sealed(f"life {self.life} does not own the groups {sorted(missing)}"))
        if self._writer.in_doubt:
            self._settle_soon()
            return rejected(StoreUnavailable("it is not known yet what became of a commit"))
        if self._under_way >= MOST_READS or self._closed:
            self._refused += 1
            return rejected(StoreUnavailable("the store is closed" if self._closed else "too many reads wait"))
        return self._launch(steps())

    def _launch(self, steps: Steps[T]) -> Promise[T]:
        promise: Promise[T] = Promise()
        self._under_way += 1
        launch(steps, self._answering, partial(self._came, promise))
        return promise

    def _came(self, promise: Promise[Any], value: Any, error: Exception | None) -> None:
        """In any thread."""
        self._results.append((promise, value, error))
        if not self._woken:
            self._tell()

    def _tell(self) -> None:
        self._woken = True
        try:
            self._wake(self._deliver)
        except RuntimeError:
            return  # the loop is closed: nobody is left to be told

    def _deliver(self) -> None:
        # First the flag: a result that comes after it asks for another wake-up.
        self._woken = False
        results = self._results
        try:
            while results:
                promise, value, error = results.popleft()
                self._under_way -= 1
                self._reads_done += 1
                if error is None:
                    promise.resolve(value)
                else:
                    promise.reject(error)
        finally:
            if results and not self._woken:
                self._tell()

    def _settle_soon(self) -> None:
        if not self._settling:
            self._settling = True
            self._batcher.run(self._writer.settle).when_settled(self._settled)

    def _settled(self, _: Promise[Any]) -> None:
        # However it ended: those who read ask again, and commits hear of it themselves.
        self._settling = False

    async def _take(self, group: int) -> None:
        if group not in self._epochs:
            # Not in the writer's thread: many groups are taken at once, each of them a round trip or two.
            epoch = await self._launch(take_group(self.life, group, is_seat=group >= self.shards))
            await self._batcher.run(partial(self._own, group, epoch))

    def _renew_keys(self) -> None:
        for sealer in self._sealers:
            sealer.renew()
        self._resealing.clear()
        # What the flusher had in its hands is in the tables now, to be sealed anew.
        self._flusher.flush(FLUSH_S)

    def _reseal(self, group: int, old: frozenset[int]) -> tuple[bool, int]:
        epoch = self._epochs.get(group)
        if epoch is None:
            raise NotReleased(f"life {self.life} does not own group {group}")
        began, work = self._resealing.get(group) or (epoch, GroupResealing(self._port, self.shards, group, old))
        if began != epoch:
            work = GroupResealing(self._port, self.shards, group, old)
        self._resealing.pop(group, None)  # begun anew where this fails
        is_last, changed = work.step(self._sealers[0], self._writer.next_stamp, partial(self._flusher.flush, FLUSH_S))
        if not is_last:
            self._resealing[group] = (epoch, work)
        return is_last, changed

    def _own(self, group: int, epoch: int) -> None:
        self._writer.forget_heads()
        self._epochs[group] = epoch

    def _release(self, group: int) -> None:
        if self._epochs.pop(group, None) is None:
            return
        self._writer.settle()
        self._flusher.flush(FLUSH_S)
        run(release_group(self.life, group), self._port)

    def _fill_seat(self, number: int, room: str) -> None:
        slot = _slot_of_room(room)
        group = shard_of(slot, self.shards)
        epoch = self._epochs.get(group)
        if epoch is None:
            raise NotReleased(f"life {self.life} does not own group {group}")
        self._flusher.flush(FLUSH_S)
        run(fill_seat(self.shards, group, epoch, number, room, slot, self._writer.next_stamp), self._port)
        self._writer.forget_heads()

    def _empty_seats(self, group: int, taken: frozenset[int]) -> bool:
        def raised(epoch: int) -> Callable[[int], int]:
            self._epochs[group] = epoch
            return self._writer.next_stamp

        run(empty_seats(self.life, self.shards, group, taken, _slot_of_room, raised), self._port)
        self._writer.forget_heads()
        return True

    def _forget_keys(self, before: int) -> int:
        self._flusher.flush(FLUSH_S)
        owned = {slot for group in self._epochs for slot in _slots_of(group, self.shards)}
        return run(forget_keys(before, owned, self._writer.next_stamp), self._port)


def _slots_of(group: int, groups: int) -> range:
    return slots_of(group, groups) if group < groups else range(SLOTS + group - groups, SLOTS + group - groups + 1)


def _slot_of_room(room: str) -> int:
    return slot_of(actor_id("room", room))


def _prepared(sealer: Sealer) -> Sealer:
    """One for another thread, which has its data key, so that no post ever waits for one."""
    other = sealer.for_another_thread()
    other.prepare()
    return other
