"""Servers that can be killed whole and started again on their old data."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster import ray_instance
from cluster.bench.lean_client import LoadError
from cluster.bench.servers import cell_command
from cluster.processes import session_members
from cluster.settings import Settings

START_LIMIT_S = 90.0
_LOOK_S = 0.02


def free_port() -> int:
    """A TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class CellProcess:
    """One cell in one process, without Ray."""

    def __init__(self, data: Path, environment: dict[str, str]) -> None:
        self._data = data
        self._port = free_port()
        self._environment = {**os.environ, **environment}
        self._process: asyncio.subprocess.Process | None = None

    def url(self, index: int) -> str:
        """The one edge."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start it; returns when it listens."""
        command = cell_command(self._data, self._port)
        self._process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=self._environment)
        async with asyncio.timeout(START_LIMIT_S):
            while self._process.stdout is not None and (line := await self._process.stdout.readline()):
                if line.startswith(b"ready"):
                    return
        raise LoadError(f"{' '.join(command)} ended before it was ready, with status {await self._process.wait()}")

    async def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self._process is not None:
            kill_now([self._process.pid] if self._process.returncode is None else [])
            await self._process.wait()

    async def end(self) -> None:
        """The same: nothing else is left of it."""
        await self.kill()


class RayServer:
    """`warbler up`: supervisor, cells and Ray's own processes."""

    def __init__(self, data: Path, cells: int, environment: dict[str, str]) -> None:
        self._settings = Settings(data=data, cells=cells)
        self._port = free_port()
        self._environment = {**os.environ, **environment}

    def url(self, index: int) -> str:
        """The cells share one port; which one answers is the system's choice."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """`warbler up --detach`; returns when every cell serves."""
        command = [sys.executable, "-m", "cluster.cli", "up", "--data", str(self._settings.data), "--port", str(self._port)]
        command += ["--cells", str(self._settings.cells), "--detach"]
        # Into a file, not a pipe: the processes that stay would hold a pipe open.
        with (self._settings.data / "up.out").open("wb") as said:
            process = await asyncio.create_subprocess_exec(*command, stdout=said, stderr=said, env=self._environment)
            async with asyncio.timeout(START_LIMIT_S):
                status = await process.wait()
        if status != 0:
            raise LoadError(f"warbler up failed: {(self._settings.data / 'up.out').read_text().strip()}")

    async def kill(self) -> None:
        """SIGKILL to every process of the instance, Ray's too, and wait until none is left."""
        instance = ray_instance.running(self._settings)
        while instance is not None and (pids := session_members(instance.session)):
            kill_now(pids)
            await asyncio.sleep(_LOOK_S)

    async def end(self) -> None:
        """Kill, and take away what Ray left."""
        await self.kill()
        ray_instance.end(self._settings)


def kill_now(pids: Sequence[int]) -> None:
    """SIGKILL to all of these before anything else runs here."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it ended by itself in this moment
