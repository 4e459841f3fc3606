"""Checkpoints of the write-ahead logs, in a thread of their own, so that no commit waits for one.

Under steady load a log never stands still long enough to start anew. So once it is long, the writer itself copies the
little that is left after a background run; its next commit then starts the log from the beginning.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from queue import SimpleQueue

from actors.store.opening import connect
from actors.store.store import StoreError

EVERY_PAGES = 4000
"""Pages written between two background runs. More: a busy page is copied less often; less: a shorter log."""
LONG_PAGES = 8000
"""Length from which the writer is asked to finish the job."""


class Checkpointer:
    """Runs checkpoints of files that are offered. `finish` holds the files whose writer shall finish the job."""

    def __init__(self, *, name: str = "store") -> None:
        self.finish: set[Path] = set()
        self.runs = 0
        self.failures = 0
        self.last_error = ""
        self._queue: SimpleQueue[Path | None] = SimpleQueue()
        self._waiting: set[Path] = set()
        self._thread = threading.Thread(target=self._work, name=f"{name}-checkpoints", daemon=True)
        self._thread.start()

    def offer(self, path: Path) -> None:
        """Checkpoint this file soon; a file that waits already is not queued twice."""
        if path not in self._waiting:
            self._waiting.add(path)
            self._queue.put(path)

    def note(self, error: Exception) -> None:
        """A checkpoint failed: the log stays long until the next run, and `info` tells."""
        self.failures += 1
        self.last_error = str(error)

    def close(self) -> None:
        """End the thread and wait for its end."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (path := self._queue.get()) is not None:
            self._waiting.discard(path)
            try:
                self._run(path)
            except (sqlite3.Error, StoreError) as error:
                self.note(error)

    def _run(self, path: Path) -> None:
        connection = connect(path, cache_kib=256)
        try:
            _, length, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        finally:
            connection.close()
        self.runs += 1
        if length >= LONG_PAGES:
            self.finish.add(path)
