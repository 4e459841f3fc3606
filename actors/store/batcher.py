"""Group commit: many commits, one transaction and one wake-up.

Commits that are made in one turn of the loop, or while the thread is busy, share a group. The thread is idle only as
long as nothing waits: the wake-up that settles a group also hands over the next one, with everything that the settled
promises have just caused. So groups grow with load, and the loop and the thread need no lock.

Where the last group shows that there is load, the next one waits for a few more turns of the loop: what lies unread in the
sockets joins it. Where several cells share cores, groups would else shrink to what the scheduler lets through.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from time import perf_counter
from typing import Any, Protocol

from actors.runtime.promise import Promise
from actors.runtime.spread import SIZES, Spread
from actors.store.rows import EntryRow
from actors.store.schema import Values
from actors.store.store import OutcomeUnknown, StoreError, StoreUnavailable

MAX_QUEUED = 8192
"""Commits that wait; beyond it they are refused with `StoreUnavailable`, surely not done."""
MAX_QUEUED_BYTES = 64 * 1024 * 1024
MAX_GROUP = 512
"""Commits in one group, so that one transaction never takes long."""
MAX_GROUP_BYTES = 4 * 1024 * 1024
LOADED = 8
"""Commits in a group from which on the next one gathers first."""
GATHER_TURNS = 2
"""Turns of the loop for which it does."""

Operation = tuple[str, str, Values]
"""(table, statement, parameters)."""
Soon = Callable[..., object]
"""Runs a callback with its arguments in the loop's next turn."""
Wake = Callable[..., object]
"""The same, from another thread (an event loop's `call_soon_threadsafe`)."""


class Pending(Promise[Any]):
    """A commit on its way: what to write, and the promise that it is done. Or a job: a function to run in the writer's thread."""

    __slots__ = ("entries", "failure", "forgets", "job", "operations", "outcome", "shard", "size", "slot")

    def __init__(
        self,
        slot: int,
        shard: int,
        entries: Sequence[EntryRow],
        operations: Sequence[Any],
        size: int,
        forgets: bool = False,
        job: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__()
        self.slot = slot
        self.shard = shard
        self.entries = entries
        self.operations = operations
        """What to write, in the form of the writer: for the embedded store, each an `Operation`."""
        self.size = size
        """Bytes that it holds in memory, roughly."""
        self.forgets = forgets
        """Whether it takes entries away."""
        self.job = job
        self.outcome: Any = None
        """What a job returned; set by the writer's thread."""
        self.failure: BaseException | None = None
        """Why it failed; set by the writer's thread."""


class Lane(Protocol):
    """Carries groups out beside the loop, one after the other."""

    def put(self, group: list[Pending]) -> None:
        """Carry out this group next."""

    def close(self) -> None:
        """Finish what was put, and end."""


class WriterThread:
    """A thread of its own: the lane of a real disk. `work(group)` says whether to go on."""

    def __init__(self, work: Callable[[list[Pending]], bool], name: str) -> None:
        self._work = work
        self._groups: SimpleQueue[list[Pending] | None] = SimpleQueue()
        self.put = self._groups.put
        self._thread = threading.Thread(target=self._run, name=f"{name}-writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns when the thread has ended."""
        self._groups.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (group := self._groups.get()) is not None and self._work(group):
            pass


class Batcher:
    """Hands groups of commits to a writer beside the loop and settles them in one wake-up.

    `write(group)` runs in the lane (a thread, unless another is handed in). It sets `error` on what failed and raises
    nothing that is expected.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Pending]], None],
        soon: Soon,
        wake: Wake,
        *,
        name: str = "store",
        lane: Callable[[Callable[[list[Pending]], bool], str], Lane] = WriterThread,
    ) -> None:
        self._write = write
        self._soon = soon
        self._wake = wake
        self._queue: deque[Pending] = deque()
        self._queued_bytes = 0
        # Whether a group is in the thread, or its settling is not over. Belongs to the loop.
        self._busy = False
        # Whether `_start` will run in the next turn.
        self._due = False
        self._closed = False
        self._lane = lane(self._work, name)
        self.groups = 0
        self.commits = 0
        self.largest = 0
        self.refused = 0
        self.seconds = Spread()
        """Time of a group until it was durable."""
        self.sizes = Spread(SIZES)
        """Commits of a group."""

    def submit(self, pending: Pending) -> Pending:
        """Queue a commit; it is rejected with `StoreUnavailable` where the queue is full or closed."""
        if len(self._queue) >= MAX_QUEUED or self._queued_bytes + pending.size > MAX_QUEUED_BYTES or self._closed:
            self.refused += 1
            pending.reject(StoreUnavailable("the store is closed" if self._closed else "too many commits wait"))
            return pending
        self._queue.append(pending)
        self._queued_bytes += pending.size
        if not self._busy and not self._due:
            self._due = True
            self._soon(self._start)
        return pending

    def run(self, job: Callable[[], Any]) -> Promise[Any]:
        """Run a function in the thread, in order with the commits around it; the promise has its value or its exception."""
        return self.submit(Pending(-1, -1, (), (), 0, False, job))

    def queued(self) -> int:
        """Commits that wait for the thread."""
        return len(self._queue)

    def close(self) -> None:
        """Refuse what comes now, write what waits, end the thread and wait for its end. Promises are settled by the loop as always."""
        if self._closed:
            return
        self._closed = True
        rest = list(self._queue)
        self._queue.clear()
        self._queued_bytes = 0
        if rest:
            self._lane.put(rest)
        self._lane.close()

    # --- on the loop ---

    def _start(self) -> None:
        self._due = False
        if self._busy or not self._queue:
            return
        group: list[Pending] = []
        room_bytes = MAX_GROUP_BYTES
        queue = self._queue
        while queue and len(group) < MAX_GROUP and (room_bytes > 0 or not group):
            pending = queue.popleft()
            room_bytes -= pending.size
            group.append(pending)
        self._queued_bytes -= MAX_GROUP_BYTES - room_bytes
        self._busy = True
        self.groups += 1
        self.commits += sum(pending.job is None for pending in group)
        self.largest = max(self.largest, len(group))
        self._lane.put(group)

    def _finished(self, group: list[Pending]) -> None:
        failed = {pending.slot for pending in group if pending.failure is not None and pending.job is None}
        behind = self._take_behind(failed) if failed and self._queue else []
        self._settle([*group, *behind], 0)

    def _take_behind(self, failed: set[int]) -> list[Pending]:
        """Commits that wait behind a failed one of their slot fail too: whoever made them did not know."""
        behind = [pending for pending in self._queue if pending.slot in failed]
        self._queue = deque(pending for pending in self._queue if pending.slot not in failed)
        for pending in behind:
            self._queued_bytes -= pending.size
            pending.failure = StoreUnavailable("an earlier commit of this slot failed")
        return behind

    def _settle(self, group: list[Pending], at: int) -> None:
        # A callback that raises must not take the promises behind it along: they follow in the next turn.
        try:
            while at < len(group):
                pending = group[at]
                at += 1
                if pending.failure is None:
                    pending.resolve(pending.outcome)
                else:
                    pending.reject(pending.failure)
        finally:
            if at < len(group):
                self._soon(self._settle, group, at)
            else:
                self._gather(GATHER_TURNS if len(group) >= LOADED else 0)

    def _gather(self, turns: int) -> None:
        # Nothing is closed or refused by this: what waits is in the queue, where `close` finds it too.
        if turns and not self._closed:
            self._soon(self._gather, turns - 1)
            return
        self._busy = False
        self._start()

    # --- in the lane ---

    def _work(self, group: list[Pending]) -> bool:
        self._carry_out(group)
        try:
            self._wake(self._finished, group)
        except RuntimeError:
            # The loop is closed: nobody is left to be told.
            return False
        return True

    def _carry_out(self, group: list[Pending]) -> None:
        commits: list[Pending] = []
        for pending in group:
            if pending.job is None:
                commits.append(pending)
                continue
            self._write_all(commits)
            commits = []
            self._run_job(pending)
        self._write_all(commits)

    def _write_all(self, commits: list[Pending]) -> None:
        if not commits:
            return
        start = perf_counter()
        try:
            self._write(commits)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            for pending in commits:
                pending.failure = pending.failure or _unknown(error)
        self.seconds.add(perf_counter() - start)
        self.sizes.add(len(commits))

    def _run_job(self, pending: Pending) -> None:
        if pending.job is None:
            return
        try:
            pending.outcome = pending.job()
        except Exception as error:  # noqa: BLE001 - it goes to the one who asked
            pending.failure = error


def _unknown(error: Exception) -> StoreError:
    unknown = OutcomeUnknown(f"the writer failed: {error!r}")
    unknown.__cause__ = error
    return unknown
