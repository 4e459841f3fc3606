"""What a supervisor does when a child ends, for each class and each step of the tree, with the fault planted. On a hand-moved clock."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

from actors.store.cluster_file import ClusterFile, create
from cluster.condition import does_not_stay
from cluster.plan_keeper import PlanKeeper
from cluster.plan_steps import resume
from cluster.restarting import started
from cluster.tree import OFTEN, OWN_CELL, PARTS, SOON
from cluster.watch import WELL
from tests.kit.fast_loop import pass_time
from tests.kit.scripted_cells import Town, play

SEAT = "room:9f2c"


def now() -> float:
    return asyncio.get_running_loop().time()


async def until_paused(town: Town, name: str) -> None:
    await town.until(lambda: town.child(name).state == "paused")


async def until_serving(town: Town, name: str) -> None:
    await town.until(lambda: town.child(name).state == "serving")


def test_permanent_a_cell_that_ended_in_good_order_is_started_again_too(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        life = town.machine.of("cell-1").life
        town.machine.die(life, WELL)
        await town.until(lambda: town.child("cell-1").life not in ("", life))
        await town.until_settled()
        await town.stop()

    play(tmp_path, scenario)


def test_transient_a_rooms_own_cell_is_started_again_where_it_failed_and_not_where_it_ended_by_itself(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 1)
        await town.until_settled()
        town.supervisor.want(["cell-1", SEAT])
        await town.until_settled()
        assert town.child(SEAT).part is PARTS[OWN_CELL]
        first = town.machine.of(SEAT).life
        town.machine.die(first, "it crashed")
        await town.until(lambda: town.child(SEAT).life not in ("", first))
        await town.until_settled()
        town.machine.die(town.machine.of(SEAT).life, WELL)
        await town.until(lambda: town.child(SEAT).state == "ended")
        launches = len(town.machine.launches[SEAT])
        await pass_time(OFTEN.window_s)
        assert len(town.machine.launches[SEAT]) == launches
        assert town.child("cell-1").state == "serving"
        await town.stop()

    play(tmp_path, scenario)


def test_temporary_a_successor_that_fails_is_not_tried_again_and_does_not_count_against_its_cell(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        before = town.machine.of("cell-1").life
        town.machine.sick.add("cell-1")
        town.upkeep.begin("roll", ["cell-1"])
        assert "the old one is kept: it is sick" in (await town.until_over())["problem"]
        await town.until_settled()
        assert town.machine.of("cell-1").life == before
        assert len(town.machine.launches["cell-1"]) == 2
        assert town.plan.ends == {}
        await town.stop()

    play(tmp_path, scenario)


def test_one_for_one_nobody_else_is_touched_by_an_end(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 3)
        await town.until_settled()
        others = {name: town.machine.of(name).life for name in ("cell-1", "cell-3")}
        town.machine.sick.add("cell-2")
        town.machine.die(town.machine.of("cell-2").life)
        await until_paused(town, "cell-2")
        assert {name: town.machine.of(name).life for name in others} == others
        await town.stop()

    play(tmp_path, scenario)


def test_back_off_the_first_starts_come_at_once_and_the_next_ones_ever_later(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.sick.add("cell-2")
        town.machine.die(town.machine.of("cell-2").life)
        await until_paused(town, "cell-2")
        at = town.machine.launches["cell-2"][1:]
        assert [round(after - before) for before, after in itertools.pairwise(at)] == [0, 0, 1, 2, 4, 8, 16, 30, 30]
        await town.stop()

    play(tmp_path, scenario)


def test_beyond_its_limit_a_cell_is_left_alone_and_tried_again_after_that_with_a_clean_slate(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.sick.add("cell-2")
        town.machine.die(town.machine.of("cell-2").life)
        await until_paused(town, "cell-2")
        began, launches = now(), len(town.machine.launches["cell-2"])
        assert launches == OFTEN.ends + 1
        assert "ended 11 times in 300 s; the last time: it is sick" in town.child("cell-2").problem
        town.machine.sick.clear()
        await town.until(lambda: len(town.machine.launches["cell-2"]) > launches)
        assert OFTEN.hold_s - 1 <= now() - began <= OFTEN.hold_s + 1
        await town.until_settled()
        assert (town.plan.paused, "cell-2" in town.plan.ends) == ({}, False)
        await town.stop()

    play(tmp_path, scenario)


def test_whoever_resumes_it_has_it_tried_at_once(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.sick.add("cell-2")
        town.machine.die(town.machine.of("cell-2").life)
        await until_paused(town, "cell-2")
        town.machine.sick.clear()
        began = now()
        town.supervisor.plan.change(lambda plan: resume(plan, "cell-2"))
        await town.until_settled()
        assert now() - began < 2.0
        await town.stop()

    play(tmp_path, scenario)


def test_a_cell_that_is_left_alone_still_is_when_the_supervisor_or_everything_was_killed(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.sick.add("cell-2")
        town.machine.die(town.machine.of("cell-2").life)
        await until_paused(town, "cell-2")
        launches = len(town.machine.launches["cell-2"])
        for everything in (False, True):
            town = await town.again(everything=everything)
            await until_paused(town, "cell-2")
            await until_serving(town, "cell-1")
            assert len(town.machine.launches["cell-2"]) == launches
        await town.stop()

    play(tmp_path, scenario)


def test_others_on_the_node_of_one_that_is_left_alone_start_slowly_and_serve(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 3)
        await town.until_settled()
        town.machine.sick.add("cell-2")
        town.machine.die(town.machine.of("cell-2").life)
        await until_paused(town, "cell-2")
        died = now()
        town.machine.die(town.machine.of("cell-3").life)
        await town.until(lambda: town.child("cell-3").restarts == 1)
        await town.until(lambda: town.child("cell-3").state == "serving")
        assert SOON.longest_s <= now() - died < SOON.longest_s + 2
        await town.stop()

    play(tmp_path, scenario)


def test_where_nobody_serves_all_are_tried_for_ever_slowly(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.start_problem = "no memory"
        for life in list(town.machine.living):
            town.machine.die(life)
        await town.until(lambda: town.child("cell-1").restarts > OFTEN.ends + 5)
        assert town.plan.paused == {}
        at = town.machine.launches["cell-1"]
        assert at[-1] - at[-2] < SOON.longest_s + 2
        town.machine.start_problem = ""
        began = now()
        await town.until_settled()
        assert now() - began < SOON.longest_s + 2
        await town.stop()

    play(tmp_path, scenario)


def test_where_there_is_another_node_its_own_is_avoided(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        town.machine.nodes = {"cell-1": "node-a", "cell-2": "node-b"}
        await town.until_settled()
        town.machine.sick.add("cell-2")
        town.machine.die(town.machine.of("cell-2").life)
        await until_paused(town, "cell-2")
        assert set(town.plan.avoided) == {"node-b"}
        # What places cells does so without that node now, and the cell has another name there.
        town.supervisor.want(["cell-1", "cell-3"])
        await town.until(lambda: town.child("cell-3").state == "serving" and "cell-2" not in town.supervisor.children)
        await town.stop()

    play(tmp_path, scenario)


def test_a_server_that_was_stopped_in_good_order_begins_with_a_clean_slate(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.sick.add("cell-2")
        town.machine.die(town.machine.of("cell-2").life)
        await until_paused(town, "cell-2")
        await town.stop()
        town.machine.sick.clear()
        town = await town.again()
        await town.until_settled()
        assert set(town.supervisor.children) == {"cell-1", "cell-2"}
        await town.stop()

    play(tmp_path, scenario)


def test_a_supervisor_that_is_started_again_and_again_waits_before_it_begins(tmp_path: Path) -> None:
    create(tmp_path, 2, b"testtest", 0)
    limit = PARTS["supervisor"].limit
    assert limit is not None
    verdicts = [started(PlanKeeper(ClusterFile(tmp_path)), 100.0 + number) for number in range(limit.ends + 2)]
    assert [verdict.after_s for verdict in verdicts[: limit.ends]] == [0.0] * limit.ends
    assert (verdicts[-1].what, verdicts[-1].after_s) == ("wait", SOON.longest_s)
    assert does_not_stay(PlanKeeper(ClusterFile(tmp_path)).plan, 100.0 + limit.ends + 1)
    later = 100.0 + limit.window_s + limit.ends + 2
    assert started(PlanKeeper(ClusterFile(tmp_path)), later).after_s == 0.0
    assert not does_not_stay(PlanKeeper(ClusterFile(tmp_path)).plan, later)
