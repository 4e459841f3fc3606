"""The data folder remembers how many cells were asked for."""

from __future__ import annotations

from pathlib import Path

from actors.store.cluster_file import ClusterFile
from cluster.data_folder import prepare, remember_cells
from cluster.plan_keeper import PlanKeeper
from cluster.settings_reading import read_settings


def test_a_number_that_was_given_is_remembered_and_one_that_was_not_changes_nothing(tmp_path: Path) -> None:
    def start(given: dict[str, object], environment: dict[str, str]) -> int:
        settings = read_settings(None, environment, {"data": tmp_path, "shards": 4, **given})
        prepare(settings)
        remember_cells(settings)
        return PlanKeeper(ClusterFile(tmp_path)).plan.cells

    assert start({}, {}) == 0
    assert start({"cells": 3}, {}) == 3
    assert start({}, {}) == 3
    assert start({}, {"WARBLER_CELLS": "2"}) == 2
