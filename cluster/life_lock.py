"""Whether a life's process still runs, seen by all who share the data folder, whatever processes they can see: a lock that
the system gives up when the process is gone, and not before. Where each machine has a data folder of its own, it tells of the lives there."""

from __future__ import annotations

import contextlib
import fcntl
import time
from pathlib import Path
from typing import IO

LIVES = "lives"
POLL_S = 0.02
OLD_S = 3600.0
"""A lock that nobody holds and that was made so long ago is nobody's any more: whoever makes one holds it at once."""


def hold_life(data: Path, life: str) -> IO[str]:
    """Taken by the life's own process, as long as what is returned stays open. Waits while somebody looks at it."""
    path = _path(data, life)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def is_held(data: Path, life: str) -> bool:
    """Whether the process of a life runs, frozen or not."""
    try:
        with _path(data, life).open("r") as file:
            # Shared: two who look at once do not take each other for the life.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def held(data: Path) -> list[str]:
    """The lives whose processes run, frozen or not, on the machines that share this data folder."""
    return sorted(path.stem for path in (data / "run" / LIVES).glob("*.lock") if is_held(data, path.stem))


def was_held(data: Path, life: str) -> bool:
    """Whether there is a lock of that life, held or not."""
    return _path(data, life).exists()


def wait_free(data: Path, life: str, *, limit_s: float = 5.0) -> bool:
    """Wait until the process of a life is gone, and forget its lock; False where it still is there."""
    end = time.monotonic() + limit_s
    while is_held(data, life):
        if time.monotonic() > end:
            return False
        time.sleep(POLL_S)
    _path(data, life).unlink(missing_ok=True)
    return True


def forget_old(data: Path) -> None:
    """Take away the locks of lives that ended here long ago, unseen by their supervisor, which is on another machine."""
    for path in (data / "run" / LIVES).glob("*.lock"):
        with contextlib.suppress(FileNotFoundError):  # another cell does the same
            if time.time() - path.stat().st_mtime > OLD_S and not is_held(data, path.stem):
                path.unlink()


def _path(data: Path, life: str) -> Path:
    return data / "run" / LIVES / f"{life}.lock"
