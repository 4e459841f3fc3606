"""The store of one simulated process: the real batcher over the simulated disk, and everything that can go wrong there.

    submit -> group -> (a while) written: the fence decides -> (a while) synced -> settled

The process can be frozen or die between any two of these. A group can fail: surely not done, or nobody knows.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from functools import partial
from random import Random
from typing import Any, NamedTuple

from actors.runtime.promise import Promise, rejected
from actors.store.batcher import Batcher, Pending
from actors.store.shards import shard_of
from actors.store.store import Commit, Conflict, Sealed, StoreError, StoreUnavailable
from tests.kit.memory import MemoryDisk, MemoryStore
from tests.simulation.clocks import CellClock
from tests.simulation.disk import Disk
from tests.simulation.seat_files import SeatFile, Use

WRITE_S = 0.0004
SYNC_S = 0.0006
READ_S = 0.0003


class SimLane:
    """Where groups are carried out: beside the loop, on the clock of the process."""

    def __init__(self, clock: CellClock, pause: Callable[[float], float], work: Callable[[list[Pending]], bool]) -> None:
        self._clock = clock
        self._pause = pause
        self._work = work

    def put(self, group: list[Pending]) -> None:
        """It is written a while later."""
        self._clock.later(self._pause(WRITE_S), self._work, group)

    def close(self) -> None:
        """Nothing is left to end."""


class Parts(NamedTuple):
    """What is asked of several shards at once."""

    asked: list[tuple[int, Any]]
    """(shard, what is asked of it)."""
    join: Callable[[list[Any]], Any]

    def of(self, shard: int) -> list[Any]:
        """What one shard is asked."""
        return [what for where, what in self.asked if where == shard]


class SimStore:
    """Implements `Store`, and what `cluster.ownership` asks of one."""

    def __init__(self, disk: Disk, life: str, clock: CellClock, chance: Random) -> None:
        self.life = life
        self.shards = disk.shards
        self.slowness = 1.0
        """How many times as long everything takes."""
        self.is_down = False
        """Cut off from its disk: nothing is written and nothing is read."""
        self.failures: deque[tuple[StoreError, bool]] = deque()
        """The next groups end so; with True they are done all the same."""
        self._disk = disk
        self._clock = clock
        self._chance = chance
        self._owned: set[int] = set()
        self._seats: dict[int, SeatFile] = {}
        """Files of seats that are open here, by shard."""
        self._copied: Counter[Use] = Counter()
        self._batcher = Batcher(self._write, clock.soon, self._synced, lane=lambda work, name: SimLane(clock, self._pause, work))

    def _pause(self, usual_s: float) -> float:
        return usual_s * self.slowness * (0.5 + self._chance.random())

    def die(self) -> None:
        """The process is gone: nothing of it is left."""

    # --- ownership ---

    def owned(self) -> list[int]:
        """The shards that this life has taken."""
        return sorted(self._owned)

    def take_shard(self, shard: int) -> Promise[None]:
        """Own a shard. Rejects with `Sealed`, `NotReleased`."""
        return self._batcher.run(partial(self._take, shard))

    def release_shard(self, shard: int) -> Promise[None]:
        """Own it no longer, after all commits made before this call."""
        return self._batcher.run(partial(self._release, shard))

    def _take(self, shard: int) -> None:
        self._check_up()
        if shard not in self._owned:
            seat = self._disk.take(self.life, shard)
            self._owned.add(shard)
            if seat is not None:
                self._seats[shard] = seat

    def _release(self, shard: int) -> None:
        self._check_up()
        self._owned.discard(shard)
        self._disk.release(self.life, shard, self._seats.pop(shard, None))

    # --- seats ---

    def copy_seat(self, number: int, room: str, since: int) -> Promise[bool]:
        """See `SeatStore`."""
        return self._batcher.run(partial(self._may_fail, partial(self._copy_seat, (number, since), room)))

    def fill_seat(self, number: int, room: str, since: int) -> Promise[None]:
        """See `SeatStore`."""
        return self._batcher.run(partial(self._may_fail, partial(self._disk.seats.fill, self.life, (number, since), room)))

    def tidy_seat(self, number: int, room: str, since: int) -> Promise[bool]:
        """See `SeatStore`: what is left is nothing to anybody."""
        return self._batcher.run(partial(self._may_fail, lambda: True))

    def empty_seats(self, shard: int, taken: Collection[Use]) -> Promise[bool]:
        """See `SeatStore`."""
        return self._batcher.run(partial(self._may_fail, partial(self._empty_seats, shard, frozenset(taken))))

    def _copy_seat(self, use: Use, room: str) -> bool:
        self._disk.seats.check(self.life, room)
        self._copied[use] += 1
        return self._disk.seats.is_filled(use) or self._copied[use] > self._chance.randint(1, 5)

    def _empty_seats(self, shard: int, taken: frozenset[Use]) -> bool:
        over = self._disk.seats.over(shard, taken)
        if not over:
            return True
        self._disk.seats.bring_back(self.life, over[0])
        # The process can freeze or die before the file is away.
        self._clock.later(self._pause(WRITE_S), self._disk.seats.remove, over[0])
        return False

    def _may_fail(self, work: Callable[[], Any]) -> Any:
        """A piece of work for the disk: surely not done, or nobody knows, as commits."""
        self._check_up()
        error, done = self.failures.popleft() if self.failures else (None, True)
        found = work() if done else None
        if error is not None:
            raise error
        return found

    def _check_up(self) -> None:
        if self.is_down:
            raise StoreUnavailable("the disk is away")

    # --- commits ---

    def commit(self, change: Commit) -> Promise[None]:
        """See `Store.commit`."""
        shard = shard_of(change.slot, self.shards)
        if shard not in self._owned:
            return rejected(Sealed(f"life {self.life} does not own the shard of slot {change.slot}"))
        pending = Pending(change.slot, shard, (), [change], 100)  # type: ignore[list-item]
        return self._batcher.submit(pending)

    def _write(self, group: Sequence[Pending]) -> None:
        error, done = self.failures.popleft() if self.failures else (None, True)
        if self.is_down:
            error, done = StoreUnavailable("the disk is away"), False
        failed: set[int] = set()
        for pending in group:
            pending.failure = self._carry_out(pending, error, done, failed)
            if pending.failure is not None:
                failed.add(pending.slot)

    def _carry_out(self, pending: Pending, error: StoreError | None, done: bool, failed: set[int]) -> StoreError | None:
        if pending.slot in failed and error is None:
            return StoreUnavailable("an earlier commit of this slot failed")
        if done:
            try:
                self._disk.write(self.life, pending.operations[0], self._seats.get(pending.shard))  # type: ignore[arg-type]
            except (Sealed, Conflict) as refusal:
                return refusal
        return error

    def _synced(self, settle: Callable[[list[Pending]], None], group: list[Pending]) -> None:
        """The group is written; when it is synced, whoever waits is told."""
        self._clock.later(self._pause(SYNC_S), self._settle, settle, group)

    def _settle(self, settle: Callable[[list[Pending]], None], group: list[Pending]) -> None:
        self._disk.sync(self.life)
        self._clock.soon(settle, group)

    # --- reads ---

    def _read(self, slots: Sequence[int], name: str, args: tuple[Any, ...], parts: Parts | None = None) -> Promise[Any]:
        if not {shard_of(slot, self.shards) for slot in slots} <= self._owned:
            return rejected(Sealed(f"life {self.life} does not own all of these shards"))
        places = {shard: MemoryStore(self._place(shard)) for shard in sorted({shard_of(slot, self.shards) for slot in slots})}
        promise: Promise[Any] = Promise()
        self._clock.later(self._pause(READ_S), self._answer, promise, name, list(places.items()), args, parts)
        return promise

    def _place(self, shard: int) -> MemoryDisk:
        seat = self._seats.get(shard)
        return self._disk.rows if seat is None else seat.rows

    def _answer(
        self, promise: Promise[Any], name: str, places: list[tuple[int, MemoryStore]], args: tuple[Any, ...], parts: Parts | None
    ) -> None:
        if self.is_down:
            promise.reject(StoreUnavailable("the disk is away"))
            return
        with self._disk.seen_by(self.life):
            if parts is None:
                found = getattr(places[0][1], name)(*args).result()
            else:
                found = parts.join([getattr(store, name)(parts.of(shard)).result() for shard, store in places])
        promise.resolve(found)

    def heads(self, rooms: Sequence[tuple[int, str]]) -> Promise[Any]:
        """See `Store.heads`."""
        of = [(shard_of(slot, self.shards), (slot, room)) for slot, room in rooms]
        return self._read(
            [slot for slot, _ in rooms], "heads", (), Parts(of, lambda some: {k: v for heads in some for k, v in heads.items()})
        )

    def untold(self, slots: Sequence[int]) -> Promise[Any]:
        """See `Store.untold`."""
        return self._read(slots, "untold", (), Parts([(shard_of(slot, self.shards), slot) for slot in slots], _joined))

    def active(self, slots: Sequence[int]) -> Promise[Any]:
        """See `Store.active`."""
        return self._read(slots, "active", (), Parts([(shard_of(slot, self.shards), slot) for slot in slots], _joined))

    def sagas(self, slots: Sequence[int]) -> Promise[Any]:
        """See `Store.sagas`."""
        return self._read(slots, "sagas", (), Parts([(shard_of(slot, self.shards), slot) for slot in slots], _joined))

    def __getattr__(self, name: str) -> Callable[..., Promise[Any]]:
        """All reads of one slot are alike."""
        if name not in READS_OF_A_SLOT:
            raise AttributeError(name)
        return lambda slot, *args, **named: self._read([slot], name, (slot, *args, *named.values()))

    def info(self) -> dict[str, Any]:
        """See `Store.info`."""
        return {"commits": self._batcher.commits, "groups": self._batcher.groups}


READS_OF_A_SLOT = frozenset(
    {
        "load_room", "load_user", "entries_after", "entries_before", "member", "post_key",
        "user_rooms", "user_rooms_since", "user_rooms_page", "reads", "cursors", "load_saga",
    }
)  # fmt: skip


def _joined(parts: list[list[Any]]) -> list[Any]:
    return [row for part in parts for row in part]
