"""Longer work that people ask for: what they hear of it, what is refused, and requests that are repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.plan import Plan
from cluster.problems import StartProblem
from cluster.upkeep import cells_to_drain, story_of
from tests.kit.scripted_cells import Town, play


def test_before_anything_was_asked_for_there_is_no_story() -> None:
    assert story_of(Plan()) == {"number": 0, "busy": False, "lines": [], "problem": ""}


def test_work_is_told_part_by_part_and_other_work_waits(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 3)
        await town.until_settled()
        town.machine.empties_at_once = True
        assert town.upkeep.begin("drain", ["cell-2", "cell-3"]) == 1
        with pytest.raises(StartProblem, match="wait for that"):
            town.upkeep.begin("roll", ["cell-1"])
        assert (await town.until_over())["lines"] == ["cell-2: empty, and ended", "cell-3: empty, and ended"]
        assert town.upkeep.begin("roll", ["cell-1"]) == 2
        assert (await town.until_over())["lines"] == ["switch: replaced", "cell-1: replaced"]
        await town.stop()

    play(tmp_path, scenario)


def test_a_request_that_is_repeated_is_the_same_work_also_when_it_is_over(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.empties_at_once = True
        assert town.upkeep.begin("roll", ["cell-1"], "one") == town.upkeep.begin("roll", ["cell-1"], "one") == 1
        await town.until_over()
        assert town.upkeep.begin("roll", [], "one") == 1
        assert not town.story["busy"]
        await town.stop()

    play(tmp_path, scenario)


def test_a_cell_that_a_drain_of_a_node_has_not_come_to_is_left_out_of_it(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 3)
        await town.until_settled()
        first = town.machine.of("cell-2").life
        town.upkeep.begin("drain", ["cell-2", "cell-3"])
        await town.until(lambda: first in town.view.draining)
        town.upkeep.want_back(["cell-3"])
        town.machine.drained.add(first)
        assert (await town.until_over())["lines"] == ["cell-3: wanted again", "cell-2: empty, and ended"]
        assert set(town.supervisor.children) == {"cell-1", "cell-3"}
        await town.stop()

    play(tmp_path, scenario)


def test_a_cell_that_does_not_serve_can_be_taken_off_and_a_part_that_cannot_stops_the_work(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.sick.add("cell-2")
        town.machine.die(town.machine.of("cell-2").life)
        await town.until(lambda: town.child("cell-2").state == "paused")
        town.upkeep.begin("drain", ["cell-2", "cell-1"])
        story = await town.until_over()
        assert story["lines"] == ["cell-2: empty, and ended"]
        assert "cell-1 is the last cell that serves" in story["problem"]
        with pytest.raises(StartProblem, match="no such cell"):
            town.upkeep.begin("drain", [])
        await town.stop()

    play(tmp_path, scenario)


def test_where_all_cells_would_be_off_the_first_one_runs_all_the_same(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.empties_at_once = True
        town.upkeep.begin("drain", ["cell-1"])
        await town.until_over()
        # As many cells as before are not wanted any more: what is left of them is off.
        town.supervisor.want(["cell-1"])
        await town.until_settled()
        assert set(town.supervisor.children) == {"cell-1"}
        await town.stop()

    play(tmp_path, scenario)


def test_a_roll_leaves_out_the_cells_of_devices_that_have_gone_meanwhile(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.empties_at_once = True
        town.upkeep.begin("roll", ["cell-1", "session:anna.1", "cell-2"])
        story = await town.until_over()
        assert (story["problem"], story["lines"]) == ("", ["switch: replaced", "cell-1: replaced", "cell-2: replaced"])
        await town.stop()

    play(tmp_path, scenario)


def test_a_name_or_a_nodes_address_means_cells_and_one_that_is_off_is_what_was_wanted() -> None:
    children = {"cell-1": "10.0.0.1", "cell-2": "10.0.0.2", "room:x": "10.0.0.2", "session:ann.d1": "10.0.0.2"}
    assert cells_to_drain("cell-1", children, ()) == ["cell-1"]
    assert cells_to_drain("10.0.0.2", children, ()) == ["cell-2", "room:x"]
    assert cells_to_drain("cell-3", children, ("cell-3",)) == ["cell-3"]
    assert cells_to_drain("cell-4", children, ("cell-3",)) == []


def test_a_session_cannot_be_taken_off() -> None:
    with pytest.raises(StartProblem, match="cannot be taken off"):
        cells_to_drain("session:ann.d1", {"session:ann.d1": ""}, ())
