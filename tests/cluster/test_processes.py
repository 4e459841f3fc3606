"""Processes: the same one for sure, ended for sure, and never another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from cluster import processes
from cluster.processes import ProcessId, end_session, identify, is_alive, kill_for_sure, session_members

SLEEPER = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); sys.stdin.read()",
]


def started(command: list[str], **options: bool) -> subprocess.Popen[str]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def close(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_process_is_known_by_number_and_start() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert is_alive(me)
    assert not is_alive(me._replace(started="another time"))
    assert ProcessId.parse(me.text()) == me


def test_a_process_of_another_machine_or_before_a_restart_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    me = identify(os.getpid())
    assert me is not None
    assert me.is_near
    monkeypatch.setattr(processes, "this_machine", lambda: "another")
    assert not me.is_near


def test_a_killed_process_is_gone_when_the_call_returns_even_unreaped() -> None:
    process = started(SLEEPER)
    known = identify(process.pid)
    assert known is not None
    assert kill_for_sure(known)
    assert not is_alive(known)
    assert identify(process.pid) is None
    close(process)


def test_a_frozen_process_is_killed_all_the_same() -> None:
    process = started(SLEEPER)
    known = identify(process.pid)
    assert known is not None
    os.kill(process.pid, signal.SIGSTOP)
    assert kill_for_sure(known)
    close(process)


def test_a_number_that_came_again_is_not_killed() -> None:
    process = started(SLEEPER)
    assert kill_for_sure(ProcessId(process.pid, "long ago"))
    assert identify(process.pid) is not None
    close(process)


def test_a_session_ends_whole_also_who_does_not_listen() -> None:
    process = started(STUBBORN, start_new_session=True)
    assert session_members(process.pid) == [process.pid]
    assert end_session(process.pid, lambda pid: True, limit_s=3.0)
    assert session_members(process.pid) == []
    assert process.wait() == -signal.SIGKILL
    close(process)


def test_a_session_that_is_somebody_elses_is_left_alone() -> None:
    process = started(SLEEPER, start_new_session=True)
    assert end_session(process.pid, lambda pid: False)
    assert session_members(process.pid) == [process.pid]
    close(process)
