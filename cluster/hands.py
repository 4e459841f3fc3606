"""What a supervisor works with: cell processes, and what starts and ends them. `cluster.ray_supervisor` has those of Ray."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from actors.runtime.view import CellInfo
from cluster.figures import CellStats
from cluster.processes import ProcessId


class CellPort(Protocol):
    """One cell process, as its supervisor sees it. A failed call raises; that alone never means that it is dead."""

    async def start(self, replaces: str = "") -> tuple[CellInfo, ProcessId]:
        """Put the cell together, and let it join the view (`replaces`: as the successor of that living life). Raises `StartProblem`."""

    async def report_death(self, life: str, why: str) -> str:
        """Tell it that another life is dead, for sure. Returns why the cell had that one ended, where it had; empty else."""

    async def open_doors(self, port: int) -> int:
        """Listen on the public port. Raises `StartProblem`."""

    async def stats(self) -> CellStats:
        """Figures for people."""

    async def stop(self) -> None:
        """End in good order."""

    async def gone(self) -> str:
        """Returns when the process is dead, with the reason; never before."""


class Hands(Protocol):
    """What starts and ends processes."""

    async def launch(self, name: str, life: str) -> CellPort:
        """A new process for a life."""

    async def find(self, name: str, life: str) -> CellPort | None:
        """The running process of a life, where there is one that answers."""

    async def kill(self, life: str, process: ProcessId | None) -> None:
        """The process is gone when this returns. Raises `StartProblem` where that cannot be had."""

    def node_of(self, name: str) -> str:
        """The node on which the cell of that name is to be; empty: there is one only."""

    def has_another_node(self, name: str) -> bool:
        """Whether its like can be placed on another node than its own."""

    async def renew_switch(self) -> bool:
        """The switch of programs (`cluster.handles`) goes on in a new process, with the code of today. False where none runs."""


class Wanted(NamedTuple):
    """What is to run."""

    names: tuple[str, ...]
    port: int
