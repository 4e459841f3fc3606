"""Where our Ray lives: apart from every other one, and closed to others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster import ray_environment as re_
from cluster.problems import StartProblem
from cluster.secrets_folder import make_secrets
from cluster.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "run").mkdir()
    return Settings(data=tmp_path)


def test_variables_of_another_ray_are_taken_out_and_ours_are_there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    found = re_.variables(settings)
    assert "RAY_ADDRESS" not in found
    assert found["RAY_AUTH_MODE"] == "token"
    assert found["RAY_AUTH_TOKEN_PATH"] == str(settings.data / "run" / "ray.token")
    assert found["PYTHONPATH"].split(":") == [str(Path(__file__).parents[2]), "/elsewhere"]


def test_each_data_folder_has_a_ray_folder_of_its_own_with_a_short_path(tmp_path: Path) -> None:
    folders = {re_.ray_folder(Settings(data=tmp_path / name)) for name in ("a", "b", "x" * 200)}
    assert len(folders) == 3
    assert all(len(str(folder)) <= re_.MAX_FOLDER_CHARS for folder in folders)


def test_a_ray_folder_whose_path_is_too_long_for_sockets_is_refused() -> None:
    with pytest.raises(StartProblem, match="longer than"):
        re_.ray_folder(Settings(ray_folder=Path("/tmp") / ("x" * 60)))


def test_a_ray_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "ray"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(StartProblem, match="this user alone"):
        re_.make_ray_folder(folder)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(StartProblem, match="this user alone"):
        re_.make_ray_folder(link)


def test_the_token_is_new_at_each_start_and_for_this_user_alone(settings: Settings) -> None:
    re_.make_token(settings)
    path = re_.token_file(settings)
    first = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    re_.make_token(settings)
    assert path.read_text() != first
    re_.check_token(settings)


def test_a_token_that_is_missing_or_empty_is_one_clear_sentence(settings: Settings) -> None:
    with pytest.raises(StartProblem, match=r"ray\.token cannot be read .* end it with `warbler down`"):
        re_.check_token(settings)
    re_.token_file(settings).write_text("")
    with pytest.raises(StartProblem, match="is empty"):
        re_.check_token(settings)


def test_what_the_running_instance_left_is_read_back_and_garbage_is_none(settings: Settings) -> None:
    instance = re_.Instance("127.0.0.1:1", os.getpid(), "/tmp/x")
    re_.write_instance(settings, instance)
    assert re_.read_instance(settings) == instance
    (settings.data / "run" / re_.INSTANCE).write_text('{"address": ')
    assert re_.read_instance(settings) is None
    re_.forget_instance(settings)
    assert not (settings.data / "run" / re_.INSTANCE).exists()


def test_one_token_for_all_nodes_is_used_as_it_is_and_never_made_or_removed(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets")
    settings = Settings(data=tmp_path / "data", secrets=tmp_path / "secrets")
    (settings.data / "run").mkdir(parents=True)
    before = re_.token_file(settings).read_text()
    re_.make_token(settings)
    re_.forget_instance(settings)
    assert re_.token_file(settings).read_text() == before
    assert re_.variables(settings)["RAY_AUTH_TOKEN_PATH"] == str(tmp_path / "secrets" / "ray.token")


def test_a_node_keeps_what_the_launcher_told_it_and_nothing_else_of_rays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_OVERRIDE_LABELS", '{"warbler-roles": "gpu"}')
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    found = re_.node_variables(Settings(data=tmp_path))
    assert found["RAY_OVERRIDE_LABELS"] == '{"warbler-roles": "gpu"}'
    assert "RAY_ADDRESS" not in found
    assert found["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "1"
    assert re_.variables(Settings(data=tmp_path))["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
