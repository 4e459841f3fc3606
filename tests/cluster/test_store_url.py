"""Stores as commands name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.problems import StartProblem
from cluster.settings import Settings
from cluster.store_url import settings_at, shown

HERE = Settings(data=Path("/srv/here"), store="cassandra://ann:tea@db/here")


def test_without_one_it_is_that_of_the_settings() -> None:
    assert settings_at(HERE, "") is HERE


@pytest.mark.parametrize(("url", "folder"), [("sqlite://data", "data"), ("sqlite:///srv/data", "/srv/data"), ("sqlite://./a/b", "a/b")])
def test_files_are_named_by_their_folder(url: str, folder: str) -> None:
    found = settings_at(HERE, url)
    assert (found.data, found.store) == (Path(folder), "")


def test_a_keyspace_is_named_as_in_the_settings_and_its_key_is_where_they_say() -> None:
    found = settings_at(HERE, "cassandra://db2:9000/there?dc=west")
    assert (found.data, found.store) == (HERE.data, "cassandra://db2:9000/there?dc=west")


def test_it_is_shown_without_the_password() -> None:
    assert shown(HERE) == "the keyspace here at db"
    assert shown(settings_at(HERE, "sqlite://data")) == "data"


@pytest.mark.parametrize("url", ["sqlite://", "mysql://db/x", "data"])
def test_anything_else_is_told(url: str) -> None:
    with pytest.raises(StartProblem):
        settings_at(HERE, url)
