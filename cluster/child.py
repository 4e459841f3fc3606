"""One cell that a supervisor has to do with, and how it waits for the end of its process."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from cluster.hands import CellPort
from cluster.problems import StartProblem
from cluster.processes import ProcessId
from cluster.tree import Part, part_of
from cluster.watch import WELL

SERVE_LIMIT_S = 60.0
"""How long a cell is given to serve before what needs it is given up."""


class Child:
    """One wanted cell, or one that leaves."""

    def __init__(self, name: str, part: Part | None = None) -> None:
        self.name = name
        self.part = part or part_of(name)
        """What it is in the supervision tree: by that it is restarted, or not."""
        self.life = ""
        self.state = "waiting"
        """``waiting``, ``starting``, ``serving``, ``failed`` (waits for its next try), ``paused`` (went beyond its limit), ``draining``,
        ``stopped``, ``ended`` (is not started again)."""
        self.replaces = ""
        """The living life of the same cell that this one is to follow; empty: none."""
        self.port: CellPort | None = None
        self.process: ProcessId | None = None
        self.restarts = 0
        self.problem = ""
        """Why it is not serving; empty while it is."""
        self.last_end = ""
        """Why it ended last."""
        self.settled = asyncio.Event()
        """Set while it serves, and once it is not started again."""

    def turns(self, state: str) -> None:
        """Its state from now on."""
        self.state = state
        if state in ("serving", "ended"):
            self.settled.set()
        else:
            self.settled.clear()

    @property
    def lives(self) -> bool:
        """Whether it has a process, as far as is known, that has joined."""
        return self.port is not None and self.process is not None


async def settled(children: Sequence[Child]) -> bool:
    """Wait until one of these serves, for a while: a supervisor that has just returned opens their doors first. False where none does."""
    waits = [asyncio.ensure_future(child.settled.wait()) for child in children]
    try:
        if waits:
            await asyncio.wait(waits, timeout=SERVE_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return any(child.state == "serving" for child in children)


class ProcessEnded(StartProblem):
    """The process of a child ended; `well`: by itself and in good order."""

    def __init__(self, reason: str, *, well: bool) -> None:
        super().__init__(f"its process ended: {reason}")
        self.well = well


async def unless(gone: asyncio.Future[str], work: Coroutine[Any, Any, None]) -> None:
    """Do the work. Raises `ProcessEnded` where the process ends before it is done."""
    task = asyncio.ensure_future(work)
    both: set[asyncio.Future[Any]] = {gone, task}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            raise ProcessEnded(gone.result(), well=gone.result() == WELL)
        task.result()
    finally:
        task.cancel()
