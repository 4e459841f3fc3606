"""A machine that joins: commands can be given there, too, where it shares nothing with the head."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cluster import cli
from cluster.commands import node
from cluster.ray_environment import Instance, read_instance
from cluster.settings import Settings


def joined(folder: Path, monkeypatch: pytest.MonkeyPatch, **variables: str) -> Instance | None:
    """What a machine knows after it has joined."""
    monkeypatch.setattr(node, "start_node", lambda settings, plan: "")
    given = {"WARBLER_DATA": str(folder / "data"), "WARBLER_SECRETS": str(folder / "secrets"), **variables}
    done = CliRunner().invoke(cli.warbler, ["node", "--join", "10.0.0.1:6379"], env=given)
    assert done.exit_code == 0, done.output
    return read_instance(Settings(data=folder / "data"))


def test_with_a_data_folder_of_its_own_it_knows_the_server_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = joined(tmp_path, monkeypatch, WARBLER_STORE="cassandra://one")
    assert found == Instance("10.0.0.1:6379", 0, str(tmp_path / "secrets"))
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("variables", [{}, {"WARBLER_STORE": "cassandra://one", "WARBLER_NODES_SHARE_THIS_MACHINE": "true"}])
def test_in_a_folder_that_is_the_heads_it_changes_nothing(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert joined(tmp_path, monkeypatch, **variables) is None
