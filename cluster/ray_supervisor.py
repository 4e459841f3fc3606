"""The Ray actor that is the supervisor, and its hands: cells as detached, named Ray actors. What it does is `Supervisor`."""

from __future__ import annotations

import asyncio
import logging
import os
from functools import partial
from typing import Any

import ray
from ray.exceptions import RayError

from actors.runtime.view import CellInfo
from actors.store.cluster_file import ClusterFile
from actors.store.store import StoreError
from cluster.figures import CellStats
from cluster.folder_lock import folder_lock
from cluster.membership import Membership
from cluster.problems import StartProblem
from cluster.processes import ProcessId, is_alive, kill_for_sure
from cluster.ray_cell import RAY_CELL, answered, log_to_file
from cluster.ray_environment import NAMESPACE
from cluster.settings import Settings
from cluster.supervisor import CellPort, Child, Supervisor, Wanted
from cluster.watch import until_gone
from gateway.logs import event_log

SUPERVISOR = "supervisor"
FIND_LIMIT_S = 5.0
STATS_LIMIT_S = 2.0

_log = event_log("cluster.ray")


class RayCellPort:
    """A cell actor, as the supervisor sees it. Implements `CellPort`."""

    def __init__(self, handle: Any, process: ProcessId | None = None) -> None:
        self.handle = handle
        self._process = process

    async def start(self) -> tuple[CellInfo, ProcessId]:
        """See `CellPort`."""
        info, process = await self._value(self.handle.start.remote())
        self._process = process
        return info, process

    async def apply_view(self, data: bytes) -> None:
        """See `CellPort`."""
        await self._value(self.handle.apply_view.remote(data))

    async def release(self, groups: list[int]) -> None:
        """See `CellPort`."""
        await self._value(self.handle.release.remote(groups))

    async def open_doors(self, port: int) -> int:
        """See `CellPort`."""
        return int(await self._value(self.handle.open_doors.remote(port)))

    async def stats(self) -> CellStats:
        """See `CellPort`."""
        found: CellStats = await self.handle.stats.remote()
        return found

    async def stop(self) -> None:
        """See `CellPort`."""
        await self._value(self.handle.stop.remote())

    async def gone(self) -> str:
        """See `CellPort`."""
        return await until_gone(self._endless, lambda: self._process is not None and is_alive(self._process))

    async def _endless(self) -> None:
        await self.handle.gone.remote()

    @staticmethod
    async def _value(reference: Any) -> Any:
        answer = await reference
        if "problem" in answer:
            raise StartProblem(answer["problem"])
        return answer["value"]


class RayHands:
    """Starts cells as detached, named Ray actors. Implements `Hands`."""

    def __init__(self, settings: Settings, membership: Membership) -> None:
        self._settings = settings.model_dump(mode="json")
        self._membership = membership
        self._handles: dict[str, Any] = {}

    async def launch(self, name: str, life: str) -> CellPort:
        """See `Hands`."""
        options = RAY_CELL.options(name=life, lifetime="detached", namespace=NAMESPACE, max_concurrency=1000)
        self._handles[life] = await asyncio.to_thread(options.remote, self._settings, name, life)
        return RayCellPort(self._handles[life])

    async def find(self, name: str, life: str) -> CellPort | None:
        """See `Hands`."""
        process = self._membership.process(life)
        if process is None or not is_alive(process):
            return None
        try:
            handle = await asyncio.to_thread(partial(ray.get_actor, life, namespace=NAMESPACE))
            async with asyncio.timeout(FIND_LIMIT_S):
                await handle.stats.remote()
        except (RayError, ValueError, TimeoutError) as error:
            _log.warning("cell_not_adopted", life=life, reason=repr(error))
            return None
        self._handles[life] = handle
        return RayCellPort(handle, process)

    async def kill(self, life: str, process: ProcessId | None) -> None:
        """See `Hands`."""
        handle = self._handles.pop(life, None)
        if handle is not None:
            await asyncio.to_thread(partial(ray.kill, handle, no_restart=True))
        if process is not None and not await asyncio.to_thread(kill_for_sure, process):
            raise StartProblem(f"The process {process.pid} of cell {life} cannot be ended.")


class SupervisorActor:
    """Detached and restarted by Ray; holds the folder's lock while it lives."""

    async def __init__(self, settings: dict[str, Any]) -> None:  # type: ignore[misc]
        self._settings = Settings.model_validate(settings)
        log_to_file(self._settings, "supervisor")
        self._supervisor: Supervisor | None = None
        self._fatal = ""
        self._running = asyncio.get_running_loop().create_task(self._run(), name="supervisor")
        self._running.add_done_callback(_die_of_failure)

    async def _run(self) -> None:
        settings = self._settings
        try:
            with folder_lock(settings):
                membership = Membership(ClusterFile(settings.data))
                names = tuple(f"cell-{number}" for number in range(1, settings.cells + 1))
                wanted = Wanted(names, settings.port)
                self._supervisor = Supervisor(membership, RayHands(settings, membership), wanted)
                await self._supervisor.run()
        except (StartProblem, StoreError) as problem:
            self._fatal = str(problem)
            _log.error("supervisor_cannot_start", reason=self._fatal)

    async def status(self) -> dict[str, Any]:
        """What runs."""
        return await answered(self._status())

    async def _status(self) -> dict[str, Any]:
        supervisor = self._supervisor
        cells = await asyncio.gather(*(_cell_status(child) for child in supervisor.children.values())) if supervisor is not None else []
        port = supervisor.public_port if supervisor is not None else 0
        return {"pid": os.getpid(), "fatal": self._fatal, "port": port, "url": self._settings.url(port), "cells": cells}

    async def accounts(self, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Done by any cell that serves."""
        children = self._supervisor.children.values() if self._supervisor is not None else ()
        port = next((child.port for child in children if child.state == "serving"), None)
        if not isinstance(port, RayCellPort):
            return {"problem": "No cell is serving now; look at `warbler status`."}
        answer: dict[str, Any] = await port.handle.accounts.remote(call, arguments)
        return answer

    async def stop(self) -> dict[str, Any]:
        """End all cells in good order."""
        return await answered(self._stop())

    async def _stop(self) -> None:
        if self._supervisor is not None:
            await self._supervisor.stop(self._settings.stop_seconds)


RAY_SUPERVISOR: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)(SupervisorActor)


async def _cell_status(child: Child) -> dict[str, Any]:
    row: dict[str, Any] = {"name": child.name, "state": child.state, "restarts": child.restarts}
    row |= {"problem": child.problem, "last_end": child.last_end}
    if child.port is None or child.state != "serving":
        return row
    try:
        async with asyncio.timeout(STATS_LIMIT_S):
            return {**row, **await child.port.stats()}
    except (RayError, TimeoutError) as error:
        return {**row, "problem": f"it does not answer: {type(error).__name__}"}


def _die_of_failure(task: asyncio.Task[None]) -> None:
    """A supervisor that does not supervise must not look alive: Ray starts it again, and it adopts what runs."""
    if not task.cancelled() and task.exception() is not None:
        _log.error("supervisor_failed", error=task.exception())
        logging.shutdown()
        os._exit(1)
