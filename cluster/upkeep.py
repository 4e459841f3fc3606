"""Longer work on cells that people ask a supervisor for: emptying some, replacing all. One at a time; its story is told as it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypedDict

from cluster.problems import StartProblem, in_short
from cluster.supervisor import Supervisor

What = Literal["roll", "drain"]


class Story(TypedDict):
    """What was asked for last, and how it stands."""

    number: int
    """Counts what was asked for; 0: nothing yet."""
    busy: bool
    lines: list[str]
    problem: str
    """Why it stopped before its end; empty where it did not."""


class Upkeep:
    """Belongs to one loop; `close` ends it."""

    def __init__(self) -> None:
        self.story: Story = {"number": 0, "busy": False, "lines": [], "problem": ""}
        self._task: asyncio.Task[None] | None = None

    def begin(self, supervisor: Supervisor, what: What, names: Sequence[str]) -> int:
        """Begin with these cells, one after the other; returns the number of the story. Raises `StartProblem` where another one runs."""
        if self.story["busy"]:
            raise StartProblem("Cells are being emptied or replaced already; wait for that.")
        if not names:
            raise StartProblem("There is no such cell and no node with cells of that name; `warbler status` names them.")
        number = self.story["number"] + 1
        self.story = {"number": number, "busy": True, "lines": [], "problem": ""}
        do = supervisor.replace if what == "roll" else supervisor.drain
        said = "replaced" if what == "roll" else "empty, and ended"
        self._task = asyncio.get_running_loop().create_task(self._do(do, said, names), name=what)
        return number

    async def _do(self, do: Callable[[str], Awaitable[None]], said: str, names: Sequence[str]) -> None:
        story = self.story
        try:
            for name in names:
                await do(name)
                story["lines"].append(f"{name}: {said}")
        except StartProblem as problem:
            story["problem"] = str(problem)
        except Exception as error:  # noqa: BLE001 - whatever stopped it, those who wait for it are told
            story["problem"] = in_short(error)
        finally:
            story["busy"] = False

    async def close(self) -> None:
        """Whoever waits for it waits no more (safe to repeat)."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
