"""A Ray that others started: it is joined, found again by other commands, and never ended."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import ray_instance
from cluster.commands.host import as_joined
from cluster.secrets_folder import make_secrets
from cluster.settings import Settings


@pytest.fixture
def head() -> Iterator[socket.socket]:
    """Something that listens where a head would."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def settings(tmp_path: Path, head: socket.socket) -> Settings:
    make_secrets(tmp_path / "secrets")
    (tmp_path / "data" / "run").mkdir(parents=True)
    return Settings(data=tmp_path / "data", secrets=tmp_path / "secrets", address=f"127.0.0.1:{head.getsockname()[1]}")


def test_a_ray_that_was_joined_runs_as_long_as_its_head_answers(settings: Settings, head: socket.socket) -> None:
    assert ray_instance.running(settings) is None
    ray_instance.joined(settings)
    found = ray_instance.running(settings)
    assert found is not None
    assert (found.address, found.session) == (settings.address, 0)
    head.close()
    assert ray_instance.running(settings) is None


def test_ending_a_ray_that_was_joined_only_forgets_it(settings: Settings) -> None:
    ray_instance.joined(settings)
    ray_instance.end(settings)
    assert ray_instance.running(settings) is None
    assert settings.secrets is not None
    assert (settings.secrets / "ray.token").is_file()


def test_other_commands_need_not_be_told_what_was_joined(settings: Settings) -> None:
    plain = Settings(data=settings.data)
    assert as_joined(plain) == plain
    ray_instance.joined(settings)
    found = as_joined(plain)
    assert (found.address, found.secrets) == (settings.address, settings.secrets)
    assert as_joined(settings) == settings
