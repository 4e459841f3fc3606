"""Cells that leave: emptied first, then ended in good order, whatever comes between. They may be taken back until they are being ended.

draining    the view says so: its slots and its clients go to others, for a while
stopped     it is asked to end, then it is gone for sure; tried until it is
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from actors.runtime.view import ViewError
from cluster.burials import Burials
from cluster.child import Child, unless
from cluster.hands import CellPort
from cluster.membership import Membership
from cluster.problems import StartProblem
from cluster.tree import PARTS
from gateway.logs import event_log

EMPTY_LIMIT_S = 90.0
"""A cell that is not empty by then ends with what is left in it: its clients connect again, its slots are taken over."""
STOP_LIMIT_S = 15.0
LOOK_S = 0.2
"""Between two looks whether it is empty."""
AGAIN_S = (1.0, 30.0)
"""Between two tries to end a process that cannot be ended: at first, and at most."""

_log = event_log("cluster.supervisor")


class Partings:
    """Of one supervisor."""

    def __init__(self, membership: Membership, burials: Burials) -> None:
        self._membership = membership
        self._burials = burials
        self.leaving: dict[str, Child] = {}
        """By their lives (by its name, where one has no life yet)."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.tasks = asyncio.TaskGroup()
        """Where they go on; whoever runs the supervisor puts its own here."""

    def begin(self, child: Child, first: Awaitable[object] | None = None) -> asyncio.Task[None]:
        """This cell leaves from now on, after what comes `first`. The task ends when it is gone."""
        key = child.life or child.name
        if key not in self._tasks:
            child.part = PARTS["leaving cell"]
            child.turns("draining")
            self.leaving[key] = child
            self._tasks[key] = self.tasks.create_task(self._leave(key, child, first), name=f"see off {key}")
        return self._tasks[key]

    def hold(self, child: Child) -> None:
        """This cell is to leave once its successor serves."""
        self.leaving[child.life] = child

    def let_stay(self, child: Child) -> None:
        """It is not to leave after all. Only where `may_stay` says that it can."""
        key = child.life
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()
        self.leaving.pop(key, None)
        view = self._membership.view()
        if view is not None and key in view.draining:
            self._membership.drain(key, wanted=False)
        child.part = Child(child.name).part
        child.turns("waiting")
        _log.info("cell_stays", cell=child.name, life=key)

    def may_stay(self, name: str) -> Child | None:
        """The cell of that name that leaves and has not been asked to end."""
        return next((child for child in self.leaving.values() if child.name == name and child.state == "draining" and child.lives), None)

    def of(self, name: str) -> list[Child]:
        """All that leave and have this name."""
        return [child for child in self.leaving.values() if child.name == name]

    async def over(self, life: str) -> None:
        """Wait until this life is gone, where it is about to go."""
        task = self._tasks.get(life)
        if task is not None:
            await asyncio.shield(task)

    async def end(self, child: Child, limit_s: float) -> None:
        """End its process, by force after `limit_s`. Raises `StartProblem` where that cannot be had."""
        child.turns("stopped")
        if child.port is not None:
            try:
                async with asyncio.timeout(limit_s):
                    await child.port.stop()
            except Exception as error:  # noqa: BLE001 - however it failed to stop, it is killed next
                _log.warning("cell_did_not_stop", cell=child.name, reason=repr(error))
        if child.life:
            await self._burials.bury(child)

    async def close(self) -> None:
        """Nobody leaves by itself any more: whoever closes ends them all."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _leave(self, key: str, child: Child, first: Awaitable[object] | None) -> None:
        if first is not None:
            await first
        if child.lives and self._marked(child.life):
            await self._empty(child)
        again_s, longest_s = AGAIN_S
        while not await self._ended(child):
            await asyncio.sleep(again_s)
            again_s = min(2 * again_s, longest_s)
        self.leaving.pop(key, None)
        self._tasks.pop(key, None)
        _log.info("cell_emptied", cell=child.name, life=key)

    def _marked(self, life: str) -> bool:
        """The view says that it is to be emptied. False where it is not in the view."""
        try:
            self._membership.drain(life)
        except (ViewError, ValueError):
            return False
        return True

    async def _ended(self, child: Child) -> bool:
        try:
            await self.end(child, STOP_LIMIT_S)
        except StartProblem as problem:
            child.problem = str(problem)
            return False
        return True

    async def _empty(self, child: Child) -> None:
        """Wait until it is empty, for a while, or dead."""
        port = child.port
        assert port is not None
        gone = asyncio.ensure_future(port.gone())
        try:
            async with asyncio.timeout(EMPTY_LIMIT_S):
                await unless(gone, _emptied(port))
        except (TimeoutError, StartProblem) as error:
            _log.warning("cell_not_emptied", cell=child.name, life=child.life, reason=repr(error))
        finally:
            gone.cancel()


async def _emptied(port: CellPort) -> None:
    while True:
        if (await port.stats()).get("drained", False):
            return
        await asyncio.sleep(LOOK_S)
