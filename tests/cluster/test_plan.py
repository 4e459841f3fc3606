"""The plan as bytes."""

from __future__ import annotations

import pytest

from actors.runtime.codec import pack
from cluster.plan import FORMAT, Hold, Plan, PlanError, Task

FULL = Plan(
    cells=3, off=("cell-2",), isolated=("room:9f2c",), pins={7: "cell-1"}, task=Task(4, "roll", ("switch", "cell-1"), {"cell-1": "cell-1-a"}),
    answered=("x",), ends={"cell-1": (1.0, 2.0)}, paused={"cell-1": Hold(9.0, "why")}, starts=(5.0,), nodes=2, leaving=("n",),
)  # fmt: skip


def test_a_plan_is_read_as_it_was_written() -> None:
    assert Plan.decode(FULL.encode()) == FULL
    assert Plan.decode(Plan().encode()) == Plan()


@pytest.mark.parametrize("away", [-1, 1])
def test_the_format_before_and_the_one_after_are_read(away: int) -> None:
    assert Plan.decode(pack((FORMAT + away, FULL))) == FULL


def test_fields_that_a_later_version_has_added_are_left_out() -> None:
    fields = [getattr(FULL, name) for name in FULL.__struct_fields__]
    assert Plan.decode(pack((FORMAT + 1, [*fields, "new"]))) == FULL


def test_fields_that_an_earlier_version_did_not_have_are_empty() -> None:
    assert Plan.decode(pack((FORMAT, [3, ["cell-2"]]))) == Plan(cells=3, off=("cell-2",))


@pytest.mark.parametrize("data", [b"", b"\xff\x00", pack((FORMAT + 2, FULL)), pack((FORMAT, ["many"]))])
def test_what_is_no_plan_of_a_known_format_is_refused(data: bytes) -> None:
    with pytest.raises(PlanError):
        Plan.decode(data)


def test_the_next_part_of_a_task_is_the_first_that_is_not_done() -> None:
    task = Task(1, "drain", ("cell-1", "cell-2"), done=("cell-1",))
    assert task.next_part == "cell-2"
    assert Task(1, "drain", ("cell-1",), done=("cell-1",)).next_part == ""
