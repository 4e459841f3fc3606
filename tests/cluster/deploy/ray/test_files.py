"""The files for `ray up`: valid by Ray's own rules, and one way for what reaches a node."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from cluster import cli
from cluster.nodes import ROLES_LABEL, ROOM, UNIT, UNITS, roles_of
from cluster.ray_node import labels_of
from cluster.settings_reading import read_settings

FOLDER = Path(__file__).parents[4] / "cluster" / "deploy" / "ray"
NAMES = ("local", "aws", "gcp")
CLOUDS = ("aws", "gcp")


def loaded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_ray_takes_the_file(name: str) -> None:
    validate_config(prepare_config(loaded(name)))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_with_a_word_that_ray_does_not_know_is_not_taken(name: str) -> None:
    config = {**loaded(name), "worker_nodes_start": []}
    with pytest.raises(Exception, match="worker_nodes_start"):
        validate_config(prepare_config(config))


@pytest.mark.parametrize("name", NAMES)
def test_code_secrets_and_settings_reach_every_node_by_file_mounts_and_nothing_is_made_there(name: str) -> None:
    config = loaded(name)
    assert {f"~/warbler/{part}" for part in ("install.sh", "dist", "secrets", "warbler.toml")} <= set(config["file_mounts"])
    commands = [*config["setup_commands"], *config["head_start_ray_commands"], *config["worker_start_ray_commands"]]
    assert not [command for command in commands if "warbler secrets" in command]
    settings = read_settings(FOLDER / "warbler.toml", {}, {})
    assert settings.secrets == Path.home() / "warbler" / "secrets"
    assert settings.host == "0.0.0.0"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_of_ours_is_one_with_options_that_it_has(name: str) -> None:
    config = loaded(name)
    ours = [
        command for key in ("head_start_ray_commands", "worker_start_ray_commands") for command in config[key] if "/warbler --" in command
    ]
    assert len(ours) == 3
    for command in ours:
        words = command.split("/warbler ")[1].split()
        known = cli.warbler.get_command(None, words[2])  # type: ignore[arg-type]
        assert known is not None
        options = {option for parameter in known.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert set(re.findall(r"--[a-z-]+", " ".join(words[3:]))) <= options


@pytest.mark.parametrize("name", CLOUDS)
def test_there_are_nodes_for_edge_chat_and_gpu_that_tell_the_autoscaler_what_they_are(name: str) -> None:
    types = loaded(name)["available_node_types"]
    roles = {kind: roles_of(said["labels"]) for kind, said in types.items()}
    assert {role for found in roles.values() for role in found} == {"edge", "chat", "gpu"}
    assert roles["head"] == ()
    for kind, said in types.items():
        assert said["resources"].get(UNIT) == UNITS
        assert (ROOM in said["resources"]) == ("chat" in roles[kind])
        assert kind == "head" or said["labels"]["warbler-zone"]
    assert all(ROLES_LABEL in said["labels"] for said in types.values())


def test_own_machines_are_all_in_the_file_of_nodes() -> None:
    rows = tomllib.loads((FOLDER / "nodes.toml").read_text())
    provider = loaded("local")["provider"]
    assert set(rows) == {provider["head_ip"], *provider["worker_ips"]}
    assert {role for row in rows.values() for role in roles_of(labels_of(row, "nodes.toml"))} == {"edge", "chat", "gpu"}
    assert len({row["zone"] for row in rows.values()}) > 1


def install(home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(FOLDER / "install.sh")], env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )


def test_installing_says_what_is_missing_and_does_nothing_where_that_wheel_is_installed(tmp_path: Path) -> None:
    folder = tmp_path / "warbler"
    (folder / "dist").mkdir(parents=True)
    without = install(tmp_path)
    assert without.returncode != 0 and "dist" in without.stderr
    wheel = folder / "dist" / "warbler_im-1-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    sum_line = subprocess.run(["sha256sum", "dist/" + wheel.name], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    (folder / "installed").write_text(f"{sum_line} \n")
    for _ in range(2):
        done = install(tmp_path)
        assert done.returncode == 0, done.stderr
    assert not (folder / "venv").exists()
    assert (tmp_path / ".bashrc").read_text().count("warbler/venv/bin") == 1
