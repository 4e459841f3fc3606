"""The store of one simulated process: the real batcher over the simulated disk, and everything that can go wrong there.

    submit -> group -> (a while) written: the fence decides -> (a while) synced -> settled

The process can be frozen or die between any two of these. A group can fail: surely not done, or nobody knows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

from actors.runtime.promise import Promise, rejected
from actors.store.batcher import Batcher, Pending
from actors.store.shards import shard_of
from actors.store.store import Commit, Conflict, Sealed, StoreError, StoreUnavailable
from tests.kit.memory import MemoryStore
from tests.simulation.clocks import CellClock
from tests.simulation.disk import Disk

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
        self._reads = MemoryStore(disk.rows)
        self._owned: set[int] = set()
        self._batcher = Batcher(self._write, clock.soon, self._synced, lane=lambda work, name: SimLane(clock, self._pause, work))

    def _pause(self, usual_s: float) -> float:
        return usual_s * self.slowness * (0.5 + self._chance.random())

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
            self._disk.take(self.life, shard)
            self._owned.add(shard)

    def _release(self, shard: int) -> None:
        self._check_up()
        self._owned.discard(shard)
        self._disk.release(self.life, shard)

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
                self._disk.write(self.life, pending.operations[0])  # type: ignore[arg-type]
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

    def _read(self, slots: Sequence[int], name: str, args: tuple[Any, ...]) -> Promise[Any]:
        shards = self.shards
        if not {slot * shards >> 12 for slot in slots} <= self._owned:
            return rejected(Sealed(f"life {self.life} does not own all of these shards"))
        promise: Promise[Any] = Promise()
        self._clock.later(self._pause(READ_S), self._answer, promise, name, args)
        return promise

    def _answer(self, promise: Promise[Any], name: str, args: tuple[Any, ...]) -> None:
        if self.is_down:
            promise.reject(StoreUnavailable("the disk is away"))
            return
        with self._disk.seen_by(self.life):
            found = getattr(self._reads, name)(*args).result()
        promise.resolve(found)

    def heads(self, rooms: Sequence[tuple[int, str]]) -> Promise[Any]:
        """See `Store.heads`."""
        return self._read([slot for slot, _ in rooms], "heads", (rooms,))

    def untold(self, slots: Sequence[int]) -> Promise[Any]:
        """See `Store.untold`."""
        return self._read(slots, "untold", (slots,))

    def active(self, slots: Sequence[int]) -> Promise[Any]:
        """See `Store.active`."""
        return self._read(slots, "active", (slots,))

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
        "user_rooms", "user_rooms_since", "user_rooms_page", "reads", "cursors",
    }
)  # fmt: skip
