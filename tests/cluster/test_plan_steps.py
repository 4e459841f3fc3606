"""Steps from one plan to the next."""

from __future__ import annotations

import pytest

from cluster import plan_steps as steps
from cluster.plan import Hold, Plan
from cluster.problems import StartProblem


def test_only_one_task_is_under_way() -> None:
    plan = steps.begin_task(Plan(), "roll", ("switch", "cell-1"), {"cell-1": "a"})
    with pytest.raises(StartProblem, match="wait for that"):
        steps.begin_task(plan, "drain", ("cell-1",), {})
    plan = steps.begin_task(steps.end_task(plan, 1), "drain", ("cell-1",), {})
    assert plan.task is not None
    assert (plan.task.number, plan.task.what) == (2, "drain")


def test_a_part_that_ends_late_does_not_count_for_the_next_task() -> None:
    plan = steps.begin_task(Plan(), "drain", ("cell-1",), {})
    assert steps.end_part(plan, 7, "cell-1", "line") == plan
    done = steps.end_part(plan, 1, "cell-1", "cell-1: empty")
    assert done.task is not None and done.task.lines == ("cell-1: empty",)
    assert steps.end_part(done, 1, "cell-1", "again") == done


def test_a_cell_that_a_drain_has_not_come_to_can_be_wanted_back_too() -> None:
    plan = steps.take_off(steps.begin_task(Plan(), "drain", ("cell-1", "cell-2"), {}), "cell-1")
    plan = steps.want_back(plan, ("cell-2",))
    assert plan.off == ("cell-1",)
    assert plan.task is not None
    assert (plan.task.next_part, plan.task.lines) == ("cell-1", ("cell-2: wanted again",))
    with pytest.raises(StartProblem, match="cell-2 was not taken off"):
        steps.want_back(plan, ("cell-2",))
    assert steps.want_back(plan, ("cell-1",)).off == ()


def test_ends_are_bounded_and_forgotten() -> None:
    plan = Plan()
    for at in range(100):
        plan = steps.note_end(plan, "cell-1", float(at))
    assert plan.ends["cell-1"][-1] == 99.0
    assert len(plan.ends["cell-1"]) == steps.KEPT_ENDS
    assert steps.forget_ends(plan, 98.0) == plan
    assert steps.forget_ends(plan, 99.0).ends == {}


def test_a_child_that_is_resumed_begins_as_if_it_had_never_ended() -> None:
    plan = steps.pause(steps.note_end(Plan(), "cell-1", 1.0), "cell-1", Hold(9.0, "why"))
    plan = steps.avoid(steps.note_end(plan, "cell-2", 1.0), "node", Hold(9.0, "why"))
    resumed = steps.resume(plan, "cell-1")
    assert (resumed.paused, resumed.ends, set(resumed.avoided)) == ({}, {"cell-2": (1.0,)}, {"node"})
    assert steps.resume_all(plan) == Plan()


def test_a_group_is_pinned_and_let_go() -> None:
    plan = steps.pin(steps.pin(Plan(), 3, "cell-1"), 3, "cell-2")
    assert plan.pins == {3: "cell-2"}
    assert steps.pin(plan, 3, "").pins == {}


def test_a_room_is_isolated_once_and_let_go() -> None:
    plan = steps.isolate(steps.isolate(Plan(), "room:a", on=True), "room:a", on=True)
    assert plan.isolated == ("room:a",)
    assert steps.isolate(plan, "room:a", on=False).isolated == ()
