"""A supervisor over scripted processes: they do what the test says, on a loop whose time is moved by hand. No Ray, no waiting."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

from actors.runtime.view import CellInfo, View, ViewError
from actors.store.cluster_file import ClusterFile, create
from cluster.child import Child
from cluster.figures import CellStats
from cluster.hands import Wanted
from cluster.membership import Membership
from cluster.plan import Plan
from cluster.problems import StartProblem
from cluster.processes import ProcessId
from cluster.supervisor import Supervisor
from cluster.upkeep import Story, Upkeep, story_of
from tests.kit.fast_loop import pass_time, play_fast

SHARDS = 4
TURN_S = 0.01
"""Of the moved clock: what a step takes."""
TEST_LOOK_S = 0.05
"""Of the moved clock, between two looks of a test."""


class ScriptedCell:
    """A process that does what the test says."""

    def __init__(self, machine: Machine, name: str, life: str) -> None:
        self.name, self.life, self.machine = name, life, machine
        self.told: list[str] = []
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.port = 0
        self.stopped = False
        self.looks = 0

    async def start(self, replaces: str = "") -> tuple[CellInfo, ProcessId]:
        """What has begun in its process goes on whether its supervisor lives or not."""
        await self.machine.step("start")
        return await asyncio.shield(self.machine.go_on(self._start(replaces)))

    async def _start(self, replaces: str) -> tuple[CellInfo, ProcessId]:
        if self.machine.start_problem or self.name in self.machine.sick:
            raise StartProblem(self.machine.start_problem or "it is sick")
        info = CellInfo(self.life, self.name)
        while True:
            if self.life not in self.machine.living:
                raise StartProblem("it is dead")
            if self.machine.try_to_join(info, replaces):
                break
            await pass_time(TURN_S)
        process = ProcessId(1000 + len(self.machine.cells), self.life)
        self.machine.membership.note_process(self.life, process)
        return info, process

    async def report_death(self, life: str, why: str) -> str:
        if self.life in self.machine.deaf:
            raise TimeoutError
        assert life not in self.machine.living, "a death was reported of a life whose process may still run"
        self.told.append(life)
        if self.machine.cells_act:
            self.machine.membership.seal(life)
            self.machine.membership.leave(life)
        return self.machine.known.get(life, "")

    async def open_doors(self, port: int) -> int:
        await self.machine.step("open doors")
        if self.machine.door_problem:
            raise StartProblem(self.machine.door_problem)
        self.port = port or 5555
        return self.port

    async def stats(self) -> CellStats:
        if self.life in self.machine.frozen:
            await asyncio.Event().wait()
        self.looks += 1
        view = self.machine.membership.view()
        is_marked = view is not None and self.life in view.draining
        drained = is_marked and (self.life in self.machine.drained or self.machine.empties_at_once)
        return CellStats(name=self.name, life=self.life, drained=drained)  # type: ignore[typeddict-item]

    async def stop(self) -> None:
        await self.machine.step("stop")
        self.stopped = True

    async def gone(self) -> str:
        return await asyncio.shield(self.ended)


class Machine:
    """All processes, on one node or on several; implements `Hands`."""

    def __init__(self, membership: Membership) -> None:
        self.membership = membership
        self.cells: dict[str, ScriptedCell] = {}
        self.living: dict[str, ScriptedCell] = {}
        self.killed: list[str] = []
        self.deaf: set[str] = set()
        self.frozen: set[str] = set()
        self.cells_act = True
        """Whether a cell that is told of a death does the coordinator's part."""
        self.known: dict[str, str] = {}
        self.start_problem = self.door_problem = ""
        self.sick: set[str] = set()
        """Names of cells that do not start."""
        self.drained: set[str] = set()
        """Lives that say that they are empty, once the view wants that."""
        self.empties_at_once = False
        """Whether all lives do."""
        self.launches: defaultdict[str, list[float]] = defaultdict(list)
        """Name -> when a process was started for it."""
        self.nodes: dict[str, str] = {}
        """Name -> node, where there are several."""
        self.switches = 1
        self.steps: list[str] = []
        """What was done from outside, in order."""
        self.crash_at = 0
        """After this step the supervisor is dead; 0: never."""
        self.crash: Callable[[], None] = lambda: None
        self._inner: set[asyncio.Task[Any]] = set()

    def done(self, what: str) -> None:
        """Something was done that outlives the supervisor; perhaps it does not survive that. Then nothing of it runs on from here."""
        self.steps.append(what)
        if len(self.steps) == self.crash_at:
            self.crash()
            raise asyncio.CancelledError

    async def step(self, what: str) -> None:
        """The same, and it takes a moment."""
        self.done(what)
        await pass_time(TURN_S)

    def go_on(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Work of a process of its own."""
        task = asyncio.get_running_loop().create_task(work)
        self._inner.add(task)
        task.add_done_callback(self._inner.discard)
        return task

    async def launch(self, name: str, life: str) -> ScriptedCell:
        self.launches[name].append(asyncio.get_running_loop().time())
        cell = ScriptedCell(self, name, life)
        self.cells[life] = self.living[life] = cell
        await self.step("launch")
        return cell

    async def find(self, name: str, life: str) -> ScriptedCell | None:
        return self.living.get(life)

    async def kill(self, life: str, process: ProcessId | None) -> None:
        assert life in self.membership.unsealed(), "sealed before it was dead"
        self.killed.append(life)
        self.die(life)
        await self.step("kill")

    def node_of(self, name: str) -> str:
        return self.nodes.get(name, "")

    def has_another_node(self, name: str) -> bool:
        return len(set(self.nodes.values())) > 1

    async def renew_switch(self) -> bool:
        self.switches += 1
        await self.step("renew switch")
        return True

    def die(self, life: str, why: str = "killed") -> None:
        cell = self.living.pop(life, None)
        if cell is not None and not cell.ended.done():
            cell.ended.set_result(why)

    def try_to_join(self, info: CellInfo, replaces: str = "") -> bool:
        """False while the life before it is not out."""
        try:
            view = self.membership.view()
            if view is not None and replaces in view.by_life:
                self.membership.replace(replaces, info)
            else:
                self.membership.join(info)
        except ViewError:
            return False
        return True

    def of(self, name: str) -> ScriptedCell:
        return next(cell for cell in self.living.values() if cell.name == name)


class Watched:
    """A membership in which every change counts as a step."""

    CHANGES = frozenset({"change_plan", "new_life", "drain", "replace", "seal", "leave"})

    def __init__(self, membership: Membership, machine: Machine) -> None:
        self._membership = membership
        self._machine = machine

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._membership, name)
        if name not in self.CHANGES:
            return found

        def change(*arguments: Any, **more: Any) -> Any:
            result = found(*arguments, **more)
            self._machine.done(name)
            return result

        return change


class Town:
    """A supervisor at work, with what people ask it for."""

    def __init__(self, folder: Path, cells: int, machine: Machine | None = None, membership: Membership | None = None) -> None:
        self.membership = membership or Membership(ClusterFile(folder))
        self.machine = machine or Machine(self.membership)
        self.names = tuple(f"cell-{number}" for number in range(1, cells + 1))
        loop = asyncio.get_running_loop()
        watched = cast(Membership, Watched(self.membership, self.machine))
        self.supervisor = Supervisor(watched, self.machine, Wanted(self.names, 0), now=loop.time)
        self.upkeep = Upkeep(self.supervisor, self.machine)
        self.task = loop.create_task(self.supervisor.run())
        self.work = loop.create_task(self.upkeep.run())
        self.machine.crash = self._die

    def _die(self) -> None:
        self.task.cancel()
        self.work.cancel()

    async def until(self, what: Callable[[], bool]) -> None:
        while not what():
            for task in (self.task, self.work):
                assert not task.done() or task.cancelled() or self.is_dead or task.result() is None
            await pass_time(TEST_LOOK_S)

    async def until_settled(self) -> None:
        """Everybody serves, and what is stored names those who live."""
        await self.until(lambda: self.supervisor.adopted.is_set() and all(c.state == "serving" for c in self.supervisor.children.values()))
        await self.until(lambda: set(self.membership.unsealed()) == set(self.view.by_life) == set(self.machine.living))

    async def until_over(self) -> Story:
        """What was asked for is done, or given up."""
        await self.until(lambda: not self.story["busy"])
        return self.story

    def child(self, name: str) -> Child:
        """The cell of that name; one that waits, before the supervisor knows of it."""
        return self.supervisor.children.get(name) or Child(name)

    @property
    def view(self) -> View:
        view = self.membership.view()
        assert view is not None
        return view

    @property
    def plan(self) -> Plan:
        return self.supervisor.plan.plan

    @property
    def story(self) -> Story:
        return story_of(self.plan)

    @property
    def is_dead(self) -> bool:
        """Whether the supervisor has died at a step that was to kill it."""
        return 0 < self.machine.crash_at <= len(self.machine.steps)

    async def crash(self) -> None:
        """The supervisor's own process dies; cells go on."""
        self._die()
        await asyncio.gather(self.task, self.work, return_exceptions=True)

    async def again(self, *, everything: bool = False) -> Town:
        """Another supervisor after this one has died, alone or with all cells."""
        await self.crash()
        for life in list(self.machine.living) if everything else ():
            self.machine.die(life)
        return Town(Path(), len(self.names), self.machine, self.membership)

    async def stop(self) -> None:
        """All end in good order."""
        self.work.cancel()
        await self.supervisor.stop(1.0)
        await asyncio.gather(self.task, self.work, return_exceptions=True)


def play(folder: Path, scenario: Callable[[Path], Coroutine[Any, Any, None]]) -> None:
    """Run it on a new data folder."""
    create(folder, SHARDS, b"testtest", 0)
    play_fast(scenario(folder))
