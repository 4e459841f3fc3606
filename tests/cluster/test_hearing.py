"""Who hears whom: when a cell counts as missed, and when a cell has to take itself for cut off."""

from __future__ import annotations

from math import inf

import pytest

from actors.runtime.view import CellInfo, add_cells, first_view
from cluster.beats import Beat, ViewFrame, ViewWanted, hear, say
from cluster.hearing import GRACE_S, Hearing
from cluster.loads import Load

SILENT_S, CUT_S = 4.0, 3.0


def hearing(*lives: str, me: str = "a.1", now: float = 0.0) -> Hearing:
    """What one of these has heard when the view with all of them came."""
    found = Hearing(me, SILENT_S, CUT_S)
    found.follow(first_view([CellInfo(life, life[0]) for life in lives], 8), now)
    return found


def beat(life: str, *heard: str, number: int = 1) -> Beat:
    """A beat of a life that hears these."""
    return Beat(life, number, 1, Load(life, life[0]), heard)


def all_beat(at: Hearing, now: float, number: int, **heard: tuple[str, ...]) -> None:
    """Beats of several lives: name -> whom each hears."""
    for name, others in heard.items():
        at.beat(beat(f"{name}.1", *others, number=number), now)


def test_a_new_life_has_some_time_until_its_first_beat() -> None:
    at = hearing("a.1", "b.1")
    assert at.missed_by_most(SILENT_S + GRACE_S) == []
    assert at.missed_by_most(SILENT_S + GRACE_S + 0.1) == ["b.1"]


def test_of_three_one_that_two_miss_is_missed_by_most() -> None:
    at = hearing("a.1", "b.1", "c.1")
    all_beat(at, 10.0, 1, b=("a.1", "c.1"), c=("a.1", "b.1"))
    all_beat(at, 14.5, 2, b=("a.1", "c.1"))
    assert at.missed_by_most(14.5) == []
    all_beat(at, 14.6, 3, b=("a.1",))
    assert at.missed_by_most(14.6) == ["c.1"]


@pytest.mark.parametrize(
    ("size", "confirm", "counts"), [(3, 0, False), (3, 1, True), (4, 0, False), (4, 1, True), (5, 1, False), (5, 2, True)]
)
def test_so_many_must_miss_it_that_they_are_half_of_the_view(size: int, confirm: int, counts: bool) -> None:
    lives = [f"{letter}.1" for letter in "abcdefg"[:size]]
    silent, others = lives[-1], lives[1:-1]
    at = hearing(*lives)
    for life in lives[1:]:
        at.beat(beat(life, *lives), 10.0)
    for index, life in enumerate(others):
        at.beat(beat(life, *(other for other in lives if index >= confirm or other != silent), number=2), 14.5)
    assert at.missed_by_most(14.5) == ([silent] if counts else [])


def test_what_a_cell_said_that_is_missed_itself_confirms_nothing() -> None:
    at = hearing("a.1", "b.1", "c.1", "d.1", "e.1")
    all_beat(at, 10.0, 1, b=("a.1",), c=("a.1",), d=("a.1",), e=("a.1",))
    assert at.missed_by_most(14.5) == []


def test_an_older_beat_that_comes_later_is_ignored() -> None:
    at = hearing("a.1", "b.1")
    assert at.beat(beat("b.1", number=5), 10.0)
    assert not at.beat(beat("b.1", number=4), 20.0)
    assert at.quiet_for("b.1", 20.0) == 10.0


def test_the_time_in_which_this_process_slept_is_nobodys_silence_but_it_may_be_cut_off() -> None:
    at = hearing("a.1", "b.1")
    at.beat(beat("b.1", "a.1"), 10.0)
    at.slept(60.0)
    assert at.missed_by_most(71.0) == []
    assert at.is_cut_off(71.0, holds_duty=False)


@pytest.mark.parametrize(
    ("size", "heard", "holds", "cut"), [(1, 0, False, False), (2, 0, False, True), (2, 0, True, False), (3, 0, True, True)]
)
def test_who_hears_too_few_is_cut_off_and_in_a_tie_the_coordinator_is_not(size: int, heard: int, holds: bool, cut: bool) -> None:
    lives = [f"{letter}.1" for letter in "abcdefg"[:size]]
    at = hearing(*lives)
    for life in lives[1 : 1 + heard]:
        at.beat(beat(life), 10.0)
    assert at.is_cut_off(10.0, holds) == cut


@pytest.mark.parametrize(
    ("others", "heard", "is_deaf"),
    [("bc", "", True), ("bc", "b", False), ("b", "", True), ("bcd", "b", True), ("bcd", "a", False), ("bcde", "a", True)],
)
def test_who_says_that_it_hears_a_minority_or_in_a_tie_not_this_one_is_deaf(others: str, heard: str, is_deaf: bool) -> None:
    lives = [f"{name}.1" for name in f"a{others}"]
    at, last = hearing(*lives), lives[-1]
    for life in lives[1:]:
        at.beat(beat(life, *(f"{name}.1" for name in (heard if life == last else f"a{others}"))), 1.0)
    assert at.deaf(1.5) == ([last] if is_deaf else [])


def test_who_is_cut_off_itself_calls_nobody_deaf() -> None:
    at = hearing("a.1", "b.1", "c.1", "d.1")
    at.beat(beat("b.1"), 5.0)
    assert at.is_cut_off(5.0, holds_duty=False)
    assert at.deaf(5.0) == ["b.1"], "a tie is the coordinator's"
    assert at.deaf(5.0 + CUT_S + 0.1) == []


def test_a_beat_by_a_view_with_other_cells_calls_nobody_deaf() -> None:
    at = hearing("a.1", "b.1")
    at.follow(add_cells(first_view([CellInfo(life, life[0]) for life in ("a.1", "b.1")], 8), [CellInfo("c.1", "c")]), 0.0)
    at.beat(beat("b.1"), 1.0)
    assert at.deaf(1.5) == []


@pytest.mark.parametrize(("others", "missing", "mute"), [("bc", "bc", True), ("bc", "b", False), ("b", "b", False)])
def test_who_is_missed_by_most_of_those_whom_it_hears_is_mute(others: str, missing: str, mute: bool) -> None:
    at = hearing("a.1", *(f"{name}.1" for name in others))
    for name in others:
        at.beat(beat(f"{name}.1", *(() if name in missing else ("a.1",))), 1.0)
    assert at.is_mute(1.5) is mute


def test_a_life_that_left_the_view_is_forgotten() -> None:
    at = hearing("a.1", "b.1")
    at.beat(beat("b.1"), 10.0)
    at.follow(first_view([CellInfo("a.1", "a")], 8), 11.0)
    assert (at.heard(11.0), at.beats, at.missed_by_most(99.0)) == ((), {}, [])


def test_a_life_that_is_in_no_view_is_not_cut_off() -> None:
    assert not Hearing("a.1", SILENT_S, CUT_S).is_cut_off(99.0, holds_duty=False)


def test_all_that_cells_say_is_read_as_it_was_said() -> None:
    for said in (beat("a.1", "b.1"), ViewWanted(7), ViewFrame(8, b"view")):
        assert hear(say(said)) == said


@pytest.mark.parametrize(("holds", "until"), [(False, 11.0 + CUT_S), (True, 12.0 + CUT_S)])
def test_how_long_a_cell_can_be_sure_is_known_before(holds: bool, until: float) -> None:
    at = hearing("a.1", "b.1", "c.1", "d.1")
    for moment, life in ((11.0, "b.1"), (12.0, "c.1"), (10.0, "d.1")):
        at.beat(beat(life), moment)
    assert at.sure_until(holds) == until
    assert (at.is_cut_off(until, holds), at.is_cut_off(until + 0.001, holds)) == (False, True)
    assert hearing("a.1").sure_until(holds) == inf


def test_a_pair_is_parted_where_one_says_that_it_misses_the_other() -> None:
    a = hearing("a.1", "b.1", "c.1", "d.1")
    all_beat(a, 1.0, 1, b=("a.1", "c.1", "d.1"), c=("a.1", "d.1"), d=("a.1", "b.1", "c.1"))
    assert a.parted(1.0) == [("b.1", "c.1")]
    all_beat(a, 4.0, 2, b=("a.1", "c.1", "d.1"), c=("a.1", "b.1", "d.1"))
    assert a.parted(5.5) == [("a.1", "d.1")]
