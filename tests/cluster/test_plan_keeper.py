"""The stored plan: two who change it, requests that are repeated, and bytes that cannot be read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from actors.runtime.plain import changed
from actors.store.cluster_file import ClusterFile, create
from actors.store.store import StoreUnavailable
from cluster import plan_steps as steps
from cluster.plan import REMEMBERED, Plan
from cluster.plan_keeper import PlanKeeper


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create(tmp_path, 2, b"testtest", 0)
    return tmp_path


def test_what_is_changed_is_there_for_the_next_process(folder: Path) -> None:
    PlanKeeper(ClusterFile(folder)).change(partial(changed, cells=3))
    assert PlanKeeper(ClusterFile(folder)).plan == Plan(cells=3)


def test_two_who_change_it_lose_nothing_of_each_other(folder: Path) -> None:
    one, other = PlanKeeper(ClusterFile(folder)), PlanKeeper(ClusterFile(folder))
    one.change(partial(steps.take_off, name="cell-1"))
    other.change(partial(steps.take_off, name="cell-2"))
    one.change(partial(steps.take_off, name="cell-3"))
    assert one.plan.off == ("cell-1", "cell-2", "cell-3")
    assert other.plan.off == ("cell-1", "cell-2")
    assert other.look() == one.plan


def test_a_step_that_changes_nothing_stores_nothing(folder: Path) -> None:
    cluster = ClusterFile(folder)
    keeper = PlanKeeper(cluster)
    keeper.change(partial(steps.take_off, name="cell-1"))
    version = cluster.plan()[0]
    keeper.change(partial(steps.take_off, name="cell-1"))
    assert cluster.plan()[0] == version


def test_a_request_that_is_repeated_is_done_once_also_by_the_next_process(folder: Path) -> None:
    begin = partial(steps.begin_task, what="drain", parts=("cell-1",), lives={})
    first = PlanKeeper(ClusterFile(folder)).ask("request", begin)
    again = PlanKeeper(ClusterFile(folder)).ask("request", begin)
    assert again == first


def test_so_many_requests_are_remembered_and_no_more(folder: Path) -> None:
    keeper = PlanKeeper(ClusterFile(folder))
    for number in range(REMEMBERED + 5):
        keeper.ask(f"{number}", partial(changed, cells=number))
    assert len(keeper.plan.answered) == REMEMBERED


def test_a_plan_that_cannot_be_read_is_told_and_begun_anew(folder: Path) -> None:
    cluster = ClusterFile(folder)
    cluster.change_plan(0, b"garbage")
    keeper = PlanKeeper(cluster)
    assert keeper.plan == Plan()
    assert "has to be said again" in keeper.problem
    keeper.change(partial(changed, cells=2))
    assert PlanKeeper(cluster).plan.cells == 2


class Away:
    """A shelf that is away when the test says so."""

    def __init__(self, cluster: ClusterFile) -> None:
        self.cluster = cluster
        self.is_away = False

    def plan(self) -> tuple[int, bytes]:
        return self.cluster.plan()

    def change_plan(self, expected: int, data: bytes) -> bool:
        if self.is_away:
            raise StoreUnavailable("away")
        return self.cluster.change_plan(expected, data)


def test_what_is_only_good_to_remember_is_known_while_the_store_is_away_and_stored_with_the_next_change(folder: Path) -> None:
    shelf = Away(ClusterFile(folder))
    keeper = PlanKeeper(shelf)
    shelf.is_away = True
    keeper.note(partial(steps.note_end, name="cell-1", at=1.0))
    with pytest.raises(StoreUnavailable):
        keeper.change(partial(steps.take_off, name="cell-1"))
    assert (keeper.plan.ends, keeper.plan.off) == ({"cell-1": (1.0,)}, ())
    shelf.is_away = False
    keeper.change(partial(steps.take_off, name="cell-1"))
    stored = PlanKeeper(shelf).plan
    assert (stored.ends, stored.off) == ({"cell-1": (1.0,)}, ("cell-1",))
