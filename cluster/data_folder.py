"""The data folder of a server: made at the first start, opened by every cell. Failures become one sentence.

Beside what `actors.store.data_folder` names it holds:

    log/   one JSON log a cell, and the supervisor's
    run/   what the running instance left for other commands: `instance.json`, `ray.token`, `up.lock`
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from actors.runtime.plain import changed
from actors.store import data_folder
from actors.store.cluster_file import is_complete
from actors.store.cluster_record import ClusterRecord
from actors.store.copying import check_whole
from actors.store.opening import CannotOpen, DiskFull
from actors.store.seal import MasterKey, read_key_file
from actors.store.store import StoreError
from cluster.own_folder import make_own_folder
from cluster.plan_keeper import PlanKeeper
from cluster.problems import StartProblem
from cluster.ray_environment import read_url
from cluster.secrets_folder import read_secrets
from cluster.settings import Settings
from cluster.stores import key_path, open_record, prepare_cassandra

LINK_SECRET = "link_secret"
"""The stored setting with which cells prove to each other that they belong together."""
SHARD_BYTES = 256 * 1024
"""What an empty shard takes on the disk, with its log."""


class OpenFolder(NamedTuple):
    """An opened data folder. Close `cluster` after use."""

    path: Path
    cluster: ClusterRecord
    master: MasterKey
    link_secret: bytes


def prepare(settings: Settings) -> None:
    """Make the data folder where it is new, and check that this server can use it. Raises `StartProblem`."""
    if settings.secrets is not None:
        read_secrets(settings.secrets)
    try:
        make_own_folder(settings)
        if settings.store:
            prepare_cassandra(settings)
        else:
            _check_space(settings)
            data_folder.prepare(settings.data, settings.shard_count, int(time.time() * 1000), settings.master_key_file)
            data_folder.check_stored(settings.data)
        opened = _opened(settings)
    except StoreError as error:
        raise StartProblem(str(error)) from error
    except OSError as error:
        raise StartProblem(f"The folder {settings.data} cannot be used: {error.strerror}.") from error
    try:
        check_whole(opened.cluster)
        opened.cluster.keep_setting(LINK_SECRET, secrets.token_bytes(32))
        _check_cells(settings, opened.cluster.shards)
    except StoreError as error:
        raise StartProblem(str(error)) from error
    finally:
        opened.cluster.close()


def remember_cells(settings: Settings) -> None:
    """Write into the plan how many cells are wanted, where the settings say so: a start that does not say it has as many."""
    if "cells" not in settings.model_fields_set:
        return
    with closing(open_record(settings)) as cluster:
        PlanKeeper(cluster).change(partial(changed, cells=settings.cells))


def remembered_port(settings: Settings) -> Settings:
    """With the port at which this folder's server was last: clients know it, and a start that does not name one must not leave them
    behind. A proxy's port is none of ours."""
    port = "" if settings.public_url else read_url(settings)
    found = None if "port" in settings.model_fields_set or not port else urlsplit(port).port
    return settings if found is None else settings.model_copy(update={"port": found})


def open_folder(settings: Settings) -> OpenFolder:
    """Open a data folder that was prepared. Raises `CannotOpen` and its kin, `StartProblem` where secrets are missing."""
    if not settings.store and not is_complete(settings.data):
        raise CannotOpen(f"There is no Warbler data in {settings.data}.")
    secret = read_secrets(settings.secrets).link_secret if settings.secrets is not None else b""
    opened = _opened(settings)
    return opened._replace(link_secret=secret or opened.cluster.setting(LINK_SECRET) or b"")


def _opened(settings: Settings) -> OpenFolder:
    if settings.store:
        return OpenFolder(settings.data, open_record(settings), read_key_file(key_path(settings)), b"")
    opened = data_folder.open_folder(settings.data, settings.master_key_file)
    return OpenFolder(settings.data, opened.cluster, opened.master, b"")


def _check_space(settings: Settings) -> None:
    found = os.statvfs(settings.data)
    free = found.f_bavail * found.f_frsize
    if not is_complete(settings.data) and free < settings.shard_count * SHARD_BYTES:
        raise DiskFull(f"No space is left on the disk of {settings.data}: {free // 1024} KiB are free.")


def _check_cells(settings: Settings, shards: int) -> None:
    if settings.cells > shards:
        raise StartProblem(f"The data of {settings.data} was made with {shards} shards, so at most {shards} cells can share it.")
