"""A server under load, and how one is started and ended as a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cluster.bench.lean_client import LoadError
from cluster.bench.measure import pin

SERVER_CORE = 0
"""Servers run here, the load generator on `LOAD_CORE`, so that neither takes the other's time."""
LOAD_CORE = 1


@dataclass(frozen=True, slots=True)
class Target:
    """A server that listens."""

    urls: tuple[str, ...]
    """``http://host:port`` of its edges; clients are spread over them."""
    pids: tuple[int, ...]
    """Its processes, whose CPU and memory count."""
    daemon_pids: tuple[int, ...] = ()
    """Processes beside it, shown apart."""
    folder: Path = field(default_factory=Path.cwd)
    """On the disk that it writes to."""
    ready_s: float = 0.0
    """From its start until it listened."""

    def url(self, index: int) -> str:
        """The edge of the client with this index."""
        return self.urls[index % len(self.urls)]


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """What is started inside runs on this core: affinity is inherited, by threads of the first moment too."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    pin(0, core)
    try:
        yield
    finally:
        if before is not None:
            os.sched_setaffinity(0, before)


@contextlib.contextmanager
def started(
    command: Sequence[str], *, core: int | None, environment: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process on a core, and the line that it printed when it was ready; killed at the end."""
    with on_core(core):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
    try:
        yield process, _ready_line(process, command)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _ready_line(process: subprocess.Popen[str], command: Sequence[str]) -> str:
    for line in process.stdout or ():
        if line.startswith("ready"):
            return line.strip()
    raise LoadError(f"the server ended before it was ready: {' '.join(command)} (exit {process.wait()})")
