"""A real server on Ray: a data folder, and the commands on it as people give them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cluster.processes import session_members
from cluster.ray_environment import read_instance
from cluster.settings import Settings

LIMIT_S = 60.0


class Server:
    """A data folder and the commands on it, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data=folder / "data")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("WARBLER_", "RAY_"))}

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cluster.cli", *arguments, "--data", str(self.settings.data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**self.environment, **variables})

    def up(self) -> str:
        done = self.run("up", "--port", "0", "--cells", "2", "--shards", "4", "--detach")
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

    def processes(self) -> list[int]:
        instance = read_instance(self.settings)
        return session_members(instance.session) if instance is not None else []
