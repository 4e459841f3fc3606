"""The supervisor is killed after every single step of longer work, alone or with everything: whoever follows it ends the work.

A step is whatever outlives the supervisor: a change of the plan, of the view, of lives; a process that is started or ended; a call that
a cell has taken. The clock is moved by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.plan import What
from tests.kit.scripted_cells import Town, play

NAMES = ("cell-1", "cell-2", "cell-3")
MOST = 200
"""Steps; more than any of these stories has."""


async def start(folder: Path) -> Town:
    town = Town(folder, len(NAMES))
    await town.until_settled()
    town.machine.steps.clear()
    return town


async def ask(town: Town, act: Callable[[], object]) -> None:
    """Whoever asks repeats it until it is answered; a supervisor that died in between does not answer."""
    with contextlib.suppress(asyncio.CancelledError):
        act()


async def survive(town: Town, everything: bool) -> Town:
    """Where the supervisor has died: another one."""
    is_dead, town.machine.crash_at = town.is_dead, 0
    if not is_dead:
        return town
    return await town.again(everything=everything)


def lives(town: Town) -> dict[str, str]:
    """Of the cells that live, and that the view does not want emptied."""
    return {cell.name: life for life, cell in town.machine.living.items() if life not in town.view.draining}


def each_step(folder: Path, story: Callable[[Path, int], object]) -> int:
    """Play the story with a death at step 1, 2, ... until it has no such step; how many there were."""
    for step in range(1, MOST):
        if not story(folder / str(step), step):
            return step - 1
    raise AssertionError("it never ends")


@pytest.mark.slow
@pytest.mark.parametrize("everything", [False, True])
def test_a_cell_that_was_to_be_off_is_off_and_the_others_go_on(tmp_path: Path, everything: bool) -> None:
    def story(folder: Path, step: int) -> bool:
        died = []

        async def scenario(folder: Path) -> None:
            town = await start(folder)
            before, town.machine.empties_at_once, town.machine.crash_at = lives(town), True, step
            await ask(town, lambda: town.upkeep.begin("drain", ["cell-2"], "request"))
            await town.until(lambda: town.is_dead or not town.story["busy"])
            died.append(town.is_dead)
            was_stored = "cell-2" in town.supervisor.plan.look().off
            town = await survive(town, everything)
            await ask(town, lambda: town.upkeep.begin("drain", ["cell-2"], "request"))
            assert (await town.until_over())["problem"] == ""
            await town.until_settled()
            after = lives(town)
            assert set(after) == {"cell-1", "cell-3"}
            assert town.plan.off == ("cell-2",)
            assert len(town.machine.launches["cell-2"]) == 1 or not was_stored, "it was started again though it was off"
            if not (everything and died[0]):
                assert after == {name: life for name, life in before.items() if name != "cell-2"}
            await town.stop()

        folder.mkdir()
        play(folder, scenario)
        return died[0]

    assert each_step(tmp_path, story) >= 7


@pytest.mark.slow
@pytest.mark.parametrize("everything", [False, True])
def test_a_cell_that_is_wanted_back_while_it_is_emptied_serves(tmp_path: Path, everything: bool) -> None:
    def story(folder: Path, step: int) -> bool:
        died = []

        async def scenario(folder: Path) -> None:
            town = await start(folder)
            before = lives(town)
            town.upkeep.begin("drain", ["cell-2"], "request")
            await town.until(lambda: before["cell-2"] in town.view.draining)
            town.machine.steps.clear()
            town.machine.crash_at = step
            await ask(town, lambda: town.upkeep.want_back(["cell-2"], "undo"))
            await town.until(lambda: town.is_dead or (not town.story["busy"] and town.child("cell-2").state == "serving"))
            died.append(town.is_dead)
            town = await survive(town, everything)
            await ask(town, lambda: town.upkeep.want_back(["cell-2"], "undo"))
            await town.until_over()
            await town.until_settled()
            assert set(lives(town)) == set(NAMES)
            assert (town.plan.off, town.view.draining) == ((), ())
            if not (everything and died[0]):
                assert lives(town) == before, "a cell ended though it was wanted back before it had to"
            await town.stop()

        folder.mkdir()
        play(folder, scenario)
        return died[0]

    assert each_step(tmp_path, story) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("everything", [False, True])
def test_a_roll_goes_on_until_every_cell_is_another_process(tmp_path: Path, everything: bool) -> None:
    what: What = "roll"

    def story(folder: Path, step: int) -> bool:
        died = []

        async def scenario(folder: Path) -> None:
            town = await start(folder)
            before, town.machine.empties_at_once, town.machine.crash_at = lives(town), True, step
            switches = town.machine.switches
            await ask(town, lambda: town.upkeep.begin(what, NAMES, "request"))
            await town.until(lambda: town.is_dead or not town.story["busy"])
            died.append(town.is_dead)
            town = await survive(town, everything)
            await ask(town, lambda: town.upkeep.begin(what, NAMES, "request"))
            told = await town.until_over()
            assert told["problem"] == ""
            assert told["lines"] == ["switch: replaced", *(f"{name}: replaced" for name in NAMES)]
            await town.until_settled()
            after = lives(town)
            assert set(after) == set(NAMES)
            assert not set(after.values()) & set(before.values())
            assert town.machine.switches > switches
            await town.stop()

        folder.mkdir()
        play(folder, scenario)
        return died[0]

    assert each_step(tmp_path, story) >= 20
