"""For a program outside of the server, such as a notebook: be a driver of the Ray of a data folder.

    from cluster.joining import join

    join("data")                     # before anything imports Ray
    from cluster.handles import get_actor

A task or an actor that runs in that Ray already needs none of this.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cluster import ray_instance
from cluster.commands.host import load_host
from cluster.problems import StartProblem
from cluster.settings import Settings

if TYPE_CHECKING:
    from cluster.ray_host import RayHost


def join(data: str | Path = "data") -> RayHost:
    """Join the Ray that `warbler up` started for this folder. Raises `StartProblem` where none runs, its token cannot be read
    (it is for the user alone who started the server), or Ray was imported before."""
    settings = Settings(data=Path(data))
    if ray_instance.running(settings) is None:
        raise StartProblem(f"No server is running on {settings.data}; start it with `warbler up`.")
    try:
        host = load_host(settings)
        host.connect()
    except RuntimeError as error:
        raise StartProblem(f"{error}; call `join` first.") from error
    return host
