"""The folders of a data folder that every machine has for itself: logs, and what runs there."""

from __future__ import annotations

from cluster.problems import StartProblem
from cluster.settings import Settings

INNER = ("log", "run")


def make_own_folder(settings: Settings) -> None:
    """Make the data folder of this machine, for this user alone, where there is none yet. Raises `StartProblem`."""
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for inner in INNER:
            (settings.data / inner).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StartProblem(f"The folder {settings.data} cannot be used: {error.strerror}.") from error
