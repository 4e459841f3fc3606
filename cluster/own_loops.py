"""The supervisor's own loops, as its tree says: one that fails ends all, and all begin anew; too often, and the supervisor ends.

What a loop knows is read anew when it begins. Where even that does not help, the process's own state is taken to be broken: Ray starts
the supervisor again, which adopts what runs. A store that is away says nothing about that state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from actors.store.store import StoreError
from cluster.discipline import judge
from cluster.problems import in_short
from cluster.tree import LOOPS, PARTS
from gateway.logs import event_log

AGAIN_S = 1.0
"""Before they begin anew."""

_log = event_log("cluster.supervisor")


class StateBroken(Exception):
    """The supervisor cannot go on with what it has in memory."""


async def keep_loops(loops: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
    """Run all of them until they end or this is cancelled. Raises `StateBroken`."""
    together = [loops] if PARTS[LOOPS].strategy == "one for all" else [{name: loop} for name, loop in loops.items()]
    async with asyncio.TaskGroup() as tasks:
        for group in together:
            tasks.create_task(_keep(group), name=" ".join(group))


async def _keep(loops: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
    now = asyncio.get_running_loop().time
    ends: list[float] = []
    while True:
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, loop in loops.items():
                    tasks.create_task(_run(loop), name=name)
            return
        except ExceptionGroup as failed:
            reason = failed.exceptions[0]
            if not isinstance(reason, StoreError):
                ends.append(now())
            _log.error("own_loops_failed", error=reason)
            if judge(PARTS[LOOPS], ends, now()).what == "end supervisor":
                raise StateBroken(in_short(reason)) from failed
        await asyncio.sleep(AGAIN_S)


async def _run(loop: Callable[[], Awaitable[None]]) -> None:
    await loop()
