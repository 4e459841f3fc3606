"""The supervisor: keeps the wanted cells running, and the stored view true to what runs.

    start      lives of earlier runs are adopted where they answer, else killed, sealed and taken out of the view
    a cell     new life -> process -> its links listen -> it joins the view -> everybody hears of it -> its doors open
    its death  (a call that never ends on a living cell fails) -> process gone for sure -> sealed -> view without it
               -> everybody hears -> a new life after a pause that grows with repeated deaths
    moves      a few at a time: the old owner lets go, then the view names the new one; no answer: withdrawn

No Ray here: `Hands` starts and finds processes, `Membership` changes what is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple, Protocol

from actors.runtime.view import CellInfo, View
from cluster.figures import CellStats
from cluster.membership import Membership
from cluster.pauses import Pauses
from cluster.problems import StartProblem, in_short
from cluster.processes import ProcessId
from gateway.logs import event_log

MOVES_AT_ONCE = 4
RELEASE_LIMIT_S = 5.0
"""An owner that has not let go by then keeps its groups, and the move is withdrawn."""
VIEW_LIMIT_S = 15.0
"""A cell that has not acted on a view by then is ended: others rely on its letting go."""
BEAT_S = 1.0
SILENCE_LIMIT_S = 10.0
"""A cell that answers nothing for so long is frozen, and is ended. A healthy one on a machine that is far too busy answers within seconds."""
START_LIMIT_S = 60.0
"""From the wish for a process to its links."""

_log = event_log("cluster.supervisor")


class CellPort(Protocol):
    """One cell process, as its supervisor sees it. A failed call raises; that alone never means that it is dead."""

    async def start(self) -> tuple[CellInfo, ProcessId]:
        """Put the cell together. Raises `StartProblem`."""

    async def apply_view(self, data: bytes) -> None:
        """Act on a stored view."""

    async def release(self, groups: list[int]) -> None:
        """Let groups go."""

    async def open_doors(self, port: int) -> int:
        """Listen on the public port. Raises `StartProblem`."""

    async def stats(self) -> CellStats:
        """Figures for people."""

    async def stop(self) -> None:
        """End in good order."""

    async def gone(self) -> str:
        """Returns when the process is dead, with the reason; never before."""


class Hands(Protocol):
    """What starts and ends processes."""

    async def launch(self, name: str, life: str) -> CellPort:
        """A new process for a life."""

    async def find(self, name: str, life: str) -> CellPort | None:
        """The running process of a life, where there is one that answers."""

    async def kill(self, life: str, process: ProcessId | None) -> None:
        """The process is gone when this returns. Raises `StartProblem` where that cannot be had."""


class Wanted(NamedTuple):
    """What is to run."""

    names: tuple[str, ...]
    port: int


class Child:
    """One wanted cell."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.life = ""
        self.state = "waiting"
        """``waiting``, ``starting``, ``serving``, ``failed`` (waits for its next try), ``stopped``."""
        self.port: CellPort | None = None
        self.process: ProcessId | None = None
        self.restarts = 0
        self.problem = ""
        """Why it is not serving; empty while it is."""
        self.last_end = ""
        """Why it ended last."""
        self.fault = ""
        """Why this supervisor ended it, where it did."""


class Supervisor:
    """Belongs to one loop. `run` until cancelled or `stop`."""

    def __init__(
        self,
        membership: Membership,
        hands: Hands,
        wanted: Wanted,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        silence_limit_s: float = SILENCE_LIMIT_S,
    ) -> None:
        self._membership = membership
        self._hands = hands
        self._sleep = sleep
        self._silence_limit_s = silence_limit_s
        self._view_changes = asyncio.Lock()
        self._tasks = asyncio.TaskGroup()
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._balancing: asyncio.Task[None] | None = None
        self.public_port = wanted.port
        self._port_known = asyncio.Event()
        self.children = {name: Child(name) for name in wanted.names}
        self.stopping = False

    # --- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Adopt what lives, end what does not, then keep every wanted cell. Raises what a keeper raised."""
        if self.public_port:
            self._port_known.set()
        await self._adopt()
        try:
            async with self._tasks as tasks:
                for child in self.children.values():
                    # The first one decides which port it is, where none was named.
                    self._keepers[child.name] = tasks.create_task(self._keep(child), name=child.name)
                self._balancing = tasks.create_task(self._balance(), name="balance")
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    def want(self, names: Sequence[str], limit_s: float) -> None:
        """From now on these cells are to run: new ones are started, others end in good order. Call it while `run` runs."""
        if self.stopping:
            return
        for name in names:
            if name not in self.children:
                child = self.children[name] = Child(name)
                self._keepers[name] = self._tasks.create_task(self._keep(child), name=name)
        for name in set(self._keepers) - set(names):
            self._tasks.create_task(self._dismiss(self.children[name], self._keepers.pop(name), limit_s), name=f"dismiss {name}")

    async def _dismiss(self, child: Child, keeper: asyncio.Task[None], limit_s: float) -> None:
        """End a cell that is wanted no more; tried until it is gone for sure."""
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        pauses = Pauses(asyncio.get_running_loop().time)
        while not await self._ended(child, limit_s):
            await self._sleep(pauses.next())
        del self.children[child.name]
        _log.info("cell_dismissed", cell=child.name)

    async def _ended(self, child: Child, limit_s: float) -> bool:
        try:
            await self._end(child, limit_s)
        except StartProblem as problem:
            child.problem = str(problem)
            return False
        return True

    async def stop(self, limit_s: float) -> None:
        """End all cells in good order, by force after `limit_s`; seal them, and leave an empty view."""
        self.stopping = True
        tasks = [*self._keepers.values(), *([self._balancing] if self._balancing is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(self._end(child, limit_s) for child in self.children.values()))

    async def _end(self, child: Child, limit_s: float) -> None:
        child.state = "stopped"
        if child.port is not None:
            try:
                async with asyncio.timeout(limit_s):
                    await child.port.stop()
            except Exception as error:  # noqa: BLE001 - however it failed to stop, it is killed next
                _log.warning("cell_did_not_stop", cell=child.name, reason=repr(error))
        if child.life:
            await self._bury(child)

    async def _adopt(self) -> None:
        view = self._membership.view()
        infos = {cell.life: cell for cell in view.cells} if view is not None else {}
        for life in self._membership.unsealed():
            info = infos.get(life)
            child = self.children.get(info.name) if info is not None else None
            found = await self._hands.find(child.name, life) if child is not None else None
            if child is None or found is None:
                await self._hands.kill(life, self._membership.process(life))
                self._membership.seal(life)
            else:
                child.life, child.port, child.process = life, found, self._membership.process(life)
                _log.info("cell_adopted", cell=child.name, life=life)
        for life in infos:
            if all(child.life != life for child in self.children.values()):
                self._membership.leave(life)
        await self._push()

    # --- one cell ----------------------------------------------------------------------------------------------------

    async def _keep(self, child: Child) -> None:
        """Run one cell for ever."""
        pauses = Pauses(asyncio.get_running_loop().time)
        while True:
            try:
                await self._serve(child)
            except StartProblem as problem:
                child.problem = str(problem)
            except Exception as error:  # noqa: BLE001 - whatever a start raises, the cell is tried again, and people see why
                child.problem = in_short(error)
            child.state = "failed"
            child.problem = child.last_end = child.fault or child.problem
            child.fault = ""
            _log.warning("cell_ended", cell=child.name, life=child.life, reason=child.problem)
            await self._bury(child)
            child.restarts += 1
            await self._sleep(pauses.next())

    async def _serve(self, child: Child) -> None:
        if child.port is None:
            await self._launch(child)
        assert child.port is not None
        gone = asyncio.ensure_future(child.port.gone())
        try:
            await _unless(gone, self._open(child, child.port))
            child.state, child.problem = "serving", ""
            await _unless(gone, self._beats(child.port))
        finally:
            gone.cancel()

    async def _beats(self, port: CellPort) -> None:
        """Ask for a sign of life, for ever. Raises `StartProblem` where none comes: the process is frozen."""
        while True:
            await self._sleep(BEAT_S)
            try:
                async with asyncio.timeout(self._silence_limit_s):
                    await port.stats()
            except TimeoutError as error:
                raise StartProblem(f"it answered nothing for {self._silence_limit_s:g} s") from error

    async def _launch(self, child: Child) -> None:
        child.state = "starting"
        child.life = self._membership.new_life(child.name)
        child.port = await self._hands.launch(child.name, child.life)
        async with asyncio.timeout(START_LIMIT_S):
            info, child.process = await child.port.start()
        self._membership.note_process(child.life, child.process)
        async with self._view_changes:
            view = self._membership.join(info)
            _log.info("cell_joined", cell=child.name, life=child.life, view=view.version)
        await self._push()

    async def _open(self, child: Child, port: CellPort) -> None:
        if not self._port_known.is_set() and child is not next(iter(self.children.values())):
            await self._port_known.wait()
        self.public_port = await port.open_doors(self.public_port)
        self._port_known.set()

    async def _bury(self, child: Child) -> None:
        """The process is gone, its life sealed, the view without it. In this order."""
        life, process = child.life, child.process
        child.port = child.process = None
        if not life:
            return
        await self._hands.kill(life, process)
        self._membership.seal(life)
        async with self._view_changes:
            self._membership.leave(life)
        child.life = ""
        await self._push()

    # --- the view ----------------------------------------------------------------------------------------------------

    async def _push(self) -> None:
        """Everybody hears of the stored view; who does not act on it in time is ended by its keeper."""
        version, data = self._membership.encoded()
        if version and not self.stopping:
            joined = [child for child in self.children.values() if child.process is not None]
            await asyncio.gather(
                *(self._tell(child, child.life, child.port, child.process, data) for child in joined if child.port is not None)
            )

    async def _tell(self, child: Child, life: str, port: CellPort, process: ProcessId | None, data: bytes) -> None:
        try:
            async with asyncio.timeout(VIEW_LIMIT_S):
                await port.apply_view(data)
        except Exception as error:  # noqa: BLE001 - dead, frozen or broken: its keeper hears of the end of its process
            if life in self._membership.unsealed():
                _log.error("view_not_applied", life=life, error=error)
                child.fault = in_short(error) if isinstance(error, StartProblem) else f"it could not act on a view: {in_short(error)}"
                await self._hands.kill(life, process)

    async def _balance(self) -> None:
        """Give returned cells their groups back, a few at a time."""
        while True:
            if not await self._move_some():
                await self._sleep(1.0)

    async def _move_some(self) -> bool:
        if any(child.state != "serving" for child in self.children.values()):
            return False
        async with self._view_changes:
            view = self._membership.begin_moves(MOVES_AT_ONCE)
        if view is None or not view.moves:
            return False
        await self._push()
        released = await self._released(view)
        async with self._view_changes:
            self._membership.end_moves(released)
            self._membership.withdraw_moves({move.group for move in view.moves} - released)
        await self._push()
        return bool(released)

    async def _released(self, view: View) -> set[int]:
        groups: dict[str, list[int]] = {}
        for move in view.moves:
            groups.setdefault(view.owner_lives[move.group] or "", []).append(move.group)
        answers = await asyncio.gather(*(self._ask_release(life, asked) for life, asked in groups.items()))
        return {group for released in answers for group in released}

    async def _ask_release(self, life: str, groups: list[int]) -> list[int]:
        child = next((child for child in self.children.values() if child.life == life), None)
        if child is None or child.port is None:
            return []
        try:
            async with asyncio.timeout(RELEASE_LIMIT_S):
                await child.port.release(groups)
        except Exception as error:  # noqa: BLE001 - no answer: the move is withdrawn, and nobody is sealed for it
            _log.warning("groups_not_released", life=life, groups=len(groups), reason=repr(error))
            return []
        return groups


async def _unless(gone: asyncio.Future[str], work: Coroutine[Any, Any, None]) -> None:
    """Do the work. Raises `StartProblem` where the process ends before it is done."""
    task = asyncio.ensure_future(work)
    both: set[asyncio.Future[Any]] = {gone, task}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            raise StartProblem(f"its process ended: {gone.result()}")
        task.result()
    finally:
        task.cancel()
