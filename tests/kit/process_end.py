"""The end of a process that is no child of ours, as an event of the system."""

from __future__ import annotations

import os
import select


def await_end(pid: int, limit_s: float = 30.0) -> None:
    """Return when the process is gone; fails where it is not in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], limit_s)[0], f"process {pid} has not ended within {limit_s} s"
    finally:
        os.close(handle)
