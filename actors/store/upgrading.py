"""Brings every file of a data folder to this version's format, instead of leaving each to whoever first opens it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from actors.store import cluster_file
from actors.store.cluster_file import ClusterFile
from actors.store.migrations import STEPS, migrate
from actors.store.opening import CLUSTER_KIND, SHARD_KIND, CannotOpen, Damaged, connect, version_of
from actors.store.shards import all_files


class Upgraded(NamedTuple):
    """What became of one file."""

    file: str
    before: int
    after: int


def upgrade_folder(folder: Path) -> list[Upgraded]:
    """All files, the cluster file first. Safe to repeat, for several at once and while a server runs: steps only add what the version
    before does not miss. Raises `NewerFormat`, `CannotOpen` and its kin; nothing is changed where one of the files is of a newer format."""
    if not cluster_file.is_complete(folder):
        raise CannotOpen(f"There is no Warbler data in {folder}.")
    before = _version(folder / cluster_file.NAME, CLUSTER_KIND, cluster_file.STEPS)
    for path in sorted((*folder.glob("shard-*.db"), *folder.glob("seat-*.db"))):
        _version(path, SHARD_KIND, STEPS)
    with closing(ClusterFile(folder)) as cluster:
        shards = cluster.shards
    after = _version(folder / cluster_file.NAME, CLUSTER_KIND, cluster_file.STEPS)
    upgraded = [_upgrade(path) for path in all_files(folder, shards)]
    return [Upgraded(cluster_file.NAME, before, after), *(done for done in upgraded if done is not None)]


def _upgrade(path: Path) -> Upgraded | None:
    try:
        before = _version(path, SHARD_KIND, STEPS)
        with closing(connect(path)) as connection:
            taken = migrate(connection, path)
    except Damaged:
        if path.exists():
            raise
        return None  # a room has left its seat meanwhile: its rows are in a shard
    return Upgraded(path.name, before, before + taken)


def _version(path: Path, kind: int, steps: Sequence[Sequence[str]]) -> int:
    with closing(connect(path, query_only=True)) as connection:
        return version_of(connection, path, kind, len(steps))
