"""Stores as commands name them: ``sqlite://FOLDER``, a data folder, or ``cassandra://...`` as in the settings."""

from __future__ import annotations

from pathlib import Path

from cluster.problems import StartProblem
from cluster.settings import Settings
from cluster.store_place import parse_place

SQLITE = "sqlite://"


def settings_at(settings: Settings, url: str) -> Settings:
    """The settings of a server on that store; without a URL, of this one. The master key of a Cassandra is where these settings say.
    Raises `StartProblem`."""
    if not url:
        return settings
    if url.startswith(SQLITE):
        folder = url.removeprefix(SQLITE)
        if not folder:
            raise StartProblem(f"{url!r} names no folder; write it like sqlite://data or sqlite:///srv/warbler.")
        return settings.model_copy(update={"data": Path(folder), "store": ""})
    try:
        parse_place(url)
    except ValueError as error:
        raise StartProblem(f"{error}; or sqlite://FOLDER for files.") from error
    return settings.model_copy(update={"store": url})


def shown(settings: Settings) -> str:
    """Which store it is, for people: without a password."""
    if not settings.store:
        return str(settings.data)
    place = parse_place(settings.store)
    return f"the keyspace {place.keyspace} at {', '.join(place.hosts)}"
