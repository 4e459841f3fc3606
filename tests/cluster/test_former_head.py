"""What a killed head left is ended before it is started again, and nothing else is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cluster.former_head import CURRENT, STORAGE_VARIABLE, end_former_head

PARENT = "import subprocess, sys; c = subprocess.Popen([sys.argv[1], '-c', 'import sys; sys.stdin.read()'], env={}); print(c.pid, flush=True); c.wait()"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """A process of a head that keeps its knowledge there; it says the number of a child of its own, which has another environment."""
    with ExitStack() as stack:

        def start(storage: str, title: str = "raylet") -> subprocess.Popen[str]:
            command = [title, "-c", PARENT, sys.executable]
            environment = {**os.environ, STORAGE_VARIABLE: storage}
            process = stack.enter_context(
                subprocess.Popen(
                    command, executable=sys.executable, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            stack.callback(process.kill)
            return process

        yield start


def child_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def test_all_that_is_left_of_it_is_ended_and_another_head_s_is_not(start: Start, tmp_path: Path) -> None:
    raylet, other = start(str(tmp_path / "a")), start(str(tmp_path / "b"))
    children = child_of(raylet), child_of(other)
    assert set(end_former_head(str(tmp_path / "a"), tmp_path, 6379)) == {raylet.pid, children[0]}
    assert raylet.wait() != 0
    assert other.poll() is None
    os.kill(children[1], 0)


def test_a_head_that_runs_is_left_alone(start: Start, tmp_path: Path) -> None:
    server, raylet = start(str(tmp_path), "/ray/gcs_server"), start(str(tmp_path))
    child_of(server), child_of(raylet)
    assert end_former_head(str(tmp_path), tmp_path, 6379) == []
    assert server.poll() is raylet.poll() is None


def test_its_address_is_forgotten_where_nobody_listens_there_any_more(tmp_path: Path) -> None:
    file = tmp_path / CURRENT
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        file.write_text(f"127.0.0.1:{port}")
        end_former_head(str(tmp_path), tmp_path, port)
        assert file.exists()
    end_former_head(str(tmp_path), tmp_path, port + 1 if port < 65535 else port - 1)
    assert file.exists()
    end_former_head(str(tmp_path), tmp_path, port)
    assert not file.exists()
    assert end_former_head(str(tmp_path), tmp_path, port) == []
