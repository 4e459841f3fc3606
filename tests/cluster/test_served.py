"""Whether somebody else serves from the same store: a lease that grows is kept by a living cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from actors.store.cluster_file import ClusterFile, create
from cluster.problems import StartProblem
from cluster.served import check_unserved, holder, keeper


@pytest.fixture
def record(tmp_path: Path) -> ClusterFile:
    create(tmp_path, 1, b"testtest", 0)
    return ClusterFile(tmp_path)


def beating(record: ClusterFile, life: str, every: int) -> Callable[[float], None]:
    """Time in which a life makes its lease grow at every so many looks."""
    looks = iter(range(1, 1000))

    def pause(_: float) -> None:
        if next(looks) % every == 0:
            _, _, before, number = record.look(0)
            assert record.change_lease((before, number), (life, number + 1))

    return pause


def test_a_store_that_nobody_has_the_duty_of_is_looked_at_once(record: ClusterFile) -> None:
    assert holder(record) == ""
    assert keeper(record, lambda _: pytest.fail("nobody is waited for")) == ""


def test_a_lease_that_stands_still_is_that_of_the_dead(record: ClusterFile) -> None:
    record.change_lease(("", 0), ("cell-1-a", 1))
    waited: list[float] = []
    assert keeper(record, waited.append) == ""
    assert 2.0 <= sum(waited) <= 4.0
    check_unserved(record, waited.append)
    assert holder(record) == "cell-1-a"


def test_a_lease_that_grows_is_that_of_a_server_that_runs(record: ClusterFile) -> None:
    record.change_lease(("", 0), ("cell-1-a", 1))
    assert keeper(record, beating(record, "cell-1-a", 4)) == "cell-1-a"
    with pytest.raises(StartProblem, match=r"another server use this store now \(cell-2-b has the duty\)"):
        check_unserved(record, beating(record, "cell-2-b", 8))
