"""The supervisor over scripted processes: deaths, adoption, moves, failures at the start. No Ray, no waiting."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from actors.runtime.view import CellInfo
from actors.store.cluster_file import ClusterFile
from actors.store.store import StoreUnavailable
from cluster.membership import Membership
from cluster.problems import StartProblem
from cluster.processes import ProcessId
from tests.kit.scripted_cells import Town, play


def test_all_cells_come_up_and_share_the_port(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        assert {cell.port for cell in town.machine.living.values()} == {5555}
        assert town.machine.killed == []
        await town.stop()

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
        await town.stop()

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
        await town.stop()

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
        await town.stop()

    play(tmp_path, scenario)


def test_a_death_that_no_cell_deals_with_is_dealt_with_by_the_supervisor(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        town.machine.cells_act = False
        dead, survivor = town.machine.of("cell-1").life, town.machine.of("cell-2")
        town.machine.die(dead)
        await town.until(lambda: dead not in town.membership.unsealed())
        assert dead in survivor.told
        await town.until_settled()
        await town.stop()

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
        await town.stop()

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
        await town.stop()

    play(tmp_path, scenario)


def test_a_cell_that_cannot_start_is_tried_again_after_growing_pauses_and_says_why(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 1)
        town.machine.door_problem = "Port 1 cannot be listened on."
        await town.until(lambda: town.child("cell-1").restarts >= 7)
        child = town.child("cell-1")
        assert child.problem == "Port 1 cannot be listened on."
        at = town.machine.launches["cell-1"]
        assert [round(after - before) for before, after in itertools.pairwise(at)][:6] == [0, 0, 0, 1, 2, 4]
        town.machine.door_problem = ""
        await town.until(lambda: child.state == "serving")
        assert child.problem == ""
        assert len(town.membership.unsealed()) == 1
        await town.stop()

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
        await town.stop()

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
        await town.stop()

    play(tmp_path, scenario)


def test_stopping_ends_cells_in_good_order_and_leaves_nobody_who_could_commit(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        await town.stop()
        assert all(cell.stopped for cell in town.machine.cells.values())
        assert town.membership.unsealed() == []
        assert town.view.cells == ()
        assert [child.state for child in town.supervisor.children.values()] == ["stopped", "stopped"]

    play(tmp_path, scenario)


def test_cells_that_are_wanted_later_are_started(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 1)
        await town.until_settled()
        town.supervisor.want(["cell-1", "cell-2"])
        await town.until_settled()
        assert set(town.supervisor.children) == {"cell-1", "cell-2"}
        await town.stop()

    play(tmp_path, scenario)


def test_a_cell_that_cannot_be_ended_is_ended_later_and_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 2)
        await town.until_settled()
        leaving = town.machine.of("cell-2").life
        kill, hung = town.machine.kill, []

        async def hang(life: str, process: ProcessId | None) -> None:
            monkeypatch.setattr(town.machine, "kill", kill)
            hung.append(life)
            raise StartProblem("it hangs in the kernel")

        monkeypatch.setattr(town.machine, "kill", hang)
        town.machine.drained.add(leaving)
        town.supervisor.want(["cell-1"])
        await town.until(lambda: hung and not town.supervisor.leaving)
        assert leaving not in town.membership.unsealed()
        await town.stop()

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
        assert town.supervisor.children["cell-1"].last_end == "it answered nothing for 10 s"
        assert town.supervisor.children["cell-2"].restarts == 0
        await town.stop()

    play(tmp_path, scenario)


def test_a_store_that_is_away_ends_no_supervisor_and_the_dead_are_seen_out_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(folder: Path) -> None:
        town = Town(folder, 1)
        await town.until_settled()
        dead = town.machine.of("cell-1").life
        refused: list[str] = []

        def refuse(*_: object) -> bool:
            refused.append("x")
            raise StoreUnavailable("away")

        with monkeypatch.context() as away:
            for name in ("seal", "new_life", "change_plan"):
                away.setattr(Membership, name, refuse)
            town.machine.die(dead)
            await town.until(lambda: len(refused) > 10)
            assert dead in town.membership.unsealed()
        await town.until_settled()
        assert town.plan.ends["cell-1"]
        await town.stop()

    play(tmp_path, scenario)
