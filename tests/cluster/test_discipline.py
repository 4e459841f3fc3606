"""What follows the end of a child: each class of the tree, each step beyond a limit."""

from __future__ import annotations

import pytest

from cluster.discipline import Known, back_off, judge, within
from cluster.tree import LOOPS, OFTEN, OWN_CELL, PARTS, SOON, BackOff, Limit, Part

CELL = PARTS["cell"]
OVER = [100.0 + number for number in range(OFTEN.ends + 1)]
NOW = OVER[-1]


def part(restart: str, *beyond: str) -> Part:
    return Part("part", restart, BackOff(1, 10.0, 1.0, 4.0), Limit(2, 10.0, 60.0), beyond, "")  # type: ignore[arg-type]


def test_a_permanent_child_is_started_again_whatever_ended_it() -> None:
    for well in (True, False):
        assert judge(part("permanent"), [1.0], 1.0, Known(well=well)).what == "start"


def test_a_transient_child_is_started_again_only_where_it_failed() -> None:
    assert judge(part("transient"), [1.0], 1.0, Known(well=True)).what == "let go"
    assert judge(part("transient"), [1.0], 1.0, Known(well=False)).what == "start"
    assert PARTS[OWN_CELL].restart == "transient"


def test_a_temporary_child_is_never_started_again() -> None:
    for well in (True, False):
        assert judge(part("temporary"), [1.0], 1.0, Known(well=well)).what == "let go"


def test_the_first_ends_cost_no_pause_and_later_ones_growing_ones() -> None:
    ends = [float(number) for number in range(12)]
    pauses = [back_off(CELL, ends[: count + 1], ends[count]) for count in range(12)]
    assert pauses[: SOON.free] == [0.0] * SOON.free
    assert pauses[SOON.free : SOON.free + 5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert max(pauses) == SOON.longest_s


def test_ends_of_long_ago_and_of_a_clock_that_was_set_back_since_do_not_count() -> None:
    assert within([0.0, 50.0, 100.0, 500.0], 100.0, 60.0) == 2
    assert judge(CELL, [*OVER[:-1], NOW + OFTEN.window_s], NOW + OFTEN.window_s).what == "start"


def test_a_child_over_its_limit_is_tried_on_another_node_first() -> None:
    assert judge(CELL, OVER[1:], NOW).what == "start"
    verdict = judge(CELL, OVER, NOW, Known(elsewhere=True))
    assert (verdict.what, verdict.after_s) == ("elsewhere", OFTEN.hold_s)
    assert verdict.why == f"ended {OFTEN.ends + 1} times in {OFTEN.window_s:g} s"


def test_where_there_is_no_other_node_it_is_left_alone_for_a_while() -> None:
    verdict = judge(CELL, OVER, NOW)
    assert (verdict.what, verdict.after_s) == ("pause", OFTEN.hold_s)


def test_where_nobody_else_serves_it_is_tried_all_the_same_and_slowly() -> None:
    verdict = judge(CELL, OVER, NOW, Known(alone=True))
    assert (verdict.what, verdict.after_s) == ("wait", SOON.longest_s)
    assert "nobody else serves" in verdict.why


def test_others_of_a_group_with_one_that_is_left_alone_start_slowly() -> None:
    assert judge(CELL, [1.0], 1.0, Known(group_paused=True)).after_s == SOON.longest_s


@pytest.mark.parametrize(("name", "step"), [(LOOPS, "end supervisor"), ("supervisor", "wait")])
def test_the_supervisor_and_its_loops_have_steps_of_their_own(name: str, step: str) -> None:
    limit = PARTS[name].limit
    assert limit is not None
    ends = [100.0 + number for number in range(limit.ends + 1)]
    assert judge(PARTS[name], ends[1:], ends[-1]).what == "start"
    assert judge(PARTS[name], ends, ends[-1]).what == step
