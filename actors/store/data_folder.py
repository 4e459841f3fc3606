"""The data folder as a whole: made at the first start, opened at every other one.

DATA/master.key    the master key (0600), unless it is kept elsewhere
DATA/cluster.db    what all cells agree on, and the wrapped data keys
DATA/shard-NN.db   what is stored
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from actors.store import cluster_file, shards
from actors.store.cluster_file import ClusterFile
from actors.store.opening import KeyFileError, check_folder
from actors.store.seal import MasterKey, create_key_file, new_master_key, read_key_file

KEY_FILE = "master.key"


class DataFolder(NamedTuple):
    """An open data folder."""

    folder: Path
    cluster: ClusterFile
    master: MasterKey


def prepare(folder: Path, shard_count: int, now_ms: int, key_file: Path | None = None) -> bool:
    """Make the folder, its files and the key file where they are not there yet; True where they were made.

    `shard_count` counts for a new folder alone. A beginning that was cut off is finished. Raises `CannotOpen` and its kin.
    """
    check_folder(folder)
    if cluster_file.is_complete(folder):
        return False
    path = key_file or folder / KEY_FILE
    if path.exists():
        # Cut off between the key and the rest, or a key that was put there beforehand.
        master = read_key_file(path)
    else:
        master = new_master_key()
        create_key_file(path, master)
    cluster_file.create(folder, shard_count, master.key_id, now_ms)
    return True


def open_folder(folder: Path, key_file: Path | None = None) -> DataFolder:
    """Open a folder that was prepared. Raises `KeyFileError` where the key is not the one that sealed it, `CannotOpen` and its kin."""
    cluster = ClusterFile(folder)
    try:
        master = read_key_file(key_file or folder / KEY_FILE)
        if master.key_id != cluster.key_id:
            raise KeyFileError(f"The master key file {key_file or folder / KEY_FILE} is not the one that sealed this data.")
    except KeyFileError:
        cluster.close()
        raise
    return DataFolder(folder, cluster, master)


def check_stored(folder: Path) -> None:
    """Whether every file that should be there can be used by this version. Raises `CannotOpen` and its kin."""
    cluster = ClusterFile(folder)
    try:
        shards.check_files(folder, cluster.shards)
    finally:
        cluster.close()
