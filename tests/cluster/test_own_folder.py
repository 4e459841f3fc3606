"""The folders that every machine has for itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.own_folder import make_own_folder
from cluster.problems import StartProblem
from cluster.settings import Settings


def test_a_machine_that_has_none_gets_one_for_this_user_alone(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "new" / "data")
    for _ in range(2):
        make_own_folder(settings)
    assert {path.name: path.stat().st_mode & 0o777 for path in settings.data.iterdir()} == {"log": 0o700, "run": 0o700}
    assert settings.data.stat().st_mode & 0o777 == 0o700


def test_where_it_cannot_be_made_that_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartProblem, match="file/data cannot be used: Not a directory"):
        make_own_folder(Settings(data=tmp_path / "file" / "data"))
