"""The Ray actor that is the supervisor. What it does is `Supervisor`; its hands are in `cluster.ray_hands`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple, cast

import ray
from ray.exceptions import RayError

from actors.runtime.plain import changed
from actors.store.cluster_record import ClusterRecord
from actors.store.store import StoreError
from cluster import plan_steps as steps
from cluster.child import Child
from cluster.condition import state_of, troubles
from cluster.discipline import longest_window, within
from cluster.figures import CellStats
from cluster.folder_lock import folder_lock
from cluster.hands import Wanted
from cluster.membership import Membership
from cluster.own_loops import keep_loops
from cluster.placing import Placing
from cluster.plan import Plan, What
from cluster.plan_keeper import PlanKeeper
from cluster.problems import StartProblem, in_short, last_words
from cluster.ray_cell import answered, log_to_file
from cluster.ray_hands import RayCellPort, RayHands, actor_of
from cluster.restarting import started
from cluster.seat_names import is_own
from cluster.served import check_unserved, holder
from cluster.session_wishes import wanted_by
from cluster.settings import Settings
from cluster.stores import open_record
from cluster.supervisor import Supervisor
from cluster.tree import PARTS, part_of
from cluster.upkeep import Upkeep, cells_to_drain, story_of
from gateway.logs import event_log

SUPERVISOR = "supervisor"
SEATS_LOOK_S, SESSIONS_LOOK_S = 0.5, 0.2
"""Between two looks at which rooms, and which devices, are to have a process of their own."""
STATS_LIMIT_S = 2.0
LOOK_S = 1.0
"""Between two looks at which nodes there are."""
READY_LIMIT_S = 30.0
"""How long a call waits for a supervisor that just looks for its cells."""

_log = event_log("cluster.ray")


class Parts(NamedTuple):
    """What a supervisor that can work consists of."""

    plan: PlanKeeper
    placing: Placing
    supervisor: Supervisor
    upkeep: Upkeep


class SupervisorActor:
    """Detached and restarted by Ray; holds the folder's lock while it lives."""

    async def __init__(self, settings: dict[str, Any]) -> None:  # type: ignore[misc]
        self._settings = Settings.model_validate(settings)
        log_to_file(self._settings, "supervisor")
        self._parts: Parts | None = None
        self._plan: PlanKeeper | None = None
        self._fatal = ""
        self._decided = asyncio.Event()
        """Set once it is known whether it can work."""
        self._problem = ""
        """Why the nodes are not used as they are, or why it waits; empty where neither is so."""
        self._running = asyncio.get_running_loop().create_task(self._run(), name="supervisor")
        self._running.add_done_callback(_die_of_failure)

    # --- its life ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(folder_lock(self._settings))
                record = open_record(self._settings)
                membership = Membership(record)
                plan = self._plan = PlanKeeper(membership)
                await self._wait_after_many_starts(plan)
                await self._check_alone(record)
                parts = self._parts = await self._put_together(membership, plan)
            except (StartProblem, StoreError) as problem:
                self._fatal = str(problem)
                _log.error("supervisor_cannot_start", reason=self._fatal)
                return
            finally:
                self._decided.set()
            try:
                await self._supervise(parts)
            except ExceptionGroup as failed:
                plan.note(partial(changed, broken=in_short(failed.exceptions[0])))
                raise

    async def _wait_after_many_starts(self, plan: PlanKeeper) -> None:
        """Ray starts it at once, always: its back-off is its own."""
        verdict = started(plan, time.time())
        if verdict.after_s:
            self._problem = f"The supervisor {verdict.why or 'was started again and again'}; it goes on in {verdict.after_s:g} s."
            _log.error("supervisor_waits", seconds=verdict.after_s, starts=len(plan.plan.starts), broken=plan.plan.broken)
            await asyncio.sleep(verdict.after_s)
            self._problem = ""

    async def _put_together(self, membership: Membership, plan: PlanKeeper) -> Parts:
        hands = RayHands(self._settings)
        placing = Placing(self._settings, membership, plan, hands)
        await placing.look({}, {})
        supervisor = Supervisor(membership, hands, Wanted(placing.wanted(), self._settings.port), plan)
        return Parts(plan, placing, supervisor, Upkeep(supervisor, hands))

    async def _check_alone(self, record: ClusterRecord) -> None:
        """A database can be used from anywhere. Raises `StartProblem` where cells use it that this Ray does not know."""
        if self._settings.store and not await asyncio.to_thread(actor_of, holder(record)):
            await asyncio.to_thread(check_unserved, record)

    async def _supervise(self, parts: Parts) -> None:
        supervisor = parts.supervisor
        loops: dict[str, Callable[[], Awaitable[None]]] = {
            "nodes": partial(self._watch_nodes, parts),
            "seats": partial(self._watch_seats, parts),
            "sessions": partial(self._watch_sessions, parts),
            "upkeep": parts.upkeep.run,
        }
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(keep_loops(loops), name="own loops")
            await supervisor.run()
            watching.cancel()

    async def _watch_nodes(self, parts: Parts) -> None:
        """Cells follow the plan and the nodes. Nodes that cannot be used are told and have none."""
        supervisor = parts.supervisor
        await supervisor.adopted.wait()
        while not supervisor.stopping:
            await asyncio.sleep(LOOK_S)
            parts.plan.look()
            try:
                await parts.placing.look(supervisor.children, await self._figures(supervisor))
            except (StartProblem, RayError) as problem:
                self._problem = last_words(str(problem))
                continue
            self._problem = parts.plan.problem
            supervisor.want(parts.placing.wanted())

    async def _watch_seats(self, parts: Parts) -> None:
        """Rooms get processes of their own, and lose them."""
        supervisor, seats = parts.supervisor, parts.placing.seats
        await supervisor.adopted.wait()
        while not supervisor.stopping:
            await asyncio.sleep(SEATS_LOOK_S)
            serving = [child.port for child in supervisor.children.values() if child.state == "serving"]
            asked = [port.rooms() for port in serving if isinstance(port, RayCellPort)] if seats.every_room else []
            found = await asyncio.gather(*asked, return_exceptions=True)
            await asyncio.to_thread(parts.placing.say_again, [room for rooms in found if isinstance(rooms, list) for room in rooms])
            supervisor.want(parts.placing.wanted())

    async def _watch_sessions(self, parts: Parts) -> None:
        """Devices get processes for their sessions, and lose them."""
        supervisor, sessions = parts.supervisor, parts.placing.sessions
        await supervisor.adopted.wait()
        while sessions is not None and not supervisor.stopping:
            await asyncio.sleep(SESSIONS_LOOK_S)
            edges = [child.port for child in supervisor.children.values() if child.state == "serving" and not is_own(child.name)]
            sessions.see(await wanted_by(edges), time.monotonic())
            supervisor.want(parts.placing.wanted())

    async def _figures(self, supervisor: Supervisor) -> dict[str, CellStats]:
        """Of the cells that serve, where nodes are added and given back by them."""
        if not self._settings.most_nodes:
            return {}
        rows = await asyncio.gather(*(_cell_status(child) for child in supervisor.children.values() if child.state == "serving"))
        return {row["name"]: cast(CellStats, row) for row in rows if "at" in row}

    # --- what it is asked --------------------------------------------------------------------------------------------

    async def status(self) -> dict[str, Any]:
        """What runs."""
        return await answered(self._status())

    async def _status(self) -> dict[str, Any]:
        parts, now = self._parts, time.time()
        plan = self._plan.plan if self._plan is not None else Plan()
        children = (*parts.supervisor.children.values(), *parts.supervisor.leaving.values()) if parts is not None else ()
        cells = await asyncio.gather(*(_cell_status(child) for child in children))
        port = parts.supervisor.public_port if parts is not None else 0
        for row in cells:
            cell = parts.placing.places.get(row["name"]) if parts is not None else None
            row |= {"node": cell.address, "zone": cell.zone} if cell is not None else {}
            row["ends"] = within(plan.ends.get(row["name"], ()), now, longest_window(part_of(row["name"])))
        return {
            "pid": os.getpid(),
            "data": str(self._settings.data),
            "fatal": self._fatal,
            "problem": self._problem,
            "state": state_of(cells, plan, now, self._fatal),
            "troubles": troubles(plan, now),
            "off": list(plan.off),
            "by_hand": {str(group): cell for group, cell in sorted(plan.pins.items())},
            "starts": within(plan.starts, now, longest_window(PARTS["supervisor"])),
            "port": port,
            "url": self._settings.url(port),
            "upkeep": story_of(plan),
            "cells": cells,
        }

    async def isolate(self, room: str, on: bool, request: str = "") -> dict[str, Any]:
        """Give a room a process of its own, or let it live among others again."""
        return await answered(self._isolate(room, on, request))

    async def _isolate(self, room: str, on: bool, request: str) -> None:
        parts = await self._ready()
        name = f"room:{room.removeprefix('room:')}"
        if on and name in parts.plan.plan.off:
            parts.upkeep.want_back([name])
        await asyncio.to_thread(partial(parts.placing.seats.wish, room, on=on, request=request))

    async def move(self, what: str, cell: str, request: str = "") -> dict[str, Any]:
        """A group of slots (its number, or a room in it) is to be with a cell; an empty name: where placement puts it."""
        return await answered(self._move(what, cell, request))

    async def _move(self, what: str, cell: str, request: str) -> int:
        by_hand = (await self._ready()).placing.by_hand
        return await asyncio.to_thread(by_hand.move, what, cell, request)

    async def groups(self) -> dict[str, Any]:
        """Which cell has which group of slots."""
        return await answered(self._groups())

    async def _groups(self) -> list[list[Any]]:
        by_hand = (await self._ready()).placing.by_hand
        return [list(row) for row in await asyncio.to_thread(by_hand.rows)]

    async def accounts(self, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Done by any cell that serves."""
        children = self._parts.supervisor.children.values() if self._parts is not None else ()
        port = next((child.port for child in children if child.state == "serving"), None)
        if not isinstance(port, RayCellPort):
            return {"problem": "No cell is serving now; look at `warbler status`."}
        answer: dict[str, Any] = await port.handle.accounts.remote(call, arguments)
        return answer

    async def begin(self, what: What, name: str, request: str = "") -> dict[str, Any]:
        """Begin to empty a cell or the cells of a node, or to replace all; `status` tells how it goes."""
        return await answered(self._begin(what, name, request))

    async def _begin(self, what: What, name: str, request: str) -> int:
        parts = await self._ready()
        children = {child: parts.placing.address_of(child) for child in parts.supervisor.children}
        names = list(children) if what == "roll" else cells_to_drain(name, children, parts.plan.plan.off)
        return parts.upkeep.begin(what, names, request)

    async def restore(self, name: str, request: str = "") -> dict[str, Any]:
        """A cell (or those of a node) that was taken off, or is just being emptied, is wanted again."""
        return await answered(self._restore(name, request))

    async def _restore(self, name: str, request: str) -> None:
        parts = await self._ready()
        task = parts.plan.plan.task
        known = (*parts.plan.plan.off, *(task.parts if task is not None else ()))
        names = [cell for cell in dict.fromkeys(known) if name in (cell, parts.placing.address_of(cell))]
        parts.upkeep.want_back(names or [name], request)

    async def resume(self, name: str) -> dict[str, Any]:
        """Try a cell (or a node) again that is left alone; an empty name: all."""
        return await answered(self._resume(name))

    async def _resume(self, name: str) -> None:
        plan = (await self._ready()).plan
        if name and name not in (*plan.plan.paused, *plan.plan.avoided):
            raise StartProblem(f"{name} is not left alone; `warbler status` tells what is.")
        plan.change(partial(steps.resume, name=name) if name else steps.resume_all)

    async def _ready(self) -> Parts:
        """Once it knows which cells live. Raises `StartProblem` where that takes too long, or never comes."""
        try:
            async with asyncio.timeout(READY_LIMIT_S):
                await self._decided.wait()
                if self._parts is not None:
                    await self._parts.supervisor.adopted.wait()
                    return self._parts
        except TimeoutError as error:
            raise StartProblem(self._problem or "The supervisor still looks for its cells.") from error
        raise StartProblem(self._fatal)

    async def stop(self) -> dict[str, Any]:
        """End all cells in good order."""
        return await answered(self._stop())

    async def _stop(self) -> None:
        if self._fatal:
            return
        parts = await self._ready()
        await parts.supervisor.stop(self._settings.stop_seconds)
        await parts.placing.end()


RAY_SUPERVISOR: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)(SupervisorActor)


async def _cell_status(child: Child) -> dict[str, Any]:
    row: dict[str, Any] = {"name": child.name, "state": child.state, "restarts": child.restarts, "part": child.part.name}
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
