"""The supervisor: keeps the wanted cells running. What is stored of them is the cells' own affair: they join, they seal the
dead and share out their slots (`cluster.coordinator`), whether a supervisor lives or not.

    start      cells of earlier runs are adopted where they answer, else their processes are ended, and that is reported
    a cell     new life -> process -> it joins the view -> its doors open
    its death  (a call that never ends on a living cell fails) -> its process is gone for sure -> all living cells hear of it,
               the coordinator among them -> a new life after a pause that grows with repeated deaths
    nobody     where no cell lives that could do it, the supervisor seals the dead and takes them out of the view itself

No Ray here: `Hands` starts and finds processes, `Membership` knows what is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from cluster.hands import CellPort, Hands, Wanted
from cluster.membership import Membership
from cluster.pauses import Pauses
from cluster.problems import StartProblem, in_short
from cluster.processes import ProcessId
from gateway.logs import event_log

REPORT_LIMIT_S = 2.0
"""How long a cell is given to take a report."""
SEAL_LIMIT_S = 10.0
"""A reported death that no cell has dealt with by then is dealt with here."""
FIND_TRIES = 3
LOOK_S = 0.2
"""Between two looks whether it has been."""
BEAT_S = 1.0
SILENCE_LIMIT_S = 10.0
"""A cell that answers nothing for so long is frozen, and is ended. A healthy one on a machine that is far too busy answers within seconds."""
EMPTY_LIMIT_S = 90.0
"""A cell that is not empty by then ends with what is left in it: its clients connect again, its slots are taken over."""
STOP_LIMIT_S = 15.0
START_LIMIT_S = 60.0
"""From the wish for a process to its links."""

_log = event_log("cluster.supervisor")


class Child:
    """One wanted cell."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.life = ""
        self.state = "waiting"
        """``waiting``, ``starting``, ``serving``, ``failed`` (waits for its next try), ``draining``, ``stopped``."""
        self.replaces = ""
        """The living life of the same cell that this one is to follow; empty: none."""
        self.port: CellPort | None = None
        self.process: ProcessId | None = None
        self.restarts = 0
        self.problem = ""
        """Why it is not serving; empty while it is."""
        self.last_end = ""
        """Why it ended last."""


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
        self._tasks = asyncio.TaskGroup()
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._burials: set[asyncio.Task[None]] = set()
        self.public_port = wanted.port
        self._port_known = asyncio.Event()
        self.children = {name: Child(name) for name in wanted.names}
        self.leaving: dict[str, Child] = {}
        """Lives that are being emptied and have a successor, or none is wanted."""
        self.unwanted: set[str] = set()
        """Names of cells that people have taken off: not started again before they are wanted back."""
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
                for child in self.leaving.values():
                    tasks.create_task(self._see_off(child), name=f"see off {child.life}")
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    def want(self, names: Sequence[str], limit_s: float) -> None:
        """From now on these cells are to run: new ones are started, others are emptied and end. Call it while `run` runs."""
        if self.stopping:
            return
        names = [name for name in names if name not in self.unwanted]
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
        view = self._membership.view()
        try:
            if child.process is not None and view is not None and child.life in view.by_life:
                self._membership.drain(child.life)
                await self._see_off(child)
            else:
                await self._end(child, limit_s)
        except StartProblem as problem:
            child.problem = str(problem)
            return False
        return True

    async def stop(self, limit_s: float) -> None:
        """End all cells in good order, by force after `limit_s`; seal them, and leave an empty view."""
        self.stopping = True
        tasks = [*self._keepers.values(), *self._burials]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(self._end(child, limit_s) for child in (*self.children.values(), *self.leaving.values())))
        for life in self._membership.unsealed():
            self._see_out_alone(life)

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
        dead = []
        for life in self._membership.unsealed():
            info = infos.get(life)
            child = self.children.get(info.name) if info is not None else None
            if info is not None and view is not None and life in view.draining:
                child = self.leaving.setdefault(life, Child(info.name))
            found = await self._find(child.name, life) if child is not None else None
            if child is None or found is None:
                await self._hands.kill(life, self._membership.process(life))
                self.leaving.pop(life, None)
                dead.append(life)
            else:
                child.life, child.port, child.process = life, found, self._membership.process(life)
                _log.info("cell_adopted", cell=child.name, life=life)
        for life in dead:
            await self._see_out(life, "its supervisor did not find it alive")
        for life in set(infos) - set(self._membership.unsealed()):
            self._membership.leave(life)

    async def _find(self, name: str, life: str) -> CellPort | None:
        """More than once: a healthy cell that is slow to answer once is not to be ended for it."""
        for _ in range(FIND_TRIES):
            found = await self._hands.find(name, life)
            if found is not None:
                return found
        return None

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
            child.last_end = child.problem
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
            info, child.process = await child.port.start(child.replaces)
        _log.info("cell_joined", cell=child.name, life=info.life)

    async def _open(self, child: Child, port: CellPort) -> None:
        if not self._port_known.is_set() and child is not next(iter(self.children.values())):
            await self._port_known.wait()
        self.public_port = await port.open_doors(self.public_port)
        self._port_known.set()

    async def _bury(self, child: Child) -> None:
        """The process is gone for sure, and whoever is to act on that hears of it; a new life need not wait for them."""
        life, process = child.life, child.process
        child.port = child.process = None
        if not life:
            return
        await self._hands.kill(life, process)
        child.life = ""
        if self.stopping:
            self._see_out_alone(life)
            return
        child.problem = child.last_end = await self._report(life, child.problem) or child.problem
        burial = self._tasks.create_task(self._see_out(life, child.problem), name=f"bury {life}")
        self._burials.add(burial)
        burial.add_done_callback(self._burials.discard)

    # --- emptying ----------------------------------------------------------------------------------------------------

    async def replace(self, name: str) -> None:
        """A new process takes the place of a cell, code of today included: it serves before the old one is emptied and ends. Returns
        then. Raises `StartProblem` where the cell is not serving or the new one does not start; the old one goes on."""
        old = self._serving(name)
        await self._released(name)
        new = Child(name)
        new.replaces, new.restarts, new.last_end = old.life, old.restarts, old.last_end
        keeper = self._keepers[name] = self._tasks.create_task(self._keep(new), name=name)
        self.children[name], self.leaving[old.life] = new, old
        while new.state not in ("serving", "failed"):
            await self._sleep(LOOK_S)
        if new.state == "failed":
            await self._keep_after_all(old, new, keeper)
            raise StartProblem(f"The new {name} does not serve, and the old one is kept: {new.problem}")
        new.replaces = ""
        await self._see_off(old)

    async def _keep_after_all(self, old: Child, new: Child, keeper: asyncio.Task[None]) -> None:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        for life in self._membership.unsealed():
            if life != old.life and life.rpartition("-")[0] == old.name:
                await self._hands.kill(life, self._membership.process(life))
                await self._see_out(life, new.problem)
        self._membership.drain(old.life, wanted=False)
        self.leaving.pop(old.life, None)
        self.children[old.name] = old
        self._keepers[old.name] = self._tasks.create_task(self._keep(old), name=old.name)

    async def drain(self, name: str) -> None:
        """Empty a cell, end it, and do not start it again before `restore`. Raises `StartProblem` where it is not serving, or the last."""
        old = self._serving(name)
        if sum(child.state == "serving" for child in self.children.values()) == 1:
            raise StartProblem(f"{name} is the last cell that serves; `warbler down` ends the server.")
        self.unwanted.add(name)
        await self._released(name)
        self.leaving[old.life] = old
        del self.children[name]
        self._membership.drain(old.life)
        await self._see_off(old)

    def restore(self, name: str) -> None:
        """A cell that was taken off is wanted again. Raises `StartProblem` where it was not, or has not ended yet."""
        if name not in self.unwanted or any(child.name == name for child in self.leaving.values()):
            raise StartProblem(f"{name} was not taken off, or has not ended yet.")
        self.unwanted.discard(name)
        self.want([*self.children, name], 0.0)

    def _serving(self, name: str) -> Child:
        child = self.children.get(name)
        if child is None or child.state != "serving" or name not in self._keepers:
            raise StartProblem(f"{name} is not a cell that serves; `warbler status` names them.")
        return child

    async def _released(self, name: str) -> None:
        """Nobody starts this cell again when it ends."""
        keeper = self._keepers.pop(name)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)

    async def _see_off(self, old: Child) -> None:
        """Wait until it is empty, for a while; then it ends in good order, whatever is left in it."""
        old.state = "draining"
        port, life = old.port, old.life
        if port is not None:
            gone = asyncio.ensure_future(port.gone())
            try:
                async with asyncio.timeout(EMPTY_LIMIT_S):
                    await _unless(gone, self._emptied(port))
            except (TimeoutError, StartProblem) as error:
                _log.warning("cell_not_emptied", cell=old.name, life=life, reason=repr(error))
            finally:
                gone.cancel()
        await self._end(old, STOP_LIMIT_S)
        self.leaving.pop(life, None)
        _log.info("cell_emptied", cell=old.name, life=life)

    async def _emptied(self, port: CellPort) -> None:
        while not (await port.stats()).get("drained", False):
            await self._sleep(LOOK_S)

    # --- the dead ----------------------------------------------------------------------------------------------------

    async def _see_out(self, life: str, why: str) -> None:
        """Until a dead life is sealed and out of the view: by the cells that live; where none does, or none does it, from here."""
        end = asyncio.get_running_loop().time() + SEAL_LIMIT_S
        while self._is_not_out(life):
            living = [child for child in self.children.values() if child.process is not None]
            if not living or asyncio.get_running_loop().time() >= end:
                self._see_out_alone(life)
                return
            await self._report(life, why)
            await self._sleep(LOOK_S)

    def _is_not_out(self, life: str) -> bool:
        view = self._membership.view()
        return life in self._membership.unsealed() or (view is not None and life in view.by_life)

    def _see_out_alone(self, life: str) -> None:
        self._membership.seal(life)
        self._membership.leave(life)

    async def _report(self, life: str, why: str) -> str:
        """Tell all living cells; returns what one of them knows of it."""
        ports = [child.port for child in self.children.values() if child.port is not None and child.process is not None]
        answers = await asyncio.gather(*(self._tell(port, life, why) for port in ports))
        return next((answer for answer in answers if answer), "")

    async def _tell(self, port: CellPort, life: str, why: str) -> str:
        try:
            async with asyncio.timeout(REPORT_LIMIT_S):
                return await port.report_death(life, why)
        except Exception as error:  # noqa: BLE001 - dead, frozen or broken itself: its keeper hears of that; the others were told
            _log.warning("death_not_reported", life=life, reason=repr(error))
            return ""


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
