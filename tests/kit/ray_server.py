"""A real server on Ray: a data folder, and the commands on it as people give them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from actors.runtime.view import View
from actors.store.cluster_file import ClusterFile
from cluster.processes import command_of, session_members
from cluster.ray_environment import read_instance
from cluster.settings import Settings
from tests.kit.process_end import await_end

LIMIT_S = 60.0


class Server:
    """A data folder and the commands on it, each in a process of its own."""

    def __init__(self, folder: Path, store: str = "") -> None:
        self.settings = Settings(data=folder / "data", store=store)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("WARBLER_", "RAY_"))}
        if store:
            self.environment["WARBLER_STORE"] = store

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cluster.cli", *arguments, "--data", str(self.settings.data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**self.environment, **variables})

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that is under way."""
        command = [sys.executable, "-m", "cluster.cli", *arguments, "--data", str(self.settings.data)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)

    def up(self, **variables: str) -> str:
        done = self.run("up", "--port", "0", "--cells", "2", "--shards", "4", "--detach", **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        done = self.run("status", "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def cells(self) -> dict[str, dict[str, Any]]:
        return {cell["name"]: cell for cell in self.status()["cells"]}

    def until(self, what: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, dict[str, Any]]:
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            cells = self.cells()
            if all(cell["state"] == "serving" and "slots" in cell for cell in cells.values()) and what(cells):
                return cells
        raise AssertionError(f"not within {LIMIT_S} s; now: {cells}")

    def view(self) -> View:
        """What is stored."""
        with closing(ClusterFile(self.settings.data)) as cluster:
            return View.decode(cluster.view()[1])

    def until_view(self, what: Callable[[View], bool]) -> View:
        """Look at what is stored until it is so."""
        end = time.monotonic() + LIMIT_S
        with closing(ClusterFile(self.settings.data)) as cluster:
            while not what(view := View.decode(cluster.view()[1])):
                assert time.monotonic() < end, f"not within {LIMIT_S} s; now: {view}"
        return view

    def kill_supervisor(self) -> int:
        """SIGKILL; returns when it is gone. Its number."""
        (pid,) = [pid for pid in self.processes() if command_of(pid).startswith("ray::Supervisor")]
        os.kill(pid, signal.SIGKILL)
        await_end(pid)
        return pid

    def processes(self) -> list[int]:
        instance = read_instance(self.settings)
        return session_members(instance.session) if instance is not None else []
