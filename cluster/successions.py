"""A cell is replaced by a new process of the same name: it serves before the old one is emptied and ends.

    successor      temporary: where it does not serve it is given up, and the old one stays
    hand over      once it serves, the old one leaves (`cluster.partings`)

What is half done when a supervisor dies is seen in the view: an old life that is to be emptied, and its successor.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from cluster.child import Child
from cluster.membership import Membership
from cluster.problems import StartProblem
from cluster.tree import PARTS, part_of

if TYPE_CHECKING:
    from cluster.supervisor import Supervisor


class Successions:
    """Of one supervisor."""

    def __init__(self, supervisor: Supervisor, membership: Membership) -> None:
        self._supervisor = supervisor
        self._membership = membership
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, asyncio.Future[None]] = {}
        """Old life -> how its handing over ended."""
        self.tasks = asyncio.TaskGroup()
        """Where they go on; whoever runs the supervisor puts its own here."""

    async def replace(self, name: str, life: str) -> None:
        """See `Supervisor.replace`; with a life: where that has been replaced already, only what is left of it is waited for."""
        supervisor = self._supervisor
        if life and life not in self._tasks and await self._is_new(name, life):
            return
        end = self._ends.get(life)
        if end is None:
            old = await supervisor.serving(name)
            await supervisor.release(name)
            if supervisor.stopping:
                raise StartProblem("The server is being stopped.")
            new = Child(name, PARTS["successor"])
            new.replaces, new.restarts, new.last_end = old.life, old.restarts, old.last_end
            supervisor.partings.hold(old)
            supervisor.keep(new)
            end = self._begin(old, new)
        await asyncio.shield(end)

    def go_on(self, old: Child, new: Child) -> None:
        """A supervisor before this one was in the middle of it."""
        new.part = PARTS["successor"]
        self._supervisor.partings.hold(old)
        self._begin(old, new)

    def forget(self, name: str) -> None:
        """The cell of that name is wanted no more, neither the old process nor the new one."""
        for old in self._supervisor.partings.of(name):
            task = self._tasks.pop(old.life, None)
            if task is not None:
                task.cancel()
                self._supervisor.partings.begin(old)

    async def close(self) -> None:
        """Nothing is handed over any more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _is_new(self, name: str, life: str) -> bool:
        """Wait for a cell that serves; whether it is another life than that one, and nothing of that one is left."""
        supervisor = self._supervisor
        child = await supervisor.serving(name)
        await supervisor.partings.over(life)
        return child.life != life

    def _begin(self, old: Child, new: Child) -> asyncio.Future[None]:
        life = old.life
        end = self._ends[life] = asyncio.get_running_loop().create_future()
        end.add_done_callback(partial(_note, old))
        self._tasks[life] = self.tasks.create_task(self._carry_through(old, new, end), name=f"replace {life}")
        return end

    async def _carry_through(self, old: Child, new: Child, end: asyncio.Future[None]) -> None:
        life = old.life
        try:
            await self._hand_over(old, new)
        except StartProblem as problem:
            end.set_exception(problem)
        else:
            end.set_result(None)
        finally:
            self._tasks.pop(life, None)
            self._ends.pop(life).cancel()

    async def _hand_over(self, old: Child, new: Child) -> None:
        await new.settled.wait()
        if new.state == "ended":
            await self._keep_after_all(old, new)
            raise StartProblem(f"The new {new.name} does not serve, and the old one is kept: {new.problem}")
        new.replaces, new.part = "", part_of(new.name)
        await asyncio.shield(self._supervisor.partings.begin(old))

    async def _keep_after_all(self, old: Child, new: Child) -> None:
        supervisor = self._supervisor
        await supervisor.release(new.name)
        for life in self._membership.unsealed():
            if life != old.life and life.rpartition("-")[0] == old.name:
                await supervisor.burials.end_stranger(life, new.problem)
        supervisor.partings.let_stay(old)
        supervisor.keep(old)


def _note(old: Child, done: asyncio.Future[None]) -> None:
    if not done.cancelled() and done.exception() is not None:
        old.problem = str(done.exception())
