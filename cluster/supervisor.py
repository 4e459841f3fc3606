"""The supervisor: keeps the wanted cells running. What is stored of them is the cells' own affair: they join, they seal the
dead and share out their slots (`cluster.coordinator`), whether a supervisor lives or not.

    wanted     the names that it is told, without those that the stored plan (`cluster.plan`) has taken off
    start      cells of earlier runs are adopted where they answer, else their processes are ended, and that is reported; what the
               plan says is then reconciled with them: who is wanted is kept or started, who is not is emptied and ends
    a cell     new life -> process -> it joins the view -> its doors open
    its death  (a call that never ends on a living cell fails) -> its process is gone for sure -> all living cells hear of it,
               the coordinator among them -> what its part of the tree says (`cluster.tree`): a new life, at once or after a
               pause; or it is left alone
    nobody     where no cell lives that could do it, the supervisor seals the dead and takes them out of the view itself

No Ray here: `Hands` starts and finds processes, `Membership` knows what is stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from cluster.adoption import adopt
from cluster.burials import Burials
from cluster.child import Child, settled, unless
from cluster.hands import CellPort, Hands, Wanted
from cluster.membership import Membership
from cluster.partings import AGAIN_S, Partings
from cluster.plan_keeper import PlanKeeper
from cluster.problems import StartProblem, in_short
from cluster.restarting import Restarting
from cluster.seat_names import is_own
from cluster.successions import Successions
from gateway.logs import event_log

BEAT_S = 1.0
SILENCE_LIMIT_S = 10.0
"""A cell that answers nothing for so long is frozen, and is ended. A healthy one on a machine that is far too busy answers within seconds."""
START_LIMIT_S = 60.0
"""From the wish for a process to its links."""
LOOK_S = 0.2

_log = event_log("cluster.supervisor")


class Supervisor:
    """Belongs to one loop. `run` until cancelled or `stop`."""

    def __init__(
        self, membership: Membership, hands: Hands, wanted: Wanted, plan: PlanKeeper | None = None, now: Callable[[], float] = time.time
    ) -> None:
        """`now`: the people's clock, since what counts against limits outlives processes and machines."""
        self._membership = membership
        self._hands = hands
        self.plan = plan or PlanKeeper(membership)
        self._wanted: tuple[str, ...] = wanted.names
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self.public_port = wanted.port
        self._port_known = asyncio.Event()
        self.children: dict[str, Child] = {}
        self.burials = Burials(membership, hands, lambda: self.children.values())
        self.partings = Partings(membership, self.burials)
        self._successions = Successions(self, membership)
        self._restarting = Restarting(self.plan, now, lambda: self.children.values(), hands)
        self.adopted = asyncio.Event()
        """Set once it knows which cells live."""
        self.stopping = False
        self._ended = asyncio.Event()

    @property
    def leaving(self) -> dict[str, Child]:
        """Lives that are being emptied and have a successor, or none is wanted."""
        return self.partings.leaving

    # --- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Adopt what lives, end what does not, then keep every wanted cell. Raises what a keeper raised."""
        if self.public_port:
            self._port_known.set()
        adopted = await adopt(self._membership, self._hands, self._runnable())
        self.children.update(adopted.children)
        parting = [child for child in adopted.leaving if not self._stays(child)]
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = self.burials.tasks = self.partings.tasks = self._successions.tasks = tasks
                for life in adopted.dead:
                    tasks.create_task(self.burials.see_out(life, "its supervisor did not find it alive"), name=f"bury {life}")
                # The first one decides which port it is, where none was named.
                for child in list(self.children.values()):
                    self.keep(child)
                for child in parting:
                    self._part_with(child)
                self.adopted.set()
                self.want(self._wanted)
                await self._ended.wait()
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    def _stays(self, child: Child) -> bool:
        """One that an earlier supervisor was about to see off is wanted, and no successor of it lives."""
        mine = self.children.get(child.name)
        if mine is None or mine.lives:
            return False
        self.partings.let_stay(child)
        self.children[child.name] = child
        return True

    def _part_with(self, child: Child) -> None:
        """One that an earlier supervisor was about to see off: its successor has to serve first, where there is one."""
        successor = self.children.get(child.name)
        if successor is not None:
            self._successions.go_on(child, successor)
        else:
            self.partings.begin(child)

    def keep(self, child: Child) -> None:
        """Run this cell, as its part of the tree says."""
        self.children[child.name] = child
        self._keepers[child.name] = self._tasks.create_task(self._keep(child), name=child.name)

    async def release(self, name: str) -> None:
        """Nobody starts this cell again when it ends."""
        keeper = self._keepers.pop(name, None)
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def stop(self, limit_s: float) -> None:
        """End all cells in good order, by force after `limit_s`; seal them, and leave an empty view."""
        self.stopping = True
        self._ended.set()
        await self._successions.close()
        for name in list(self._keepers):
            await self.release(name)
        await self.partings.close()
        await self.burials.close()
        await asyncio.gather(*(self.partings.end(child, limit_s) for child in (*self.children.values(), *self.leaving.values())))
        for life in self._membership.unsealed():
            self.burials.see_out_alone(life)
        self._restarting.forget_all()

    # --- wanted against actual ---------------------------------------------------------------------------------------

    def want(self, names: Sequence[str]) -> None:
        """From now on these cells are to run, but for those that the plan has taken off: new ones are started, others are emptied
        and end, and one that just leaves is taken back. Repeat it at will."""
        self._wanted = tuple(names)
        if self.stopping or not self.adopted.is_set():
            return
        runnable = self._runnable()
        for name in runnable:
            if name not in self.children:
                self._take_in(name)
        for name in set(self.children) - set(runnable):
            self._dismiss(name)

    def want_anew(self) -> None:
        """The plan has changed."""
        self.want(self._wanted)

    def _runnable(self) -> tuple[str, ...]:
        """The wanted names without those that are off. One that many rooms share is kept in any case: nobody else would serve."""
        off = set(self.plan.plan.off)
        shared = [name for name in self._wanted if not is_own(name)]
        if shared and off >= set(shared):
            off.discard(shared[0])
        return tuple(name for name in self._wanted if name not in off)

    def _take_in(self, name: str) -> None:
        leaving = self.partings.may_stay(name)
        if leaving is not None:
            self._stay(leaving)
        else:
            self.keep(Child(name))

    def _stay(self, child: Child) -> None:
        self.partings.let_stay(child)
        self.keep(child)

    def _dismiss(self, name: str) -> None:
        self._successions.forget(name)
        self.partings.begin(self.children.pop(name), self.release(name))

    async def serving(self, name: str) -> Child:
        """The cell of that name, once it serves. Raises `StartProblem` where it does not in time."""
        child = self.children.get(name)
        if child is not None and await settled([child]) and child.state == "serving":
            return child
        raise StartProblem(f"{name} is not a cell that serves; `warbler status` names them.")

    async def may_be_taken_off(self, name: str) -> None:
        """Raises `StartProblem` where there is no such cell, or nobody else serves."""
        if name not in self.children:
            raise StartProblem(f"{name} is not a cell; `warbler status` names them.")
        others = [child for child in self.children.values() if not is_own(child.name) and child.name != name]
        if not is_own(name) and not await settled(others):
            raise StartProblem(f"{name} is the last cell that serves; `warbler down` ends the server.")

    async def gone(self, name: str) -> bool:
        """Wait until nothing of this cell is left; False where it is wanted again before."""
        while name in self.children or self.partings.of(name):
            if name in self._runnable():
                return False
            await asyncio.sleep(LOOK_S)
        return True

    async def replace(self, name: str, life: str = "") -> None:
        """A new process takes the place of a cell (of its `life`, where one is named), code of today included: it serves before the
        old one is emptied and ends. Returns then. Raises `StartProblem` where the cell is not serving or the new one does not start;
        the old one goes on."""
        await self._successions.replace(name, life)

    # --- one cell ----------------------------------------------------------------------------------------------------

    async def _keep(self, child: Child) -> None:
        """Run one cell until its part of the tree says that it is not to be started again."""
        if child.port is None:
            await self._restarting.allowed(child)
        while True:
            well = False
            try:
                await self._serve(child)
            except StartProblem as problem:
                child.problem = str(problem)
                well = getattr(problem, "well", False)
            except Exception as error:  # noqa: BLE001 - whatever a start raises, the cell is tried again, and people see why
                child.problem = in_short(error)
            child.turns("failed")
            child.last_end = child.problem
            _log.warning("cell_ended", cell=child.name, life=child.life, reason=child.problem)
            await self._bury(child)
            if not await self._restarting.again(child, well=well):
                return

    async def _bury(self, child: Child) -> None:
        """Tried until its process is gone for sure."""
        again_s, longest_s = AGAIN_S
        while True:
            try:
                await self.burials.bury(child)
                return
            except StartProblem as problem:
                child.problem = str(problem)
            await asyncio.sleep(again_s)
            again_s = min(2 * again_s, longest_s)

    async def _serve(self, child: Child) -> None:
        if child.port is None:
            await self._launch(child)
        assert child.port is not None
        gone = asyncio.ensure_future(child.port.gone())
        try:
            await unless(gone, self._open(child, child.port))
            child.problem = ""
            child.turns("serving")
            await unless(gone, _beats(child.port))
        finally:
            gone.cancel()

    async def _launch(self, child: Child) -> None:
        child.turns("starting")
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


async def _beats(port: CellPort) -> None:
    """Ask for a sign of life, for ever. Raises `StartProblem` where none comes: the process is frozen."""
    while True:
        await asyncio.sleep(BEAT_S)
        try:
            async with asyncio.timeout(SILENCE_LIMIT_S):
                await port.stats()
        except TimeoutError as error:
            raise StartProblem(f"it answered nothing for {SILENCE_LIMIT_S:g} s") from error
