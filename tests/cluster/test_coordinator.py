"""The coordinator's core and its driver in several cells, on a hand-moved clock."""

from __future__ import annotations

import pytest

from actors.runtime.link import CONTROL_VERSION
from tests.kit.town import Town, settled

THREE = ("a.1", "b.1", "c.1")
FOUR = (*THREE, "d.1")


# --- joining and sharing ------------------------------------------------------------------------------------------------


def test_cells_write_themselves_in_and_share_the_groups_by_moves() -> None:
    town = settled(*THREE)
    assert set(town.view.by_life) == set(THREE)
    assert town.is_balanced(*THREE)
    assert town.coordinator == "a.1"
    assert town.archive.sealed == []


def test_one_cell_has_the_duty_and_its_lease_goes_on() -> None:
    town = settled(*THREE)
    number = town.archive.lease.number
    town.clock.advance(10.0)
    assert town.coordinator == "a.1"
    assert number + 8 <= town.archive.lease.number <= number + 12


def test_many_cells_that_start_at_once_all_get_in() -> None:
    town = Town()
    for life in FOUR:
        town.start(life)
    town.settle()
    assert town.is_balanced(*FOUR)


def test_a_cell_joins_while_nobody_does_the_duty() -> None:
    town = settled("a.1", "b.1")
    town.archive.away.add("a.1")
    town.start("c.1")
    town.seconds_until(lambda: "c.1" in town.view.by_life, 1.0)
    assert town.archive.writers[-1] == "c.1"


def test_views_have_no_gaps_and_every_cell_sees_them_in_order() -> None:
    town = settled(*THREE)
    assert [view.version for view in town.archive.views] == list(range(1, town.archive.version + 1))


def test_a_new_life_waits_until_the_one_before_is_out() -> None:
    town = settled("a.1", "b.1")
    town.kill("b.1")
    town.start("b.2")
    took_s = town.seconds_until(lambda: "b.2" in town.view.by_life, 2.0)
    assert took_s < 1.0
    assert town.archive.sealed == ["b.1"]
    town.settle()
    assert town.is_balanced("a.1", "b.2")


def test_a_cell_that_finds_only_the_dead_lets_itself_in() -> None:
    town = settled("a.1", "b.1")
    town.kill("a.1", seen=False)
    town.kill("b.1", seen=False)
    town.archive.gone |= {"a.1", "b.1"}
    town.start("a.2")
    took_s = town.seconds_until(lambda: set(town.view.by_life) == {"a.2"}, 10.0)
    assert took_s < 1.5
    assert set(town.view.owner_lives) == {"a.2"}


def test_cells_that_find_only_a_rooms_own_cell_alive_let_themselves_in() -> None:
    town = settled("a.1", "b.1")
    town.start("room:x.1", labels=("room",))
    town.seconds_until(lambda: "room:x.1" in town.view.by_life, 5.0)
    for life in ("a.1", "b.1"):
        town.kill(life)
    town.start("a.2")
    took_s = town.seconds_until(lambda: set(town.view.by_life) == {"a.2"}, 15.0)
    assert took_s < 6.0  # the lease of the dead has to stand still first
    assert set(town.view.owner_lives) == {"a.2"}


# --- deaths -------------------------------------------------------------------------------------------------------------


def test_a_reported_death_is_sealed_first_and_its_groups_are_others_within_a_second() -> None:
    town = settled(*THREE)
    before = town.archive.version
    town.kill("c.1", seen=False)
    for life in town.others():
        town.members[life].report_death("c.1", "its process ended")
    sealed_when_out: list[bool] = []
    took_s = town.seconds_until(lambda: town.is_without(["c.1"]), 2.0)
    sealed_when_out.append(town.archive.sealed == ["c.1"])
    assert took_s < 0.5
    assert sealed_when_out == [True]
    first = town.archive.views[before]
    assert first.by_life.keys() == {"a.1", "b.1"}
    assert None not in first.owner_lives


def test_a_process_that_is_seen_to_be_gone_needs_no_supervisor() -> None:
    town = settled(*THREE)
    town.kill("b.1")
    assert town.seconds_until(lambda: town.is_without(["b.1"]), 2.0) < 0.5


def test_a_death_is_passed_on_to_a_coordinator_that_was_not_told() -> None:
    town = settled(*THREE)
    town.kill("c.1", seen=False)
    town.members["b.1"].report_death("c.1", "its process ended")
    assert town.seconds_until(lambda: town.is_without(["c.1"]), 3.0) < 1.5


def test_the_coordinators_own_death_costs_no_more_than_any_other() -> None:
    town = settled(*THREE)
    town.kill("a.1")
    assert town.seconds_until(lambda: town.is_without(["a.1"]), 2.0) < 1.0
    assert town.coordinator == "b.1"


def test_two_deaths_at_once_the_coordinator_among_them() -> None:
    town = settled(*FOUR)
    town.kill("a.1")
    town.kill("c.1")
    assert town.seconds_until(lambda: town.is_without(["a.1", "c.1"]), 3.0) < 1.0
    town.settle()
    assert town.is_balanced("b.1", "d.1")


def test_all_but_one_die() -> None:
    town = settled(*FOUR)
    for life in ("a.1", "b.1", "d.1"):
        town.kill(life)
    assert town.seconds_until(lambda: town.is_without(["a.1", "b.1", "d.1"]), 3.0) < 1.5
    assert set(town.view.owner_lives) == {"c.1"}


def test_a_life_that_cannot_be_ended_yet_stays_in_the_view_until_it_can() -> None:
    town = settled(*THREE)
    town.archive.stuck.add("c.1")
    town.kill("c.1")
    town.clock.advance(5.0)
    assert "c.1" in town.view.by_life
    town.archive.stuck.clear()
    town.seconds_until(lambda: town.is_without(["c.1"]), 2.0)
    assert town.archive.sealed == ["c.1"]


def test_a_dead_life_that_never_joined_is_sealed_all_the_same() -> None:
    town = settled("a.1", "b.1")
    version = town.archive.version
    town.members["a.1"].report_death("z.1", "it never started")
    town.seconds_until(lambda: town.archive.sealed == ["z.1"], 1.0)
    town.clock.advance(3.0)
    assert town.archive.version == version


# --- silence ------------------------------------------------------------------------------------------------------------


def test_a_cell_that_most_others_miss_is_removed_within_six_seconds() -> None:
    town = settled(*THREE)
    town.cut(["c.1"], ["a.1", "b.1"])
    took_s = town.seconds_until(lambda: "c.1" not in town.view.by_life)
    assert 2.4 < took_s < 5.0  # from the last beat on it is a second longer
    assert town.archive.sealed == ["c.1"]


def test_a_silent_coordinator_is_removed_within_six_seconds() -> None:
    town = settled(*THREE)
    town.cut(["a.1"], ["b.1", "c.1"])
    town.archive.away.add("a.1")
    took_s = town.seconds_until(lambda: "a.1" not in town.view.by_life)
    assert took_s < 6.0
    assert town.archive.sealed == ["a.1"]
    assert town.coordinator == "b.1"


def test_a_coordinator_cut_off_from_the_others_gives_the_duty_to_those_who_can_do_it() -> None:
    town = settled(*THREE)
    town.cut(["a.1"], ["b.1", "c.1"])
    took_s = town.seconds_until(lambda: "a.1" not in town.view.by_life)
    assert took_s < 6.0
    assert town.archive.sealed == ["a.1"]


def test_a_minority_seals_nobody() -> None:
    town = settled("a.1", "b.1", "c.1", "d.1", "e.1")
    town.cut(["a.1", "b.1"], ["c.1", "d.1", "e.1"])
    for life in ("c.1", "d.1", "e.1"):
        town.archive.away.add(life)  # so that only the minority could
    town.clock.advance(60.0)
    assert town.archive.sealed == []
    assert set(town.view.by_life) == {"a.1", "b.1", "c.1", "d.1", "e.1"}


def test_in_a_tie_the_side_of_the_coordinator_goes_on() -> None:
    town = settled(*FOUR)
    town.cut(["a.1", "b.1"], ["c.1", "d.1"])
    town.seconds_until(lambda: set(town.view.by_life) == {"a.1", "b.1"})
    assert sorted(town.archive.sealed) == ["c.1", "d.1"]


def test_a_coordinator_that_was_away_from_the_store_seals_nobody_by_a_lease_that_has_run_out() -> None:
    town = settled(*FOUR)
    town.cut(["a.1", "b.1"], ["c.1", "d.1"])
    town.archive.away |= {"a.1", "b.1"}
    town.seconds_until(lambda: town.coordinator in ("c.1", "d.1"))
    town.archive.away.clear()
    town.seconds_until(lambda: set(town.view.by_life) == {"c.1", "d.1"})
    town.clock.advance(20.0)
    assert sorted(town.archive.sealed) == ["a.1", "b.1"]


def test_a_cell_that_only_one_other_misses_for_a_while_stays() -> None:
    town = settled(*THREE)
    town.network.cut("a.1", "b.1")
    town.clock.advance(12.0)
    town.heal()
    town.clock.advance(30.0)
    assert town.archive.sealed == []
    assert set(town.view.by_life) == set(THREE)


def test_a_one_way_partition_between_two_of_three_stops_nobody_for_a_while() -> None:
    town = settled(*THREE)
    town.network.cut_one_way("a.1", "c.1")
    town.clock.advance(12.0)
    town.heal()
    town.clock.advance(30.0)
    assert town.archive.sealed == []


@pytest.mark.parametrize("duty_is_in_it", [True, False])
@pytest.mark.parametrize("is_one_way", [True, False])
def test_of_two_that_stay_parted_though_others_hear_both_one_has_to_go(*, duty_is_in_it: bool, is_one_way: bool) -> None:
    town = settled(*FOUR)
    coordinator = town.coordinator
    one, other = (coordinator, "c.1") if duty_is_in_it else ("b.1", "c.1")
    (town.network.cut_one_way if is_one_way else town.network.cut)(one, other)
    took_s = town.seconds_until(lambda: town.archive.sealed == ["c.1"])
    assert 10.0 < took_s < 17.0
    town.settle()
    assert town.is_balanced(*(life for life in FOUR if life != "c.1"))
    town.clock.advance(60.0)
    assert town.archive.sealed == ["c.1"]


def test_of_two_hosts_that_are_parted_one_goes_whole_and_those_who_hear_all_stay() -> None:
    town = settled(*(life for host in "abc" for life in (f"{host}1.1", f"{host}2.1")))
    town.cut(["a1.1", "a2.1"], ["b1.1", "b2.1"])
    town.clock.advance(40.0)
    assert set(town.view.by_life) in ({"a1.1", "a2.1", "c1.1", "c2.1"}, {"b1.1", "b2.1", "c1.1", "c2.1"})


def test_a_coordinator_that_is_parted_from_more_than_any_other_gives_the_duty_back_and_goes() -> None:
    town = settled("a.1", "b.1", "c.1", "d.1", "e.1")
    coordinator = town.coordinator
    others = town.others(coordinator)
    for other in others[:2]:
        town.network.cut(coordinator, other)
    town.clock.advance(30.0)
    assert town.archive.sealed == [coordinator]
    assert set(town.view.by_life) == set(others)


def test_who_comes_back_and_is_still_parted_goes_again() -> None:
    town = settled(*THREE)
    town.network.cut("b.1", "c.1")
    town.seconds_until(lambda: town.archive.sealed == ["c.1"])
    town.kill("c.1")
    town.start("c.2")
    town.network.cut("b.1", "c.2")
    town.seconds_until(lambda: "c.2" in town.archive.sealed)
    town.settle()
    assert town.is_balanced("a.1", "b.1")


def test_one_that_hears_nobody_is_sealed_though_all_hear_it() -> None:
    town = settled(*THREE)
    (deaf, *others) = (life for life in THREE if not town.members[life].has_duty)
    for other in set(THREE) - {deaf}:
        town.network.cut_one_way(other, deaf)
    assert town.seconds_until(lambda: deaf not in town.view.by_life) <= 7.0
    assert town.archive.sealed == [deaf]
    assert set(others) < set(town.view.by_life)


def test_a_coordinator_that_nobody_hears_gives_the_duty_back_and_is_sealed() -> None:
    town = settled(*THREE)
    (mute,) = (life for life in THREE if town.members[life].has_duty)
    for other in set(THREE) - {mute}:
        town.network.cut_one_way(mute, other)
    assert town.seconds_until(lambda: mute not in town.view.by_life) <= 7.0
    assert town.archive.sealed == [mute]


def test_a_late_beat_stops_nobody() -> None:
    town = settled("a.1", "b.1")
    town.network.delay("b.1", "a.1", 2.0)
    town.clock.advance(20.0)
    assert town.archive.sealed == []


def test_a_cell_that_slept_takes_nobody_for_dead() -> None:
    town = settled(*THREE)
    core = town.members["a.1"].core
    now = town.clock.now()
    core.tick(now + 60.0)
    assert core.hearing.missed_by_most(now + 60.0) == []
    assert core.lease.mine


def test_cells_of_the_version_before_are_not_missed_though_they_send_no_beats() -> None:
    town = Town()
    for life, version in (("a.1", CONTROL_VERSION), ("b.1", CONTROL_VERSION), ("c.1", CONTROL_VERSION - 1)):
        town.start(life, link_version=version)
        town.clock.advance(1.0)
    town.settle()
    town.clock.advance(20.0)
    assert town.archive.sealed == []
    assert set(town.view.by_life) == set(THREE)


def test_a_cell_without_edge_and_chat_never_has_the_duty() -> None:
    town = Town()
    town.start("a.1", labels=("gpu",))
    town.clock.advance(1.0)
    for life in ("b.1", "c.1"):
        town.start(life)
        town.clock.advance(0.5)
    town.settle()
    town.kill("b.1")
    town.seconds_until(lambda: town.is_without(["b.1"]), 3.0)
    assert town.coordinator == "c.1"
    assert set(town.view.owner_lives) == {"c.1"}
