"""The supervisor over scripted processes: deaths, adoption, moves, failures at the start. No Ray, no waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.view import CellInfo, View, ViewError
from actors.store.cluster_file import ClusterFile, create
from cluster.figures import CellStats
from cluster.hands import Wanted
from cluster.membership import Membership
from cluster.problems import StartProblem
from cluster.processes import ProcessId
from cluster.supervisor import Supervisor
from tests.kit.peers import turn_until

SHARDS = 4


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
        if self.machine.start_problem:
            raise StartProblem(self.machine.start_problem)
        info = CellInfo(self.life, self.name)
        await turn_until(lambda: self.machine.try_to_join(info, replaces))
        return info, ProcessId(1000 + len(self.machine.cells), self.life)

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
        if self.machine.door_problem:
            raise StartProblem(self.machine.door_problem)
        self.port = port or 5555
        return self.port

    async def stats(self) -> CellStats:
        if self.life in self.machine.frozen:
            await asyncio.Event().wait()
        self.looks += 1
        drained = self.life in self.machine.drained
        return CellStats(name=self.name, life=self.life, drained=drained)  # type: ignore[typeddict-item]

    async def stop(self) -> None:
        self.stopped = True

    async def gone(self) -> str:
        return await asyncio.shield(self.ended)


class Machine:
    """All processes; implements `Hands`."""

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
        self.drained: set[str] = set()
        """Lives that say that they are empty."""

    async def launch(self, name: str, life: str) -> ScriptedCell:
        cell = ScriptedCell(self, name, life)
        self.cells[life] = self.living[life] = cell
        return cell

    async def find(self, name: str, life: str) -> ScriptedCell | None:
        return self.living.get(life)

    async def kill(self, life: str, process: ProcessId | None) -> None:
        assert life in self.membership.unsealed(), "sealed before it was dead"
        self.killed.append(life)
        self.die(life)

    def die(self, life: str) -> None:
        cell = self.living.pop(life, None)
        if cell is not None and not cell.ended.done():
            cell.ended.set_result("killed")

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


class Town:
    """A supervisor at work."""

    def __init__(self, folder: Path, cells: int, machine: Machine | None = None, membership: Membership | None = None) -> None:
        self.membership = membership or Membership(ClusterFile(folder))
        self.machine = machine or Machine(self.membership)
        self.pauses: list[float] = []
        names = tuple(f"cell-{number}" for number in range(1, cells + 1))
        self.supervisor = Supervisor(self.membership, self.machine, Wanted(names, 0), sleep=self._sleep, silence_limit_s=0.2)
        self.task = asyncio.get_running_loop().create_task(self.supervisor.run())

    async def _sleep(self, pause: float) -> None:
        self.pauses.append(pause)
        await asyncio.sleep(0)

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not what():
                assert not self.task.done() or self.task.result() is None
                await asyncio.sleep(0)

    async def until_settled(self) -> None:
        """Everybody serves, and what is stored names those who live."""
        await self.until(lambda: all(child.state == "serving" for child in self.supervisor.children.values()))
        await self.until(lambda: set(self.membership.unsealed()) == set(self.view.by_life) == set(self.machine.living))

    @property
    def view(self) -> View:
        view = self.membership.view()
        assert view is not None
        return view

    async def crash(self) -> None:
        """The supervisor's own process dies; cells go on."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def play(folder: Path, scenario: Callable[[Path], Coroutine[Any, Any, None]]) -> None:
    create(folder, SHARDS, b"testtest", 0)
    asyncio.run(scenario(folder))


def test_all_cells_come_up_and_share_the_port(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        assert {cell.port for cell in town.machine.living.values()} == {5555}
        assert town.machine.killed == []
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)


def test_the_living_hear_of_a_death_and_a_new_life_takes_the_place(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        dead = town.machine.of("cell-1").life
        town.machine.die(dead)
        await town.until(lambda: dead not in town.membership.unsealed())
        await town.until_settled()
        reborn = town.machine.of("cell-1")
        assert reborn.life != dead
        assert town.supervisor.children["cell-1"].restarts == 1
        assert town.view.cell(dead) is None
        assert dead in town.machine.of("cell-2").told
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)


def test_the_living_hear_of_a_death_before_the_new_life_is_there(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        survivor = town.machine.of("cell-2")
        town.machine.start_problem = "no memory"
        dead = town.machine.of("cell-1").life
        town.machine.die(dead)
        await town.until(lambda: dead in survivor.told)
        assert town.supervisor.children["cell-1"].state != "serving"
        assert town.supervisor.children["cell-2"].restarts == 0
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)


def test_where_no_cell_lives_the_supervisor_itself_seals_the_dead(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 1)
        await town.until_settled()
        dead = town.machine.of("cell-1").life
        town.machine.die(dead)
        await town.until(lambda: dead not in town.membership.unsealed())
        await town.until_settled()
        assert town.machine.of("cell-1").told == []
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)


def test_a_death_that_no_cell_deals_with_is_dealt_with_by_the_supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(folder: Path) -> None:
        monkeypatch.setattr("cluster.supervisor.SEAL_LIMIT_S", 0.1)
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.cells_act = False
        dead, survivor = town.machine.of("cell-1").life, town.machine.of("cell-2")
        town.machine.die(dead)
        await town.until(lambda: dead not in town.membership.unsealed())
        assert dead in survivor.told
        await town.until_settled()
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)


def test_a_cell_that_takes_no_reports_keeps_nobody_from_hearing_of_a_death(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 3)
        await town.until_settled()
        town.machine.deaf.add(town.machine.of("cell-2").life)
        dead = town.machine.of("cell-1").life
        town.machine.die(dead)
        await town.until_settled()
        assert dead in town.machine.of("cell-3").told
        assert town.supervisor.children["cell-2"].restarts == 0
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)


def test_people_are_told_why_a_cell_had_another_one_ended(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        dead = town.machine.of("cell-1").life
        town.machine.known[dead] = "no beat for 3.6 s, and most cells miss it"
        town.machine.die(dead)
        await town.until(lambda: town.supervisor.children["cell-1"].restarts == 1)
        await town.until_settled()
        assert town.supervisor.children["cell-1"].last_end == "no beat for 3.6 s, and most cells miss it"
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)


def test_a_cell_that_cannot_start_is_tried_again_after_growing_pauses_and_says_why(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 1)
        town.machine.door_problem = "Port 1 cannot be listened on."
        child = town.supervisor.children["cell-1"]
        await town.until(lambda: child.restarts >= 6)
        assert child.problem == "Port 1 cannot be listened on."
        assert [pause for pause in town.pauses if pause > 1.0][:2] == [2.0, 4.0]
        town.machine.door_problem = ""
        await town.until(lambda: child.state == "serving")
        assert child.problem == ""
        assert len(town.membership.unsealed()) == 1
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)


def test_a_supervisor_that_returns_adopts_the_living_and_buries_the_dead(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        alive, dead = town.machine.of("cell-1").life, town.machine.of("cell-2").life
        await town.crash()
        town.machine.die(dead)
        town.machine.killed.clear()
        town = Town(folder, 2, town.machine, town.membership)
        await town.until_settled()
        assert town.machine.of("cell-1").life == alive
        assert town.machine.of("cell-2").life != dead
        assert alive not in town.machine.killed
        assert dead not in town.membership.unsealed()
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)


def test_a_life_that_is_in_no_view_and_no_longer_wanted_is_killed_and_sealed(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        cluster = ClusterFile(folder)
        membership = Membership(cluster)
        half_started, unwanted = membership.new_life("cell-1"), membership.new_life("cell-9")
        membership.join(CellInfo(unwanted, "cell-9"))
        town = Town(folder, 1, membership=membership)
        await town.until_settled()
        assert {half_started, unwanted} <= set(town.machine.killed)
        assert town.view.cell(unwanted) is None
        assert town.membership.unsealed() == [town.machine.of("cell-1").life]
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)


def test_stopping_ends_cells_in_good_order_and_leaves_nobody_who_could_commit(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        await town.supervisor.stop(1.0)
        assert all(cell.stopped for cell in town.machine.cells.values())
        assert town.membership.unsealed() == []
        assert town.view.cells == ()
        assert [child.state for child in town.supervisor.children.values()] == ["stopped", "stopped"]

    play(tmp_path, scenario)


def test_cells_that_are_wanted_later_are_started(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 1)
        await town.until_settled()
        town.supervisor.want(["cell-1", "cell-2"], 1.0)
        await town.until_settled()
        assert set(town.supervisor.children) == {"cell-1", "cell-2"}
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)


def test_a_cell_that_cannot_be_ended_is_ended_later_and_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        leaving = town.machine.of("cell-2").life
        kill = town.machine.kill

        async def hang(life: str, process: ProcessId | None) -> None:
            monkeypatch.setattr(town.machine, "kill", kill)
            raise StartProblem("it hangs in the kernel")

        monkeypatch.setattr(town.machine, "kill", hang)
        town.machine.drained.add(leaving)
        town.supervisor.want(["cell-1"], 1.0)
        await town.until(lambda: set(town.supervisor.children) == {"cell-1"})
        assert leaving not in town.membership.unsealed()
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)


def test_a_frozen_cell_is_killed_before_it_is_sealed_and_replaced(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        frozen = town.machine.of("cell-1").life
        town.machine.frozen.add(frozen)
        await town.until(lambda: frozen not in town.membership.unsealed())
        assert town.machine.killed == [frozen]
        await town.until_settled()
        assert town.supervisor.children["cell-1"].last_end == "it answered nothing for 0.2 s"
        assert town.supervisor.children["cell-2"].restarts == 0
        await town.supervisor.stop(1.0)

    play(tmp_path, scenario)
