"""The hands of a supervisor on Ray: cells as detached, named Ray actors. All that it asks of Ray for its cells is here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayError

from actors.runtime.view import CellInfo
from cluster.figures import CellStats, Identity
from cluster.hands import CellPort
from cluster.life_lock import is_held, wait_free, was_held
from cluster.nodes import UNIT, Node, WantedCell, labels_of, may_take
from cluster.problems import StartProblem
from cluster.processes import ProcessId, kill_for_sure, this_machine
from cluster.ray_cell import RAY_CELL
from cluster.ray_environment import NAMESPACE, SWITCH
from cluster.ray_nodes import kill_there, on_node
from cluster.seat_names import actor_name
from cluster.settings import Settings
from cluster.watch import until_gone
from gateway.logs import event_log

FIND_LIMIT_S = 5.0
KILL_LIMIT_S = 5.0

_log = event_log("cluster.ray")


class RayCellPort:
    """A cell actor, as the supervisor sees it. Implements `CellPort`."""

    def __init__(self, handle: Any, seen: Callable[[], bool | None]) -> None:
        """`seen`: whether its process runs; None where that cannot be seen from here."""
        self.handle = handle
        self._seen = seen
        self._said_dead = False

    async def start(self, replaces: str = "") -> tuple[CellInfo, ProcessId]:
        """See `CellPort`."""
        found: tuple[CellInfo, ProcessId] = await self._value(self.handle.start.remote(replaces))
        return found

    async def report_death(self, life: str, why: str) -> str:
        """See `CellPort`."""
        return str(await self.handle.report_death.remote(life, why))

    async def open_doors(self, port: int) -> int:
        """See `CellPort`."""
        return int(await self._value(self.handle.open_doors.remote(port)))

    async def rooms(self) -> list[str]:
        """Rooms that are active there and have no process of their own."""
        found: list[str] = await self.handle.rooms.remote()
        return found

    async def wanted(self) -> list[str]:
        """The devices' own cells that are to run for its clients."""
        found: list[str] = await self.handle.wanted.remote()
        return found

    async def stats(self) -> CellStats:
        """See `CellPort`."""
        found: CellStats = await self.handle.stats.remote()
        return found

    async def stop(self) -> None:
        """See `CellPort`."""
        await self._value(self.handle.stop.remote())

    async def gone(self) -> str:
        """See `CellPort`."""
        return await until_gone(self._endless, self._may_run)

    async def _endless(self) -> None:
        try:
            await self.handle.gone.remote()
        except ActorDiedError:
            self._said_dead = True
            raise

    def _may_run(self) -> bool:
        """On another machine it runs until Ray says that it is dead: it is sealed then, so nothing hangs on Ray being right."""
        seen = self._seen()
        return not self._said_dead if seen is None else seen

    @staticmethod
    async def _value(reference: Any) -> Any:
        answer = await reference
        if "problem" in answer:
            raise StartProblem(answer["problem"])
        return answer["value"]


class RayHands:
    """Starts cells as detached, named Ray actors. Implements `Hands`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.model_dump(mode="json")
        self._data = settings.data
        self._apart = settings.nodes_are_apart
        self.places: Mapping[str, WantedCell] = {}
        """Where cells are to be, by name; those that are not named are where Ray puts them."""
        self.nodes: Collection[Node] = ()
        """Nodes on which cells can be placed now; empty: there is one only."""
        self._handles: dict[str, Any] = {}

    async def launch(self, name: str, life: str) -> CellPort:
        """See `Hands`."""
        cell = self.places.get(name) or WantedCell(name, labels=labels_of(name))
        options: dict[str, Any] = {"name": actor_name(name, life), "lifetime": "detached", "namespace": NAMESPACE, "max_concurrency": 1000}
        if cell.node:
            options |= {"scheduling_strategy": on_node(cell.node)}
            options |= {"resources": {UNIT: cell.units}} if cell.units else {}
        who = Identity(name, life, cell.labels, cell.zone, cell.address, cell.public_host)
        given: tuple[Any, ...] = (self._settings, who, this_machine())
        try:
            self._handles[life] = await asyncio.to_thread(RAY_CELL.options(**options).remote, *given)
        except ValueError:
            # A room's own cell that it replaces still has the name.
            self._handles[life] = await asyncio.to_thread(RAY_CELL.options(**{**options, "name": life}).remote, *given)
        return self._port(life)

    def _port(self, life: str) -> RayCellPort:
        return RayCellPort(self._handles[life], partial(self.sees, life))

    def sees(self, life: str) -> bool | None:
        """Whether the process of a life runs; None where it is on another machine, whose locks are not seen here."""
        return None if self._apart and not was_held(self._data, life) else is_held(self._data, life)

    async def find(self, name: str, life: str) -> CellPort | None:
        """See `Hands`."""
        if self.sees(life) is False:
            return None
        handle = None
        for known_as in dict.fromkeys((actor_name(name, life), life)):
            try:
                found = await asyncio.to_thread(partial(ray.get_actor, known_as, namespace=NAMESPACE))
                async with asyncio.timeout(FIND_LIMIT_S):
                    if (await found.stats.remote())["life"] == life:
                        handle = found
                        break
            except (RayError, ValueError, TimeoutError) as error:
                _log.warning("cell_not_found_by_name", life=life, name=known_as, reason=repr(error))
        if handle is None:
            return None
        self._handles[life] = handle
        return self._port(life)

    async def kill(self, life: str, process: ProcessId | None) -> None:
        """See `Hands`. On another machine it is told to end and no more: the seal fences it, and its own node ends what hangs."""
        handle = self._handles.pop(life, None)
        if self.sees(life) is None:
            await self._end_elsewhere(life, handle or await asyncio.to_thread(actor_of, life), process)
            return
        if handle is not None:
            await asyncio.to_thread(partial(ray.kill, handle, no_restart=True))
        if process is not None:
            await self._end_process(life, process)
        if not await asyncio.to_thread(wait_free, self._data, life):
            raise StartProblem(f"The process {process.pid if process is not None else ''} of cell {life} cannot be ended.")

    async def _end_elsewhere(self, life: str, handle: Any, process: ProcessId | None) -> None:
        if handle is None:
            return
        await asyncio.to_thread(partial(ray.kill, handle, no_restart=True))
        try:
            async with asyncio.timeout(KILL_LIMIT_S):
                await handle.gone.remote()
        except ActorDiedError:
            return
        except (RayError, TimeoutError) as error:
            _log.warning("cell_does_not_end", life=life, reason=repr(error))
        cell = self.places.get(life.rpartition("-")[0])
        if cell is not None and process is not None:
            kill_there(cell.node, process)  # nobody waits: the node may be cut off, and does it when it is back

    async def _end_process(self, life: str, process: ProcessId) -> None:
        if process.is_near:
            await asyncio.to_thread(kill_for_sure, process)
            return
        cell = self.places.get(life.rpartition("-")[0])
        if cell is None or not is_held(self._data, life):
            return
        try:
            async with asyncio.timeout(KILL_LIMIT_S):
                await kill_there(cell.node, process)
        except (RayError, TimeoutError) as error:
            _log.warning("cell_not_killed_by_its_node", life=life, node=cell.address, reason=repr(error))

    def node_of(self, name: str) -> str:
        """See `Hands`."""
        cell = self.places.get(name)
        return cell.node if cell is not None else ""

    def has_another_node(self, name: str) -> bool:
        """See `Hands`."""
        cell = self.places.get(name)
        return cell is not None and any(may_take(node, cell) for node in self.nodes if node.id != cell.node)

    async def renew_switch(self) -> bool:
        """See `Hands`: Ray starts it anew, and repeats there the calls that were under way in it."""
        try:
            switch = await asyncio.to_thread(partial(ray.get_actor, SWITCH, namespace=NAMESPACE))
        except ValueError:
            return False
        await asyncio.to_thread(partial(ray.kill, switch, no_restart=False))
        return True


def actor_of(life: str) -> Any:
    """The actor of a life, by its name, where Ray knows one. The cell of one room goes by the room: that may be a later life of it."""
    with contextlib.suppress(ValueError):
        return ray.get_actor(life, namespace=NAMESPACE)
    return None
