"""The data folder remembers how many cells were asked for, and where the server was."""

from __future__ import annotations

from pathlib import Path

from actors.store.cluster_file import ClusterFile
from cluster.data_folder import prepare, remember_cells, remembered_port
from cluster.plan_keeper import PlanKeeper
from cluster.ray_environment import write_url
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


def test_a_start_that_names_no_port_takes_the_one_that_clients_know(tmp_path: Path) -> None:
    def port(given: dict[str, object]) -> int:
        return remembered_port(read_settings(None, {}, {"data": tmp_path, **given})).port

    assert port({}) == 8440
    (tmp_path / "run").mkdir()
    write_url(read_settings(None, {}, {"data": tmp_path}), "http://127.0.0.1:40195")
    assert port({}) == 40195
    assert port({"port": 9000}) == 9000
    assert port({"public_url": "https://chat.example:444"}) == 8440
