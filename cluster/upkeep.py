"""Longer work on cells that people ask a supervisor for: emptying some, replacing all. One at a time, one part after the other.

What was asked for, and which parts are done, stands in the plan (`cluster.plan`): a supervisor that returns goes on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TypedDict

from cluster import plan_steps as steps
from cluster.hands import Hands
from cluster.plan import SWITCH, Plan, Task, What
from cluster.problems import StartProblem, in_short
from cluster.seat_names import is_session
from cluster.supervisor import Supervisor

LOOK_S = 0.2
"""Between two looks whether there is something to do."""


class Story(TypedDict):
    """What was asked for last, and how it stands."""

    number: int
    """Counts what was asked for; 0: nothing yet."""
    busy: bool
    lines: list[str]
    problem: str
    """Why it stopped before its end; empty where it did not."""


def cells_to_drain(name: str, children: Mapping[str, str], off: Collection[str]) -> list[str]:
    """The cells that a name (or a node's address) means, of `children` with their nodes' addresses; one that is off already is what was
    wanted. Raises `StartProblem` for a session: it would be off for ever, and its device with it."""
    if is_session(name):
        raise StartProblem("A session ends with its device's connection, and cannot be taken off; `warbler accounts disable` is for users.")
    named = [child for child, address in children.items() if name in (child, address) and not is_session(child)]
    return named or [other for other in off if other == name]


class Upkeep:
    """Of one supervisor. `run` until cancelled."""

    def __init__(self, supervisor: Supervisor, hands: Hands) -> None:
        self._supervisor = supervisor
        self._hands = hands
        self._plan = supervisor.plan

    def begin(self, what: What, names: Sequence[str], request: str = "") -> int:
        """Begin with these cells, one after the other; returns the number of the story. The same request again changes nothing.
        Raises `StartProblem` where other work is under way."""
        if not names and request not in self._plan.plan.answered:
            raise StartProblem("There is no such cell and no node with cells of that name; `warbler status` names them.")
        lives = {name: child.life for name, child in self._supervisor.children.items() if name in names and what == "roll"}
        parts = (SWITCH, *names) if what == "roll" else tuple(names)
        plan = self._plan.ask(request, partial(steps.begin_task, what=what, parts=parts, lives=lives))
        assert plan.task is not None
        return plan.task.number

    def want_back(self, names: Sequence[str], request: str = "") -> None:
        """Cells that were taken off, or are just being emptied, are wanted again. Raises `StartProblem` where none of them was."""
        self._plan.ask(request, partial(steps.want_back, names=names))
        self._supervisor.want_anew()

    async def run(self) -> None:
        """Do what the plan says, part by part, for ever."""
        await self._supervisor.adopted.wait()
        while not self._supervisor.stopping:
            task = self._plan.plan.task
            if task is None or task.is_over:
                await asyncio.sleep(LOOK_S)
            elif task.next_part:
                await self._do(task, task.next_part)
            else:
                self._plan.change(partial(steps.end_task, number=task.number))

    async def _do(self, task: Task, part: str) -> None:
        try:
            line = await (self._replaced(part, task) if task.what == "roll" else self._emptied(part))
        except StartProblem as problem:
            self._plan.change(partial(steps.end_task, number=task.number, problem=in_short(problem)))
        else:
            self._plan.change(partial(steps.end_part, number=task.number, part=part, line=line))

    async def _replaced(self, part: str, task: Task) -> str:
        if part == SWITCH:
            return "switch: replaced" if await self._hands.renew_switch() else ""
        if is_session(part) and part not in self._supervisor.children:
            return ""  # its device has gone meanwhile
        await self._supervisor.replace(part, task.lives.get(part, ""))
        return f"{part}: replaced"

    async def _emptied(self, name: str) -> str:
        if name not in self._plan.plan.off:
            await self._supervisor.may_be_taken_off(name)
            self._plan.change(partial(steps.take_off, name=name))
        self._supervisor.want_anew()
        return f"{name}: empty, and ended" if await self._supervisor.gone(name) else f"{name}: wanted again"


def story_of(plan: Plan) -> Story:
    """What was asked for last, for people."""
    task = plan.task
    if task is None:
        return {"number": 0, "busy": False, "lines": [], "problem": ""}
    return {"number": task.number, "busy": not task.is_over, "lines": list(task.lines), "problem": task.problem}
