"""What all nodes share: made once, for one user alone, and never made anew where a part is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.data_folder import open_folder, prepare
from cluster.problems import StartProblem
from cluster.secrets_folder import make_secrets, read_secrets
from cluster.settings import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_secrets(tmp_path / "secrets")
    return tmp_path / "secrets"


def test_they_are_for_this_user_alone_and_read_back(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == dict.fromkeys(
        ("master.key", "cluster.secret", "ray.token"), 0o600
    )
    found = read_secrets(folder)
    assert len(found.link_secret) == 32
    assert len(found.token) == 64
    assert read_secrets(folder) == found


def test_they_are_made_once(folder: Path) -> None:
    before = read_secrets(folder)
    with pytest.raises(StartProblem, match="is not empty; secrets are made once"):
        make_secrets(folder)
    assert read_secrets(folder) == before


@pytest.mark.parametrize("name", ["master.key", "cluster.secret", "ray.token"])
def test_a_part_that_is_missing_open_to_others_or_empty_is_named(folder: Path, name: str) -> None:
    path = folder / name
    path.chmod(0o640)
    with pytest.raises(StartProblem, match=f"{name} can be read by others; run: chmod 600"):
        read_secrets(folder)
    path.chmod(0o600)
    path.write_text("")
    with pytest.raises(StartProblem, match=f"{name} is (empty|damaged)"):
        read_secrets(folder)
    path.unlink()
    with pytest.raises(StartProblem, match=f"{name} (cannot be read|is missing)"):
        read_secrets(folder)


@pytest.mark.parametrize("text", ["no hexadecimal digits", "abcd"])
def test_a_secret_that_is_no_secret_is_refused(folder: Path, text: str) -> None:
    (folder / "cluster.secret").write_text(text)
    with pytest.raises(StartProblem, match=r"cluster\.secret is damaged"):
        read_secrets(folder)


def test_a_data_folder_uses_them_and_makes_none_of_its_own(folder: Path, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", secrets=folder)
    prepare(settings)
    assert not (settings.data / "master.key").exists()
    opened = open_folder(settings)
    opened.cluster.close()
    assert (opened.master, opened.link_secret) == read_secrets(folder)[:2]


def test_a_node_without_them_makes_no_data(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", secrets=tmp_path / "nowhere")
    with pytest.raises(StartProblem, match=r"nowhere/master\.key is missing"):
        prepare(settings)
    assert not settings.data.exists()


def test_secrets_of_another_cluster_do_not_open_the_data(folder: Path, tmp_path: Path) -> None:
    prepare(Settings(data=tmp_path / "data", secrets=folder))
    make_secrets(tmp_path / "others")
    with pytest.raises(StartProblem, match="is not the one that sealed this data"):
        prepare(Settings(data=tmp_path / "data", secrets=tmp_path / "others"))
