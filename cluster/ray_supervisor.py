"""The Ray actor that is the supervisor, and its hands: cells as detached, named Ray actors. What it does is `Supervisor`."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import ray
from ray.exceptions import RayError

from actors.runtime.view import CellInfo
from actors.store.cluster_file import ClusterFile
from actors.store.store import StoreError
from cluster.figures import CellStats, Identity
from cluster.folder_lock import folder_lock
from cluster.growth import Growth
from cluster.hands import CellPort, Wanted
from cluster.life_lock import is_held, wait_free
from cluster.membership import Membership
from cluster.nodes import DEFAULT_ROLES, SEAT_LABELS, UNIT, WantedCell, check_machines, place_seat, wanted_cells
from cluster.problems import StartProblem, last_words
from cluster.processes import ProcessId, kill_for_sure, this_machine
from cluster.ray_cell import RAY_CELL, answered, log_to_file
from cluster.ray_environment import NAMESPACE
from cluster.ray_nodes import ask_for, home_node, kill_there, living_nodes, on_node
from cluster.seat_names import actor_name, is_seat
from cluster.seat_wishes import SeatWishes
from cluster.settings import Settings
from cluster.supervisor import Child, Supervisor
from cluster.upkeep import Upkeep, What
from cluster.watch import until_gone
from gateway.logs import event_log

SUPERVISOR = "supervisor"
SEATS_LOOK_S = 0.5
"""Between two looks at which rooms are to have a process of their own."""
FIND_LIMIT_S = 5.0
STATS_LIMIT_S = 2.0
KILL_LIMIT_S = 5.0
LOOK_S = 1.0
"""Between two looks at which nodes there are."""

_log = event_log("cluster.ray")


class RayCellPort:
    """A cell actor, as the supervisor sees it. Implements `CellPort`."""

    def __init__(self, handle: Any, alive: Callable[[], bool]) -> None:
        self.handle = handle
        self._alive = alive

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

    async def stats(self) -> CellStats:
        """See `CellPort`."""
        found: CellStats = await self.handle.stats.remote()
        return found

    async def stop(self) -> None:
        """See `CellPort`."""
        await self._value(self.handle.stop.remote())

    async def gone(self) -> str:
        """See `CellPort`."""
        return await until_gone(self._endless, self._alive)

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

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.model_dump(mode="json")
        self._data = settings.data
        self.places: Mapping[str, WantedCell] = {}
        """Where cells are to be, by name; those that are not named are where Ray puts them."""
        self._handles: dict[str, Any] = {}

    async def launch(self, name: str, life: str) -> CellPort:
        """See `Hands`."""
        cell = self.places.get(name) or WantedCell(name, labels=SEAT_LABELS if is_seat(name) else DEFAULT_ROLES)
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
        return RayCellPort(self._handles[life], partial(is_held, self._data, life))

    async def find(self, name: str, life: str) -> CellPort | None:
        """See `Hands`."""
        if not is_held(self._data, life):
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
        """See `Hands`."""
        handle = self._handles.pop(life, None)
        if handle is not None:
            await asyncio.to_thread(partial(ray.kill, handle, no_restart=True))
        if process is not None:
            await self._end_process(life, process)
        if not await asyncio.to_thread(wait_free, self._data, life):
            raise StartProblem(f"The process {process.pid if process is not None else ''} of cell {life} cannot be ended.")

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


class SupervisorActor:
    """Detached and restarted by Ray; holds the folder's lock while it lives."""

    async def __init__(self, settings: dict[str, Any]) -> None:  # type: ignore[misc]
        self._settings = Settings.model_validate(settings)
        log_to_file(self._settings, "supervisor")
        self._supervisor: Supervisor | None = None
        self._fatal = ""
        self._growth: Growth | None = None
        self._places: Mapping[str, WantedCell] = {}
        self._seats: SeatWishes | None = None
        self._moving: set[str] = set()
        """Rooms' own cells that have to leave their node."""
        self._names: tuple[str, ...] = ()
        """Of the cells that many rooms share."""
        self._upkeep = Upkeep()
        self._problem = ""
        """Why the nodes are not used as they are; empty where they are."""
        self._running = asyncio.get_running_loop().create_task(self._run(), name="supervisor")
        self._running.add_done_callback(_die_of_failure)

    async def _run(self) -> None:
        settings = self._settings
        try:
            with folder_lock(settings):
                hands = RayHands(settings)
                if settings.address and settings.most_nodes:
                    self._growth = Growth(settings, home_node(), lambda nodes: asyncio.to_thread(ask_for, nodes))
                membership = Membership(ClusterFile(settings.data))
                self._seats = SeatWishes(membership, settings)
                names = self._names = await self._place(hands)
                self._supervisor = Supervisor(membership, hands, Wanted((*names, *self._seats_to_run()), settings.port))
                async with asyncio.TaskGroup() as tasks:
                    watching = [
                        tasks.create_task(self._watch_nodes(hands, self._supervisor), name="watch nodes"),
                        tasks.create_task(self._watch_seats(self._supervisor, self._seats), name="watch seats"),
                    ]
                    await self._supervisor.run()
                    for task in watching:
                        task.cancel()
        except (StartProblem, StoreError) as problem:
            self._fatal = str(problem)
            _log.error("supervisor_cannot_start", reason=self._fatal)

    async def _place(self, hands: RayHands) -> tuple[str, ...]:
        """Where cells are to be now; their names. Raises `StartProblem` where the nodes cannot be used."""
        settings = self._settings
        if not settings.address:
            return tuple(f"cell-{number}" for number in range(1, settings.cells + 1))
        nodes = await asyncio.to_thread(living_nodes)
        check_machines(nodes, settings.nodes_share_this_machine)
        if self._growth is not None:
            nodes = await self._growth.nodes_to_use(asyncio.get_running_loop().time(), nodes, await self._figures(), hands.places)
        wanted = wanted_cells(nodes, settings.cells)
        seats = {name: place_seat(name, self._places.get(name), nodes) for name in (self._seats.names() if self._seats is not None else ())}
        self._moving = {name for name, cell in seats.items() if cell is not None and self._places.get(name, cell).node != cell.node}
        placed = {cell.name: cell for cell in (*wanted, *seats.values()) if cell is not None}
        self._places = hands.places = {**hands.places, **placed}
        return tuple(cell.name for cell in wanted)

    async def _figures(self) -> dict[str, CellStats]:
        children = self._supervisor.children.values() if self._supervisor is not None else ()
        rows = await asyncio.gather(*(_cell_status(child) for child in children if child.state == "serving"))
        return {row["name"]: cast(CellStats, row) for row in rows if "at" in row}

    async def _watch_nodes(self, hands: RayHands, supervisor: Supervisor) -> None:
        """Cells follow the nodes. Nodes that cannot be used are told and have none."""
        while self._settings.address and not supervisor.stopping:
            await asyncio.sleep(LOOK_S)
            try:
                names = await self._place(hands)
            except (StartProblem, RayError) as problem:
                self._problem = last_words(str(problem))
                continue
            self._problem = ""
            self._names = names
            self._want(supervisor)

    async def _watch_seats(self, supervisor: Supervisor, seats: SeatWishes) -> None:
        """Rooms get processes of their own, and lose them."""
        while not supervisor.stopping:
            await asyncio.sleep(SEATS_LOOK_S)
            serving = [child.port for child in supervisor.children.values() if child.state == "serving"]
            asked = [port.rooms() for port in serving if isinstance(port, RayCellPort)] if seats.every_room else []
            found = await asyncio.gather(*asked, return_exceptions=True)
            await asyncio.to_thread(seats.see_to, [room for rooms in found if isinstance(rooms, list) for room in rooms])
            self._want(supervisor)

    def _want(self, supervisor: Supervisor) -> None:
        seats = self._seats_to_run()
        supervisor.want((*self._names, *seats), self._settings.stop_seconds)

    def _seats_to_run(self) -> tuple[str, ...]:
        """Rooms' own cells, without those that have no node yet, and those whose node goes: they end there and are wanted again."""
        names = self._seats.names() if self._seats is not None else ()
        if not self._settings.address:
            return tuple(names)
        return tuple(name for name in names if name in self._places and name not in self._moving)

    async def isolate(self, room: str, on: bool) -> dict[str, Any]:
        """Give a room a process of its own, or let it live among others again."""
        return await answered(asyncio.to_thread(self._isolate, room, on))

    def _isolate(self, room: str, on: bool) -> None:
        if self._seats is None:
            raise StartProblem("The supervisor is not ready yet.")
        self._seats.wish(room, on=on)

    async def status(self) -> dict[str, Any]:
        """What runs."""
        return await answered(self._status())

    async def _status(self) -> dict[str, Any]:
        supervisor = self._supervisor
        cells = (
            await asyncio.gather(*(_cell_status(child) for child in (*supervisor.children.values(), *supervisor.leaving.values())))
            if supervisor is not None
            else []
        )
        port = supervisor.public_port if supervisor is not None else 0
        for row in cells:
            cell = self._places.get(row["name"])
            row |= {"node": cell.address, "zone": cell.zone} if cell is not None else {}
        return {
            "pid": os.getpid(),
            "data": str(self._settings.data),
            "fatal": self._fatal,
            "problem": self._problem,
            "port": port,
            "url": self._settings.url(port),
            "upkeep": self._upkeep.story,
            "cells": cells,
        }

    async def accounts(self, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Done by any cell that serves."""
        children = self._supervisor.children.values() if self._supervisor is not None else ()
        port = next((child.port for child in children if child.state == "serving"), None)
        if not isinstance(port, RayCellPort):
            return {"problem": "No cell is serving now; look at `warbler status`."}
        answer: dict[str, Any] = await port.handle.accounts.remote(call, arguments)
        return answer

    async def begin(self, what: What, name: str) -> dict[str, Any]:
        """Begin to empty a cell or the cells of a node, or to replace all; `status` tells how it goes."""
        return await answered(self._begin(what, name))

    async def _begin(self, what: What, name: str) -> int:
        supervisor = self._ready()
        names = [child for child in supervisor.children if what == "roll" or name in (child, self._node_of(child))]
        return self._upkeep.begin(supervisor, what, names)

    def _node_of(self, name: str) -> str:
        cell = self._places.get(name)
        return cell.address if cell is not None else ""

    async def restore(self, name: str) -> dict[str, Any]:
        """Start a cell again that was taken off."""
        return await answered(self._restore(name))

    async def _restore(self, name: str) -> None:
        self._ready().restore(name)

    def _ready(self) -> Supervisor:
        if self._supervisor is None:
            raise StartProblem(self._fatal or "The supervisor is just starting.")
        return self._supervisor

    async def stop(self) -> dict[str, Any]:
        """End all cells in good order."""
        return await answered(self._stop())

    async def _stop(self) -> None:
        await self._upkeep.close()
        if self._supervisor is not None:
            await self._supervisor.stop(self._settings.stop_seconds)
        if self._growth is not None:
            await self._growth.end()


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
