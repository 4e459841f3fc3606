"""The Ray actor that is a cell. Thin: what it does is `CellApp`.

Answers are ``{"value": ...}`` or ``{"problem": sentence}``: an exception's text would come wrapped in Ray's traceback.
The supervisor and the command line import this module only to name the actor; what a cell works with is imported in the
cell's own process, so that they start a second earlier.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TextIO, cast

import ray

from actors.errors import ChatError, Unavailable
from actors.runtime.view import CellInfo
from actors.store.store import StoreError
from cluster.calls import refusal
from cluster.figures import CellStats, Identity
from cluster.life_lock import forget_old, hold_life
from cluster.log_file import LogFile
from cluster.own_folder import make_own_folder
from cluster.problems import StartProblem
from cluster.processes import ProcessId, identify, this_machine
from cluster.settings import Settings
from gateway.logs import configure

OUT_LIMIT_S = 3.0
"""What a life that is out is given to tell its clients to go elsewhere."""

if TYPE_CHECKING:
    from cluster.app import CellApp
    from cluster.handle_calls import HandleCalls


async def answered(work: Awaitable[Any]) -> dict[str, Any]:
    """The result, or the sentence that says why there is none."""
    try:
        return {"value": await work}
    except (StartProblem, StoreError) as problem:
        return {"problem": str(problem)}


def log_to_file(settings: Settings, name: str) -> None:
    """All records of this process go to its log file."""
    configure(cast(TextIO, LogFile(settings.data / "log" / f"{name}.log")), level=settings.log_level.upper())


class CellActor:
    """One life of one cell."""

    def __init__(self, settings: dict[str, Any], who: Identity, machine: str) -> None:
        self._settings = Settings.model_validate(settings).on_node(who.public_host)
        self._who = who
        self._calls: HandleCalls | None = None
        self._problem = self._settle_in(machine)
        """Why it cannot be on this machine; empty where it can."""
        self._app: CellApp = importlib.import_module("cluster.app").CellApp(self._settings, who)

    def _settle_in(self, machine: str) -> str:
        """`machine`: the supervisor's. Cells of another one have a data folder there, where the store is no part of it."""
        settings, who = self._settings, self._who
        if not settings.store and machine != this_machine():
            return f"The node {who.address} is another machine, and the embedded store is for one machine only."
        try:
            make_own_folder(settings)
            log_to_file(settings, who.name)
            forget_old(settings.data)
            self._life = hold_life(settings.data, who.life)
        except StartProblem as problem:
            return f"On the node {who.address}: {problem}"
        except OSError as error:
            return f"On the node {who.address} the folder {settings.data} cannot be written: {error.strerror}."
        return ""

    async def start(self, replaces: str = "") -> dict[str, Any]:
        """Put it together, and join the view, as the successor of a living life where one is named."""
        return await answered(self._start(replaces))

    async def _start(self, replaces: str) -> tuple[CellInfo, ProcessId | None]:
        if self._problem:
            raise StartProblem(self._problem)
        info = await self._app.start()
        self._calls = importlib.import_module("cluster.handle_calls").HandleCalls(self._app.chat)
        self._ending = asyncio.get_running_loop().create_task(self._end_when_out(), name="end when out")
        await self._app.join(replaces)
        return info, identify(os.getpid())

    async def _end_when_out(self) -> None:
        """A life that is out can never commit again: its process ends, and the supervisor starts another."""
        assert self._app.out is not None
        try:
            await self._app.out
            async with asyncio.timeout(OUT_LIMIT_S):
                await self._app.stop()
        finally:
            logging.shutdown()
            os._exit(1)

    async def report_death(self, life: str, why: str) -> str:
        """Another life is dead, for sure."""
        return self._app.member.report_death(life, why) if self._app.member is not None else ""

    async def open_doors(self, port: int) -> dict[str, Any]:
        """Listen; a port that is open already is told."""
        return await answered(self._open(port))

    async def _open(self, port: int) -> int:
        if "edge" not in self._who.labels:
            return port
        return self._app.doors.port or await self._app.open_doors(port)

    async def stats(self) -> CellStats:
        """Figures."""
        return self._app.stats()

    async def view(self) -> bytes:
        """The view that this cell acts on; empty before the first."""
        view = self._app.chat.view if self._calls is not None else None
        return view.encode() if view is not None else b""

    async def act(self, address: str, call: str, arguments: dict[str, Any], limit_s: float) -> dict[str, Any]:
        """What the switch asks for a program (`cluster.handles`): ``{"value": ...}``, or ``{"refused": {...}}`` as plain values."""
        try:
            return {"value": await self._act(address, call, arguments, limit_s)}
        except ChatError as error:
            return {"refused": refusal(error)}

    async def answer(self, address: str, call: str, arguments: dict[str, Any], limit_s: float) -> Any:
        """The same for a program that asks this cell itself. Raises `ChatError`."""
        return await self._act(address, call, arguments, limit_s)

    async def _act(self, address: str, call: str, arguments: dict[str, Any], limit_s: float) -> Any:
        if self._calls is None:
            raise Unavailable(retry_after=0.5)
        return await self._calls.carry_out(address, call, arguments, limit_s)

    async def rooms(self) -> list[str]:
        """Rooms that are active here and have no seat."""
        return self._calls.rooms() if self._calls is not None else []

    async def wanted(self) -> list[str]:
        """The cells that are to run for the clients that are connected here, by name."""
        lines = self._app.chat.lines if self._calls is not None else None
        return lines.wanted() if lines is not None else []

    async def sessions(self, user: str) -> list[str]:
        """The sessions of a user that live here; of everybody, where none is named."""
        return self._calls.sessions(user) if self._calls is not None else []

    async def accounts(self, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What `warbler accounts` asks."""
        do: Any = importlib.import_module("cluster.account_calls").do_account_call
        return await answered(do(self._app.accounts, call, arguments))

    async def stop(self) -> dict[str, Any]:
        """End in good order."""
        return await answered(self._app.stop())

    async def gone(self) -> None:
        """Never ends."""
        await asyncio.Event().wait()


RAY_CELL: Any = ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)(CellActor)
"""Never restarted by Ray: a new process is a new life, and that is the supervisor's to give."""
