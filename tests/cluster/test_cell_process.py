"""One cell in one plain process: it says where it is, survives being killed, and ends in good order."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.slow
ACCOUNT = {"name": "anna", "password": "correct horse", "display": "Anna"}


@contextmanager
def cell(data: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running cell and its URL; killed at the end where it is not gone by then."""
    command = [sys.executable, "-m", "cluster.cell_process", "--data", str(data), "--log", str(data.parent / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.fullmatch(r"ready (http://127\.0\.0\.1:\d+)\n", line)
            assert found is not None, line
            yield process, found[1]
        finally:
            process.kill()


def test_what_it_acknowledged_is_there_after_a_kill_and_after_an_end_in_good_order(tmp_path: Path) -> None:
    with cell(tmp_path / "data") as (process, url):
        made = httpx.post(f"{url}/api/v1/accounts", json=ACCOUNT)
        assert made.status_code == 201
        process.kill()
        process.wait()
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    for end in (signal.SIGKILL, signal.SIGTERM):
        with cell(tmp_path / "data") as (process, url):
            assert httpx.get(f"{url}/api/v1/me", headers=headers).status_code == 200
            process.send_signal(end)
            assert process.wait(30) == (0 if end is signal.SIGTERM else -signal.SIGKILL)


def test_a_start_beside_a_running_one_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with cell(tmp_path / "data") as (_, url):
        second = [sys.executable, "-m", "cluster.cell_process", "--data", str(tmp_path / "data")]
        done = subprocess.run(second, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "Another Warbler process" in done.stderr
        assert httpx.get(f"{url}/healthz").json()["ok"] is True
