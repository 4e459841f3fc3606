"""Processes of this machine: is it still the one that we started, and the end of it for sure."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc/self/stat").exists()
"""Whether processes can be looked at as files (Linux); elsewhere `ps` tells."""
POLL_S = 0.02
"""How often a process that was killed is looked for."""


class ProcessId(NamedTuple):
    """A process for ever: its number, and when it was started, since numbers come again."""

    pid: int
    started: str
    space: str = ""
    """The running system and the name space of its number, where there are such: in another one the number is somebody else's."""

    def text(self) -> str:
        """The form in which it is stored."""
        return f"{self.pid} {self.started}@{self.space}"

    @classmethod
    def parse(cls, text: str) -> ProcessId:
        """From its stored form; raises `ValueError`."""
        pid, _, rest = text.partition(" ")
        started, _, space = rest.partition("@")
        return cls(int(pid), started, space)

    @property
    def is_near(self) -> bool:
        """Whether it can be looked at and ended from here."""
        return self.space in ("", pid_space())


def identify(pid: int) -> ProcessId | None:
    """The process of that number now; None where there is none, or only its remains."""
    started = _started(pid)
    return ProcessId(pid, started, pid_space()) if started is not None else None


def pid_space() -> str:
    """The name space of process numbers that this process is in, of this machine since its start (the first name space is called
    the same on every machine); the machine alone, where the system has none."""
    try:
        return f"{this_machine()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return this_machine()


def this_machine() -> str:
    """The running system that this process is on: another one after each start, the same in every container of it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def is_alive(process: ProcessId) -> bool:
    """Whether this very process still runs."""
    return _started(process.pid) == process.started


def kill_for_sure(process: ProcessId, *, limit_s: float = 5.0) -> bool:
    """SIGKILL, and wait until it is gone. False where it still is there (it hangs in the kernel)."""
    end = time.monotonic() + limit_s
    while is_alive(process):
        send(process.pid, signal.SIGKILL)
        if time.monotonic() > end:
            return False
        time.sleep(POLL_S)
    return True


def end_session(session: int, ours: Callable[[int], bool], *, limit_s: float = 5.0) -> bool:
    """End all processes of a session (`setsid`), first politely, after a sixth of the time by force. Only processes of which
    `ours(pid)` is true for at least one member: a session number can come again. False where some are left."""
    members = session_members(session)
    if not any(ours(pid) for pid in members):
        return True
    started = time.monotonic()
    send_all(members, signal.SIGTERM)
    while members := session_members(session):
        waited = time.monotonic() - started
        if waited > limit_s:
            return False
        if waited > limit_s / 6:
            send_all(members, signal.SIGKILL)
        time.sleep(POLL_S)
    return True


def session_members(session: int) -> list[int]:
    """The numbers of all living processes of a session."""
    return [pid for pid in all_pids() if _session_of(pid) == session and _started(pid) is not None]


def all_pids() -> list[int]:
    """Every process that this user can see."""
    if PROC:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    listed = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=True)
    return [int(text) for text in listed.stdout.split()]


def parents() -> dict[int, int]:
    """Process -> its parent, of every process that is seen as a file (Linux); elsewhere none."""
    found = {pid: _fields(pid) for pid in all_pids()} if PROC else {}
    return {pid: int(fields[1]) for pid, fields in found.items() if fields}


def command_of(pid: int) -> str:
    """The command line of a process; empty where it is gone."""
    if PROC:
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout


def send(pid: int, number: int) -> None:
    """A signal, to a process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # gone: what was wanted


def send_all(pids: list[int], number: int) -> None:
    """A signal to each."""
    for pid in pids:
        send(pid, number)


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return -1


def _started(pid: int) -> str | None:
    if PROC:
        return _started_linux(pid)
    shown = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True).stdout.split()
    return None if not shown or shown[0].startswith("Z") else " ".join(shown[1:])


def _started_linux(pid: int) -> str | None:
    fields = _fields(pid)
    return None if not fields or fields[0] in ("Z", "X") else fields[19]


def _fields(pid: int) -> list[str]:
    """What the system says of a process, from its state on; empty where it is gone."""
    try:
        # The name, in parentheses, may hold blanks and parentheses itself.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
