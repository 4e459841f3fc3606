"""Members of a cluster on a hand-moved clock: moves, what happens without the store, and when a cell must not answer or has to go."""

from __future__ import annotations

import pytest

from actors.runtime.view import drain_cell, set_override
from actors.store.store import StoreError, StoreUnavailable
from cluster.beats import ViewFrame, say
from tests.kit.town import GROUPS, Town, settled

THREE = ("a.1", "b.1", "c.1")
FOUR = (*THREE, "d.1")


# --- reads of a cell that may have lost its slots -----------------------------------------------------------------------


def test_a_cut_off_cell_answers_no_reads_after_three_seconds_and_leaves_when_it_learns_that_it_is_out() -> None:
    town = settled(*THREE)
    town.cut(["c.1"], ["a.1", "b.1"])
    town.archive.away.add("c.1")
    body = town.bodies["c.1"]
    took_s = town.seconds_until(lambda: not body.reads)
    assert 2.0 < took_s <= 3.3
    town.clock.advance(10.0)
    assert (body.reads, body.out) == (False, "")
    assert [town.bodies[life].reads for life in ("a.1", "b.1")] == [True, True]
    town.archive.away.clear()
    town.seconds_until(lambda: body.out != "", 2.0)


def test_a_cell_that_hears_the_others_again_in_time_answers_again() -> None:
    town = settled(*THREE)
    for life in ("a.1", "b.1"):
        town.archive.stuck.add("c.1")
        town.network.cut(life, "c.1")
    town.clock.advance(5.0)
    assert not town.bodies["c.1"].reads
    town.heal()
    town.seconds_until(lambda: town.bodies["c.1"].reads, 5.0)


def test_the_last_cell_takes_the_slots_of_all_others_where_they_are_surely_dead_the_coordinator_too() -> None:
    town = settled("a.1", "b.1", "c.1")
    town.kill("a.1", seen=False)
    town.kill("c.1", seen=False)
    town.clock.advance(5.0)
    assert not town.bodies["b.1"].reads  # it may as well be cut off
    town.archive.gone.update({"a.1", "c.1"})
    town.seconds_until(lambda: town.is_balanced("b.1"), 15.0)


def test_a_single_cell_is_never_cut_off() -> None:
    town = settled("a.1")
    town.clock.advance(30.0)
    assert town.bodies["a.1"].reads


# --- the store ----------------------------------------------------------------------------------------------------------


def test_the_store_away_for_half_a_minute_leaves_everyone_with_what_they_own() -> None:
    town = settled(*THREE)
    before = town.view
    town.archive.away |= set(THREE)
    town.clock.advance(30.0)
    assert all(town.bodies[life].reads for life in THREE)
    town.archive.away.clear()
    town.clock.advance(5.0)
    assert town.view == before
    assert town.archive.sealed == []
    assert town.coordinator == "a.1"


def test_a_coordinator_without_the_store_loses_the_duty_and_nothing_else() -> None:
    town = settled(*THREE)
    owners = town.view.owner_lives
    town.archive.away.add("a.1")
    town.seconds_until(lambda: town.coordinator == "b.1", 6.0)
    town.clock.advance(10.0)
    assert (town.archive.sealed, town.view.owner_lives) == ([], owners)
    town.archive.away.clear()
    town.clock.advance(10.0)
    assert town.coordinator == "b.1"
    assert not town.members["a.1"].has_duty


def test_a_change_whose_answer_was_lost_is_found_by_looking() -> None:
    town = settled(*THREE)
    town.kill("c.1")
    town.archive.deaf_writes.add("a.1")
    town.seconds_until(lambda: town.is_without(["c.1"]), 3.0)
    town.settle()
    assert town.is_balanced("a.1", "b.1")


def test_two_that_believe_to_have_the_duty_do_no_harm() -> None:
    town = settled(*FOUR)
    lease = town.members["b.1"].core.lease
    lease.seen(lease.claim()[1], town.clock.now())  # it never was, and it acts on it at once
    town.kill("d.1")
    town.seconds_until(lambda: town.is_without(["d.1"]), 3.0)
    town.settle()
    assert [view.version for view in town.archive.views] == list(range(1, town.archive.version + 1))
    assert town.archive.sealed == ["d.1"]
    assert town.is_balanced(*THREE)


# --- moves --------------------------------------------------------------------------------------------------------------


def test_a_move_without_an_answer_is_withdrawn_after_two_seconds_and_nobody_is_sealed_for_it() -> None:
    town = settled("a.1")
    town.bodies["a.1"].clings = True
    town.start("b.1")
    town.seconds_until(lambda: bool(town.view.moves), 5.0)
    first = {move.group for move in town.view.moves}
    took_s = town.seconds_until(lambda: first.isdisjoint(move.group for move in town.view.moves), 5.0)
    assert 1.9 < took_s < 3.0
    town.clock.advance(8.0)
    assert town.shares() == {"a.1": GROUPS}
    assert town.archive.sealed == []
    town.bodies["a.1"].clings = False
    town.clock.advance(20.0)
    assert town.is_balanced("a.1", "b.1")


def test_groups_that_cannot_move_hold_up_no_others_and_are_tried_again_later_and_later() -> None:
    town = settled("a.1")
    body = town.bodies["a.1"]
    body.clings = True
    town.start("b.1")
    town.seconds_until(lambda: bool(town.view.moves), 5.0)
    stuck = {move.group for move in town.view.moves}
    body.clings, body.clings_to = False, stuck
    town.seconds_until(lambda: town.shares().get("b.1", 0) == GROUPS // 2 - len(stuck), 5.0)
    before = len(town.archive.views)
    town.clock.advance(60.0)
    tries = [view for view in town.archive.views[before:] if view.moves]
    assert {move.group for view in tries for move in view.moves} <= stuck
    assert 2 <= len(tries) <= 6
    body.clings_to = ()
    town.clock.advance(40.0)
    assert town.is_balanced("a.1", "b.1")


def test_what_was_let_go_for_a_withdrawn_move_does_not_end_the_next_one() -> None:
    town = settled("a.1")
    town.bodies["a.1"].clings = True
    town.start("b.1")
    town.seconds_until(lambda: bool(town.view.moves), 5.0)
    first = town.view
    town.seconds_until(lambda: not town.view.moves, 5.0)
    town.seconds_until(lambda: bool(town.view.moves), 15.0)
    duty = town.members["a.1"].core.duty
    duty.released("a.1", [(move.group, first.version) for move in town.view.moves])
    town.clock.advance(1.0)
    assert set(town.view.owner_lives) == {"a.1"}


def test_a_pause_of_a_slot_that_moves_is_short() -> None:
    town = settled("a.1")
    town.start("b.1")
    began: dict[int, float] = {}
    pauses: list[float] = []

    def look() -> bool:
        moving = {move.group for move in town.view.moves}
        for group in moving - began.keys():
            began[group] = town.clock.now()
        pauses.extend(town.clock.now() - began.pop(group) for group in began.keys() - moving)
        return town.is_balanced("a.1", "b.1") and not moving

    town.seconds_until(look, 20.0)
    assert len(pauses) >= 4
    assert max(pauses) < 0.2


def test_a_new_coordinator_ends_the_moves_that_the_old_one_began() -> None:
    town = settled("a.1", "b.1", "c.1")
    town.start("d.1")
    town.seconds_until(lambda: bool(town.view.moves), 10.0)
    town.kill("a.1")
    town.settle()
    assert town.is_balanced("b.1", "c.1", "d.1")


def test_a_cell_that_is_drained_loses_its_groups_to_the_others_and_stays() -> None:
    town = settled(*THREE)
    changed = town.members["b.1"].change(lambda view: drain_cell(view, "c.1"))
    town.seconds_until(lambda: changed.settled, 1.0)
    town.seconds_until(lambda: town.shares().get("c.1", 0) == 0, 10.0)
    assert "c.1" in town.view.by_life
    assert town.archive.sealed == []


def test_a_change_by_any_cell_is_spread_at_once() -> None:
    town = settled(*THREE)
    town.members["c.1"].change(lambda view: set_override(view, 0, view.cells[0].name))
    town.clock.advance(0.1)
    assert town.all_act_on_the_stored_view()
    assert dict(town.view.overrides) == {0: "a"}


def test_a_change_that_cannot_be_made_is_told() -> None:
    town = settled("a.1")
    town.archive.away.add("a.1")
    changed = town.members["a.1"].change(lambda view: set_override(view, 0, "a"))
    town.clock.advance(0.1)
    assert isinstance(changed.error, StoreUnavailable)
    empty = Town()
    empty.archive.away.add("x.1")
    waiting = empty.start("x.1").change(lambda view: view)
    empty.clock.advance(0.1)
    assert isinstance(waiting.error, StoreError)


# --- leaving and drains -------------------------------------------------------------------------------------------------


def test_a_life_that_was_sealed_leaves_even_while_the_view_names_it() -> None:
    town = settled(*THREE)
    town.archive.sealed.append("b.1")
    town.members["b.1"].commit_refused()
    town.clock.advance(0.1)
    assert town.bodies["b.1"].out != ""


def test_a_refused_commit_of_a_living_life_makes_it_look_for_a_newer_view() -> None:
    town = settled(*THREE)
    town.members["b.1"].commit_refused()
    town.clock.advance(0.1)
    assert town.bodies["b.1"].out == ""


def test_where_the_store_drains_a_dead_life_is_listed_until_that_is_done() -> None:
    town = settled(*THREE, drains=True)
    before = town.archive.version
    town.kill("c.1")
    town.seconds_until(lambda: town.archive.version > before and town.view.undrained == (), 3.0)
    listed = [view.undrained for view in town.archive.views[before:]]
    assert listed[0] == ("c.1",)


def test_where_the_store_has_nothing_to_drain_none_is_listed() -> None:
    town = settled(*THREE)
    town.kill("c.1")
    town.settle()
    assert all(view.undrained == () for view in town.archive.views)


def test_a_cell_that_stops_gives_the_duty_back_at_once() -> None:
    town = settled(*THREE)
    town.members["a.1"].stop()
    assert town.seconds_until(lambda: town.coordinator == "b.1", 2.0) < 1.0


@pytest.mark.parametrize("number", range(4))
def test_whatever_happens_a_life_is_sealed_before_the_view_is_without_it(number: int) -> None:
    town = settled(*FOUR)
    version = town.archive.version
    town.kill(FOUR[number], seen=number % 2 == 0)
    town.seconds_until(lambda: town.is_without([FOUR[number]]))
    left: set[str] = set()
    for view in town.archive.views[version - 1 :]:
        left |= set(FOUR) - set(view.by_life)
    assert left == set(town.archive.sealed) == {FOUR[number]}


def test_a_view_that_a_peer_tells_and_that_cannot_be_read_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    town = settled(*THREE)
    version = town.members["a.1"].core.version
    town.members["a.1"].control("b.1", say(ViewFrame(version + 1, b"of another age")))
    assert town.members["a.1"].core.version == version
    assert "view_not_read" in caplog.text
    town.clock.advance(5.0)
    assert town.archive.sealed == []
