"""The supervisor replaces cells and takes them off: emptied first, over scripted processes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cluster.partings import EMPTY_LIMIT_S
from cluster.problems import StartProblem
from tests.kit.scripted_cells import Town, play


def begun(town: Town, name: str) -> tuple[asyncio.Task[None], str]:
    """A cell is being replaced; the old life."""
    old = town.machine.of(name).life
    return asyncio.get_running_loop().create_task(town.supervisor.replace(name)), old


def test_a_cell_is_replaced_by_one_that_serves_before_the_old_one_ends(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        task, old = begun(town, "cell-1")
        await town.until(lambda: town.supervisor.leaving != {} and town.supervisor.leaving[old].state == "draining")
        new = town.supervisor.children["cell-1"]
        assert (new.state, new.life != old) == ("serving", True)
        assert town.view.draining == (old,)
        before = town.machine.living[old].looks
        await town.until(lambda: town.machine.living[old].looks > before + 3)
        assert not town.machine.living[old].stopped
        assert not task.done()
        town.machine.drained.add(old)
        await asyncio.wait_for(task, 10)
        assert town.machine.cells[old].stopped
        assert old in town.machine.killed
        await town.until_settled()
        assert (new.restarts, set(town.machine.living)) == (0, {new.life, town.machine.of("cell-2").life})
        await town.stop()

    play(tmp_path, scenario)


def test_a_successor_that_does_not_serve_changes_nothing(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.door_problem = "Port 1 cannot be listened on."
        task, old = begun(town, "cell-1")
        with pytest.raises(StartProblem, match="old one is kept: Port 1"):
            await asyncio.wait_for(task, 10)
        town.machine.door_problem = ""
        await town.until_settled()
        assert town.supervisor.children["cell-1"].life == old
        assert town.view.draining == ()
        assert town.supervisor.leaving == {}
        town.machine.die(old)
        await town.until(lambda: town.supervisor.children["cell-1"].life not in ("", old))
        await town.until_settled()
        await town.stop()

    play(tmp_path, scenario)


def test_an_old_life_that_dies_while_it_is_emptied_is_buried_and_not_started_again(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        task, old = begun(town, "cell-1")
        await town.until(lambda: town.supervisor.children["cell-1"].state == "serving" and old in town.supervisor.leaving)
        town.machine.die(old)
        await asyncio.wait_for(task, 10)
        await town.until_settled()
        assert len(town.machine.living) == 2
        await town.stop()

    play(tmp_path, scenario)


def test_a_cell_that_is_never_empty_ends_after_a_while(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        task, old = begun(town, "cell-1")
        before = asyncio.get_running_loop().time()
        await task
        assert asyncio.get_running_loop().time() - before == pytest.approx(EMPTY_LIMIT_S, abs=1.0)
        assert town.machine.cells[old].stopped
        await town.until_settled()
        await town.stop()

    play(tmp_path, scenario)


def test_a_cell_that_is_taken_off_is_emptied_and_not_started_again_before_it_is_wanted_back(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 3)
        await town.until_settled()
        old = town.machine.of("cell-2").life
        town.machine.drained.add(old)
        town.upkeep.begin("drain", ["cell-2"])
        assert (await town.until_over())["lines"] == ["cell-2: empty, and ended"]
        town.supervisor.want(["cell-1", "cell-2", "cell-3"])
        await town.until_settled()
        assert set(town.supervisor.children) == {"cell-1", "cell-3"}
        assert old not in town.view.by_life
        town.upkeep.want_back(["cell-2"])
        await town.until(lambda: "cell-2" in town.supervisor.children)
        await town.until_settled()
        assert town.machine.of("cell-2").life != old
        with pytest.raises(StartProblem, match="was not taken off"):
            town.upkeep.want_back(["cell-2"])
        await town.stop()

    play(tmp_path, scenario)


def test_the_last_cell_and_one_that_does_not_serve_cannot_be_taken_off(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 1)
        await town.until_settled()
        town.upkeep.begin("drain", ["cell-1"])
        assert "the last cell" in (await town.until_over())["problem"]
        assert town.plan.off == ()
        for what in ("drain", "roll"):
            town.upkeep.begin(what, ["cell-7"])
            assert "cell-7 is not a cell" in (await town.until_over())["problem"]
        await town.stop()

    play(tmp_path, scenario)


def test_a_supervisor_that_returns_in_the_middle_sees_the_old_life_off_and_keeps_the_new_one(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        task, old = begun(town, "cell-1")
        await town.until(lambda: town.supervisor.children["cell-1"].state == "serving" and old in town.supervisor.leaving)
        new = town.supervisor.children["cell-1"].life
        task.cancel()
        await town.crash()
        town = Town(folder, 2, town.machine, town.membership)
        await town.until(lambda: old in town.supervisor.leaving)
        assert town.supervisor.children["cell-1"].life == new
        town.machine.drained.add(old)
        await town.until(lambda: not town.supervisor.leaving)
        await town.until_settled()
        assert town.machine.cells[old].stopped
        assert town.machine.of("cell-1").life == new
        await town.stop()

    play(tmp_path, scenario)


def test_a_cell_that_is_wanted_no_more_is_emptied_and_ends_in_good_order(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        leaving = town.machine.of("cell-2")
        town.supervisor.want(["cell-1"])
        await town.until(lambda: town.view.draining == (leaving.life,) and leaving.life in town.supervisor.leaving)
        looks = leaving.looks
        await town.until(lambda: leaving.looks > looks + 3)
        assert not leaving.stopped
        town.machine.drained.add(leaving.life)
        await town.until(lambda: not town.supervisor.leaving)
        assert set(town.supervisor.children) == {"cell-1"}
        assert leaving.stopped
        assert town.membership.unsealed() == [town.machine.of("cell-1").life]
        town.supervisor.want(["cell-1", "cell-2"])
        await town.until_settled()
        assert town.machine.of("cell-2").life != leaving.life
        await town.stop()

    play(tmp_path, scenario)


def test_a_server_that_is_stopped_in_the_middle_of_a_roll_leaves_no_process(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 3)
        await town.until_settled()
        town.upkeep.begin("roll", town.names)
        await town.until(lambda: bool(town.supervisor.leaving))
        await town.supervisor.stop(1.0)
        await asyncio.gather(town.task, town.work, return_exceptions=True)
        assert (town.machine.living, town.membership.unsealed(), town.view.cells) == ({}, [], ())

    play(tmp_path, scenario)
