"""A server on a Ray of two nodes, both on this machine: two cells beside the head, one on the other node."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.store.cluster_file import ClusterFile
from cluster.bench.killable import free_port, kill_now
from cluster.bench.lean_client import LoadError
from cluster.membership import Membership
from cluster.processes import ProcessId, command_of, end_session, session_members
from cluster.secrets_folder import make_secrets
from tests.faults.scene import Map

LIMIT_S = 90.0
CELLS = {"head": 2, "other": 1}
"""Cells of each node."""


class RayNodes:
    """The head with `HEAD`'s cells and one more node. Its head writes down what it knows."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.data = folder / "data"
        self.secrets = folder / "secrets"
        make_secrets(self.secrets)
        self._ray = Path("/tmp") / f"wbf{os.getpid()}"
        self._folder = folder
        self._port, self._public = free_port(), free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WARBLER_", "RAY_"))}
        self._environment = {
            **kept,
            "WARBLER_DATA": str(self.data),
            "WARBLER_SECRETS": str(self.secrets),
            "WARBLER_NODES_SHARE_THIS_MACHINE": "true",
            **environment,
        }
        # node -> session of the system
        self._sessions: dict[str, int] = {}
        self._head: asyncio.subprocess.Process | None = None
        """The head, where it was started again."""
        self._head_again: tuple[list[str], dict[str, str]] | None = None
        self._map: Map | None = None

    @property
    def logs(self) -> Path:
        """Where supervisor and cells write down what they do."""
        return self.data / "log"

    def url(self, index: int) -> str:
        """The cells share one port; which one answers is the system's choice."""
        return f"http://127.0.0.1:{self._public}"

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Both nodes, then Warbler; returns when the cells share the slots. The data folder is there."""
        await self._start_node("head")
        await self._start_node("other")
        await self._up()
        self._map = Map(self.data)
        await self._map.settled(sum(CELLS.values()))

    async def _up(self) -> None:
        await self._run("up", "--address", f"127.0.0.1:{self._port}", "--port", str(self._public), "--detach")

    async def _start_node(self, name: str) -> None:
        place = ("--head", "--port", str(self._port)) if name == "head" else ("--join", f"127.0.0.1:{self._port}")
        more = ("--node-address", "127.0.0.1", "--roles", "edge-chat", "--cells", str(CELLS[name]), "--gpus", "0", "--zone", name)
        self._sessions[name] = await self._run("node", *place, *more, "--temp-dir", str(self._ray))

    async def _run(self, *arguments: str) -> int:
        """A command to its end, in a session of its own; the number of that."""
        command = [sys.executable, "-m", "cluster.cli", *arguments]
        said = self._said(arguments[0])
        with said.open("wb") as out:  # not a pipe: what stays would hold it open
            process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=out, env=self._environment, start_new_session=True)
            async with asyncio.timeout(LIMIT_S):
                status = await process.wait()
        if status != 0:
            raise LoadError(f"warbler {arguments[0]} failed: {said.read_text().strip()}")
        return process.pid

    def _said(self, command: str) -> Path:
        return self._folder / f"{command}.out"

    async def start_head_again(self) -> None:
        """As the operator's page says: by the commands with which it was started, whatever its former head has left."""
        self._head_again = None
        await self._start_node("head")
        await self._up()

    async def heal(self) -> None:
        """The head, the other node, and all cells run again."""
        if self._head_again is not None:
            (command, environment), self._head_again = self._head_again, None
            with (self._folder / "head.out").open("ab") as said:
                self._head = await asyncio.create_subprocess_exec(
                    *command, env=environment, stdout=said, stderr=said, stdin=asyncio.subprocess.DEVNULL
                )
        if not self._find("other", "/raylet/raylet"):
            await self._start_node("other")
        async with asyncio.timeout(LIMIT_S):
            await self.map.settled(sum(CELLS.values()))

    async def end(self) -> None:
        """End every process, and take away what Ray left."""
        if self._map is not None:
            self._map.close()
        if self._head is not None and self._head.returncode is None:
            self._head.kill()
            await self._head.wait()
        for session in self._sessions.values():
            await asyncio.to_thread(end_session, session, lambda pid: str(self._ray) in command_of(pid), limit_s=10.0)
        await asyncio.to_thread(subprocess.run, ["rm", "-rf", str(self._ray)], check=True)

    # --- looking -----------------------------------------------------------------------------------------------------

    @property
    def map(self) -> Map:
        """What is stored."""
        assert self._map is not None
        return self._map

    def lives(self) -> dict[str, str]:
        """Life -> zone, which is the node, of all cells in the view."""
        return {cell.life: cell.zone for cell in self.map.view().cells}

    def names(self) -> list[str]:
        """The cells in the view."""
        return sorted(cell.name for cell in self.map.view().cells)

    def process(self, life: str) -> ProcessId:
        """The process of a cell."""
        cluster = ClusterFile(self.data)
        try:
            found = Membership(cluster).process(life)
        finally:
            cluster.close()
        assert found is not None
        return found

    def owned_by(self, lives: list[str], rooms: list[str]) -> list[str]:
        """Rooms whose slots these lives own."""
        view = self.map.view()
        return [room for room in rooms if view.owner(slot_of(actor_id("room", room))) in lives]

    def _find(self, node: str, part: str) -> list[int]:
        return [pid for pid in session_members(self._sessions[node]) if part in command_of(pid)]

    # --- breaking ----------------------------------------------------------------------------------------------------

    def kill_cell(self, life: str) -> None:
        """SIGKILL."""
        kill_now([self.process(life).pid])

    def kill_supervisor(self) -> None:
        """SIGKILL."""
        kill_now([pid for node in CELLS for pid in self._find(node, "ray::Supervisor")])

    def kill_head(self) -> None:
        """SIGKILL to Ray's head; `heal` starts it again as it was."""
        pid = self._head.pid if self._head is not None else self._find("head", "gcs_server")[0]
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
        pairs = (pair.partition("=") for pair in Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0") if pair)
        self._head_again = command, {name: value for name, _, value in pairs}
        os.kill(pid, signal.SIGKILL)

    def kill_node(self) -> None:
        """SIGKILL to everything on the other node."""
        kill_now(session_members(self._sessions["other"]))

    def freeze_node(self) -> None:
        """SIGSTOP to everything on the other node."""
        self._signal_node(signal.SIGSTOP)

    def thaw_node(self) -> None:
        """SIGCONT to what is left of it."""
        self._signal_node(signal.SIGCONT)

    def _signal_node(self, number: int) -> None:
        for pid in session_members(self._sessions["other"]):
            with contextlib.suppress(ProcessLookupError):  # it was killed meanwhile
                os.kill(pid, number)

    # --- upkeep ------------------------------------------------------------------------------------------------------

    async def command(self, *arguments: str) -> list[str]:
        """A command of an operator to its end; the lines that it says."""
        await self._run(*arguments)
        return self._said(arguments[0]).read_text().splitlines()

    async def has_cells(self, count: int) -> None:
        """Wait until so many cells share the slots."""
        async with asyncio.timeout(LIMIT_S):
            await self.map.settled(count)

    def story(self) -> str:
        """The ends of all logs, for a failure."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-4000:]}" for path in sorted(self.logs.glob("*.log")))

    def adoptions(self) -> int:
        """How often a supervisor has found a cell of an earlier one alive."""
        return (self.logs / "supervisor.log").read_text().count('"cell_adopted"')
