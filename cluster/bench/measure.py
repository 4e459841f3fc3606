"""What a process has used: CPU time, memory; how long the disk takes for an fsync; percentiles."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

KIB = 1024
_LINUX = sys.platform.startswith("linux")


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of all threads of these processes, ended threads too, in seconds."""
    return sum(_cpu_seconds(pid) for pid in pids)


def _cpu_seconds(pid: int) -> float:
    if _LINUX:
        # The process's own CPU clock counts nanoseconds, where the times in /proc count hundredths of a second.
        return time.clock_gettime(((~pid) << 3) | 2)
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def with_children(pids: Iterable[int]) -> list[int]:
    """These processes and all their descendants."""
    found: dict[int, None] = {}
    for pid in pids:
        found[pid] = None
        for child in psutil.Process(pid).children(recursive=True):
            found[child.pid] = None
    return list(found)


def memory_bytes(pids: Iterable[int]) -> tuple[int, int]:
    """(RSS, PSS) of these processes together; where the system tells no PSS, RSS stands in for it."""
    rss = pss = 0
    for pid in pids:
        process = psutil.Process(pid)
        info = process.memory_full_info() if _LINUX else process.memory_info()
        rss += info.rss
        pss += getattr(info, "pss", info.rss)
    return rss, pss


def pin(pid: int, core: int | None) -> None:
    """Keep a process, and what it starts from now on, on one core; nothing where that cannot be done."""
    if core is not None and _LINUX and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(pid, {core})


def fsync_seconds(folder: Path, seconds: float) -> list[float]:
    """How long an fsync of 4 KiB appended to a file takes on this disk, measured for `seconds`."""
    path = folder / f"fsync-probe-{os.getpid()}"
    block = os.urandom(4 * KIB)
    taken: list[float] = []
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end:
            os.write(descriptor, block)
            os.fsync(descriptor)
            taken.append(time.perf_counter() - start)
    finally:
        os.close(descriptor)
        path.unlink()
    return taken


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie; 0.0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """The middle value; the mean of the middle two; 0.0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
