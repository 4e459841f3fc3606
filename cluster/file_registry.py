"""The registry of a cell: the cluster's record, and the processes of this host."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from actors.runtime.promise import Promise
from actors.store.cluster_file import ClusterFile
from actors.store.cluster_record import ClusterRecord
from actors.store.store import StoreUnavailable
from cluster.life_lock import is_held, was_held
from cluster.membership import Membership
from cluster.processes import identify, is_alive, kill_for_sure
from cluster.registry import Lease, Stored

T = TypeVar("T")
THREADS = 4
"""One kill that hangs, and the short calls beside it."""
KILL_LIMIT_S = 2.0

Wake = Callable[..., object]
"""Runs a callback with its arguments on the loop, from another thread."""


class FileRegistry:
    """Implements `Registry`. Opens the record for itself: calls run in threads, settled on the loop."""

    def __init__(self, folder: Path, wake: Wake, open_record: Callable[[], ClusterRecord] | None = None) -> None:
        """`open_record`: where the record is not a file in the folder. Raises `CannotOpen` and its kin."""
        self._cluster: ClusterRecord = open_record() if open_record is not None else ClusterFile(folder)
        self._membership = Membership(self._cluster)
        self._folder = folder
        self._wake = wake
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="registry")
        self.groups = self._cluster.shards
        self.drains = self._cluster.drains

    def close(self) -> None:
        """End the threads; what has not begun is dropped, and its promise never settled. Blocks for a call at most."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._cluster.close()

    # --- Registry ----------------------------------------------------------------------------------------------------

    def read(self, known: int) -> Promise[Stored]:
        """See `Registry`."""
        return self._run(partial(self._read, known))

    def change_view(self, expected: int, data: bytes) -> Promise[bool]:
        """See `Registry`."""
        return self._run(partial(self._cluster.change_view, expected, data))

    def change_lease(self, before: Lease, after: Lease) -> Promise[bool]:
        """See `Registry`."""
        return self._run(partial(self._cluster.change_lease, before, after))

    def enter(self, life: str) -> Promise[None]:
        """See `Registry`."""
        return self._run(partial(self._enter, life))

    def is_dead(self, life: str) -> Promise[bool]:
        """See `Registry`."""
        return self._run(partial(self._is_dead, life))

    def end_life(self, life: str) -> Promise[None]:
        """See `Registry`."""
        return self._run(partial(self._end_life, life))

    def is_sealed(self, life: str) -> Promise[bool]:
        """See `Registry`."""
        return self._run(partial(self._cluster.is_sealed, life))

    def drain(self, life: str) -> Promise[None]:
        """See `Registry`."""
        return self._run(partial(self._cluster.drain, life))

    # --- in a thread -------------------------------------------------------------------------------------------------

    def _read(self, known: int) -> Stored:
        version, data, holder, count = self._cluster.look(known)
        return Stored(version, data, Lease(holder, count))

    def _enter(self, life: str) -> None:
        process = identify(os.getpid())
        if process is not None:
            self._membership.note_process(life, process)

    def _is_dead(self, life: str) -> bool:
        process = self._membership.process(life)
        if process is None or is_held(self._folder, life):
            return False
        # In another space of numbers only the lock can be seen; the file of one that was never held says nothing.
        return not is_alive(process) if process.is_near else was_held(self._folder, life)

    def _end_life(self, life: str) -> None:
        if self._cluster.is_sealed(life):
            return
        process = self._membership.process(life)
        # One that cannot be reached from here is fenced by the seal alone.
        if process is not None and process.is_near and not kill_for_sure(process, limit_s=KILL_LIMIT_S):
            # It hangs in the kernel, with a lock perhaps. The seal needs that lock, so nothing is lost by trying again.
            raise StoreUnavailable(f"the process {process.pid} of {life} cannot be ended yet")
        self._membership.seal(life)

    def _run(self, work: Callable[[], T]) -> Promise[T]:
        done: Promise[T] = Promise()
        try:
            self._threads.submit(self._work, work, done)
        except RuntimeError:  # the threads have ended
            done.reject(StoreUnavailable("the registry is closed"))
        return done

    def _work(self, work: Callable[[], T], done: Promise[Any]) -> None:
        try:
            value = work()
        except Exception as error:  # noqa: BLE001 - it goes to the one who asked
            settle: Callable[[], None] = partial(done.reject, error)
        else:
            settle = partial(done.resolve, value)
        try:
            self._wake(settle)
        except RuntimeError:
            return  # the loop is closed: nobody is left to be told
