"""Getting at Ray from a command: its environment first, then the import."""

from __future__ import annotations

import contextlib
import importlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import ray_environment, ray_instance
from cluster.problems import StartProblem
from cluster.settings import Settings

if TYPE_CHECKING:
    from cluster.ray_host import RayHost


def load_host(settings: Settings) -> RayHost:
    """The wrapper around Ray for this data folder; not yet connected."""
    settings = as_joined(settings)
    ray_environment.apply(settings)
    host: RayHost = importlib.import_module("cluster.ray_host").RayHost(settings)
    return host


def as_joined(settings: Settings) -> Settings:
    """With the address and the secrets that `up` was given, where it joined a Ray: other commands need not be told again."""
    instance = ray_environment.read_instance(settings)
    if instance is None or instance.session or settings.address:
        return settings
    return settings.model_copy(update={"address": instance.address, "secrets": Path(instance.folder)})


def new_request() -> str:
    """An id for something that is asked of the supervisor, and asked again where it died meanwhile: it is done once."""
    return secrets.token_hex(8)


@contextlib.contextmanager
def connected_host(settings: Settings) -> Iterator[RayHost]:
    """Connected to the running instance. Raises `StartProblem`."""
    instance = ray_instance.running(settings)
    if instance is None:
        raise StartProblem(f"No server is running on {settings.data}; start it with `warbler up`.")
    if not instance.session:
        ray_instance.check_head(instance)
    host = load_host(settings)
    host.connect()
    try:
        yield host
    finally:
        host.disconnect()
