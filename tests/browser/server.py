"""`warbler up` on a folder of its own: started, killed whole, started again on the same port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from cluster import ray_instance
from cluster.bench.killable import free_port
from cluster.processes import send_all, session_members
from cluster.settings import Settings

CELLS = 2
START_LIMIT_S = 90.0


class Server:
    """Two cells on Ray."""

    def __init__(self, folder: Path) -> None:
        self._settings = Settings(data=folder / "data", cells=CELLS)
        self._said = folder / "up.out"
        self._port = free_port()
        self._starting: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self._port}/"

    def begin(self) -> None:
        """Let it come up, and go on meanwhile."""
        command = [sys.executable, "-m", "cluster.cli", "up", "--detach", "--data", str(self._settings.data)]
        command += ["--port", str(self._port), "--cells", str(CELLS)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("WARBLER_", "RAY_"))}
        with self._said.open("wb") as said:  # a pipe would be held open by the processes that stay
            self._starting = subprocess.Popen(command, stdout=said, stderr=said, env=environment)

    def wait(self) -> None:
        """Every cell serves."""
        assert self._starting is not None
        assert self._starting.wait(START_LIMIT_S) == 0, self._said.read_text()

    def start(self) -> None:
        """Come up."""
        self.begin()
        self.wait()

    def kill(self) -> None:
        """SIGKILL to all of its processes at once, Ray's too; nothing is left."""
        instance = ray_instance.running(self._settings)
        assert instance is not None
        while pids := session_members(instance.session):
            send_all(pids, signal.SIGKILL)

    def end(self) -> None:
        """Nothing is left, whatever state it is in."""
        if self._starting is not None and self._starting.poll() is None:
            self._starting.kill()
            self._starting.wait()
        ray_instance.end(self._settings)
