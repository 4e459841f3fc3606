"""Only one at a time starts a server on a data folder, runs one, or maintains it."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator

from cluster.problems import StartProblem
from cluster.settings import Settings

LOCK = "up.lock"


@contextlib.contextmanager
def folder_lock(settings: Settings) -> Iterator[None]:
    """Held while inside, given up by the system where the process dies. Raises `StartProblem` where another holds it."""
    path = settings.data / "run" / LOCK
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartProblem(f"Another Warbler process works on {settings.data} now; end it first (`warbler down`).") from error
        yield
