"""Cells that join each other without Ray, with the same people on each server."""

from __future__ import annotations

from pathlib import Path

import pytest
import uvloop

from cluster.bench.load import steps
from cluster.bench.several import CELLS, FEW, MANY, cells, joined_cells


@pytest.mark.slow
def test_two_servers_of_several_cells_do_the_same_work(tmp_path: Path) -> None:
    told: list[str] = []
    result = uvloop.run(cells(CELLS, tmp_path, None, 1, 0.5, told.append))
    assert len(told) == steps(CELLS, 1)
    assert result.ours[0].units > 100
    assert result.bare[0].units > 100
    assert 0.5 < result.figure < 10


@pytest.mark.slow
def test_people_are_spread_over_all_cells_and_always_in_the_same_way(tmp_path: Path) -> None:
    with joined_cells(CELLS, tmp_path, FEW, core=None) as side:
        first = [side.target.url(index) for index in range(CELLS.users)]
        assert len(side.target.pids) == len(set(first)) == FEW
        assert 0.3 < first.count(first[0]) / CELLS.users < 0.7
        assert first == [side.target.url(index) for index in range(CELLS.users)]
    assert MANY == 2 * FEW
