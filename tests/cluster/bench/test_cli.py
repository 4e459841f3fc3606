"""The command: it measures both servers, keeps the figures, and says in a sentence what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cluster.bench.cli import bench
from cluster.bench.plans import PLANS, plan


@pytest.mark.slow
def test_a_load_is_measured_against_the_bare_relay_and_its_figures_are_kept(tmp_path: Path) -> None:
    kept = tmp_path / "figures.json"
    arguments = ["run", "one-to-one", "--rounds", "1", "--seconds", "0.3", "--no-pin", "--folder", str(tmp_path), "--json", str(kept)]
    done = CliRunner().invoke(bench, arguments)
    assert done.exit_code == 0, done.output
    assert "one-to-one, one in flight a user" in done.output
    (result,) = json.loads(kept.read_text())["results"]
    assert result["limit"] == plan("one-to-one").limit
    assert result["figure"] == pytest.approx(result["ours"][0]["cpu_us_per_unit"] / result["bare"][0]["cpu_us_per_unit"])
    assert result["ours"][0]["units"] > 200


@pytest.mark.slow
def test_histories_are_checked_on_a_server_of_its_own(tmp_path: Path) -> None:
    done = CliRunner().invoke(bench, ["check", "--rounds", "1", "--folder", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "1 faults" in done.output
    assert "nothing lost, nothing repeated" in done.output


def test_a_server_that_is_named_needs_its_accounts_and_processes() -> None:
    done = CliRunner().invoke(bench, ["run", "connect", "--url", "http://127.0.0.1:1"])
    assert done.exit_code == 2
    assert "--tokens" in done.output


def test_a_server_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("a\tb\n")
    arguments = ["run", "connect", "--url", "http://127.0.0.1:1", "--pid", "1", "--tokens", str(tokens), "--no-pin"]
    done = CliRunner().invoke(bench, arguments)
    assert done.exit_code == 1
    assert done.output.strip().endswith("50 accounts are needed, warbler has 1")


def test_every_load_of_the_table_has_a_name_of_its_own() -> None:
    assert len({plan.name for plan in PLANS}) == len(PLANS)
