"""The Ray actor through which programs reach rooms and sessions: it finds the cell, and a call outlives a cell's death.

One of it runs in an installation that is asked this way, from the first `get_actor` on: detached, named, restarted by Ray,
which also repeats the calls that were under way in it. It holds nothing: a room's owner is read from the view, the view
from any living cell. Chat never passes here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from actors.errors import ChatError, Overloaded, Unavailable, Unknown
from actors.runtime.actor import ActorId
from actors.runtime.view import CellInfo, View
from cluster.calls import refused, repeat_of
from cluster.cell_routes import CellRoutes
from cluster.ray_environment import NAMESPACE, SWITCH
from cluster.seat_names import actor_name

AT_ONCE = 1000
"""Calls under way; what is asked beyond waits in Ray's queue, in the process of whoever asks."""
ASK_LIMIT_S = 5.0
GRACE_S = 2.0
"""What a cell is given beyond the call's own time before its answer is taken for lost."""
PAUSES_S = (0.05, 0.5)


class SwitchActor:
    """Finds cells and repeats calls."""

    def __init__(self) -> None:
        self._routes = CellRoutes()
        self._one_look = asyncio.Lock()

    async def act(self, address: str, call: str, arguments: dict[str, Any], limit_s: float) -> Any:
        """The answer of a room or session. Raises `ChatError`, and nothing of ours beside it."""
        repeat = repeat_of(address, call)
        now = asyncio.get_running_loop().time
        end, pause, in_doubt = now() + limit_s, PAUSES_S[0], False
        while True:
            error: ChatError
            try:
                return await self._once(address, call, arguments, end - now())
            except Unknown:
                if not repeat.safe:
                    raise
                error, in_doubt = Unknown(), True
            except (Unavailable, Overloaded) as refusal:
                error = refusal
            except ChatError as refusal:
                if in_doubt and refusal.code == repeat.done:
                    return None
                raise refusal from None
            if now() + pause >= end:
                raise (Unknown() if in_doubt else error) from None
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSES_S[1])

    async def _once(self, address: str, call: str, arguments: dict[str, Any], left_s: float) -> Any:
        life, handle = await self._cell_of(ActorId(address))
        try:
            async with asyncio.timeout(left_s + GRACE_S):
                answer = await handle.act.remote(address, call, arguments, left_s)
        except (RayActorError, TimeoutError):
            # Dead, or nobody knows: the call may have come through.
            self._routes.forget(life)
            raise Unknown from None
        except RayError as error:
            raise ChatError("internal", reason=type(error).__name__) from None
        if "refused" in answer:
            raise refused(answer["refused"])
        return answer["value"]

    async def _cell_of(self, address: ActorId) -> tuple[str, Any]:
        if self._routes.stale(asyncio.get_running_loop().time()):
            async with self._one_look:
                if self._routes.stale(asyncio.get_running_loop().time()):
                    await self._look()
        found = self._routes.find(address)
        if found is None:
            self._routes.view = None
            raise Unavailable(retry_after=PAUSES_S[1])
        return found

    async def _look(self) -> None:
        """Read the view of any living cell: of one that is known, so that Ray's head is asked only where that fails."""
        known = list(self._routes.handles.items())
        if await self._read_from(known) or await self._read_from(await asyncio.to_thread(named_cells, frozenset(dict(known)))):
            return
        raise Unavailable(retry_after=PAUSES_S[1])

    async def _read_from(self, cells: Iterable[tuple[str, Any]]) -> bool:
        for life, handle in cells:
            with contextlib.suppress(RayError, TimeoutError):
                async with asyncio.timeout(ASK_LIMIT_S):
                    data = await handle.view.remote()
                if data:
                    view = View.decode(data)
                    missing = [cell for life, cell in view.by_life.items() if life not in self._routes.handles]
                    fresh = await asyncio.to_thread(handles_of, missing) if missing else {}
                    self._routes.adopt(
                        view, {**dict([(life, handle)] if life in view.by_life else []), **fresh}, asyncio.get_running_loop().time()
                    )
                    return True
        return False

    async def sessions(self, user: str) -> list[str]:
        """The sessions of a user, or of everybody, in all cells."""
        async with self._one_look:
            await self._look()
        asked = [handle.sessions.remote(user) for handle in self._routes.handles.values()]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return sorted(session for answer in answers if isinstance(answer, list) for session in answer)


def named_cells(known: frozenset[str]) -> list[tuple[str, Any]]:
    """The actors that Ray knows by name and that may be cells, with their handles; some may be dead."""
    names = [row["name"] for row in ray.util.list_named_actors(all_namespaces=True) if row["namespace"] == NAMESPACE]
    found = ((name, _handle(name)) for name in names if name not in known)
    return [(name, handle) for name, handle in found if handle is not None and hasattr(handle, "view")]


def handles_of(cells: Iterable[CellInfo]) -> dict[str, Any]:
    """Life -> handle of these cells, as far as Ray still knows them."""
    found = {cell.life: _handle(cell.life) or _handle(actor_name(cell.name, cell.life)) for cell in cells}
    return {life: handle for life, handle in found.items() if handle is not None}


def _handle(name: str) -> Any:
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError:
        return None


RAY_SWITCH: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, max_concurrency=AT_ONCE)(SwitchActor)


def switch() -> Any:
    """The installation's switch, started where there is none."""
    return RAY_SWITCH.options(name=SWITCH, namespace=NAMESPACE, lifetime="detached", get_if_exists=True).remote()
