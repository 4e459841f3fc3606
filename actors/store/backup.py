"""Backup and restore of a data folder, while the server serves or not. Streams; memory stays bounded.

**The cut.** A room and its members live in different shards: the room commits "the user has this mark" only after the user's own
commit. Copies of two shards from different moments could hold the first and not the second, and then nobody would ever tell
that user. So all shards are cut at one moment: the write locks of all files are taken together, a snapshot of each is begun,
and the locks are let go - milliseconds in which commits wait, whatever the size of the data. The copies are then made from the
snapshots. The cluster file is copied last: a data key is stored there before anything is sealed with it, so the copy has every
key that the shards need. What is restored is what a crash of all cells at that moment would have left.

**The keys.** Shards hold sealed values and the cluster file wrapped keys. The master key is either written into the backup under
a passphrase (scrypt), or left apart: then the key file must be kept elsewhere, and the manifest says which one.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from actors.store import cluster_file
from actors.store.cluster_file import ClusterFile
from actors.store.durable import sync
from actors.store.migrations import FORMAT, STEPS, migrate
from actors.store.opening import Damaged, DiskFull, KeyFileError, NewerFormat, NotWritable, check_folder, connect, explain
from actors.store.seal import MasterKey, create_key_file, unwrap_with_passphrase, wrap_with_passphrase
from actors.store.shards import all_files
from actors.store.store import StoreError, StoreUnavailable

MANIFEST = "manifest.json"
WRAPPED_KEY = "master.key.wrapped"
KEY_FILE = "master.key"
BACKUP_FORMAT = 1
COPY_PAGES = 512
"""Pages between two calls of the progress callback: 2 MiB."""
CHUNK_BYTES = 1024 * 1024
CUT_BUSY_MS = 2_000
"""How long the cut waits for a commit that is under way; less than cells wait for the cut (`opening.connect`)."""
CUT_ATTEMPTS = 20
"""Cuts that are tried anew because a room got, or left, a file of its own just then."""

Progress = Callable[[str, int, int], None]
"""Called with (file, bytes done, bytes in all)."""


class NotEmpty(StoreError):
    """The target folder holds something; nothing is overwritten."""


class FileNote(msgspec.Struct, frozen=True):
    """One file of a backup."""

    name: str
    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds."""

    format: int
    """Of the backup itself."""
    store_format: int
    """Of the shard files."""
    made_at: int
    """Milliseconds since 1970."""
    shards: int
    key_id: str
    """Which master key opens it, as hexadecimal text."""
    keys: str
    """``passphrase``: the master key is here, wrapped; ``apart``: its file must be kept elsewhere."""
    files: list[FileNote]


def back_up(
    folder: Path, target: Path, *, now_ms: int, master: MasterKey, passphrase: str | None, progress: Progress | None = None
) -> Manifest:
    """Copy the data folder into the new or empty folder `target`. With a passphrase the wrapped master key goes along.

    The manifest is written last: a folder without one is no backup. Raises `NotEmpty`, `CannotOpen` and its kin, `StoreUnavailable`.
    """
    _check_empty(target)
    check_folder(target)
    tell = progress or _silent
    with _full_disk_told(target), closing(ClusterFile(folder)) as cluster:
        if cluster.key_id != master.key_id:
            raise KeyFileError("The master key file is not the one that sealed this data.")
        keys_before = set(cluster.key_ids())
        files = _copy_shards(folder, target, cluster.shards, tell)
        _copy(connect(folder / cluster_file.NAME, query_only=True), target / cluster_file.NAME, tell)
        if not keys_before <= set(cluster.key_ids()):
            raise StoreUnavailable("Old data keys were taken away meanwhile, and the copy may need them: make the backup again.")
        names = [*files, cluster_file.NAME]
        if passphrase is not None:
            (target / WRAPPED_KEY).write_bytes(wrap_with_passphrase(master, passphrase))
            names.append(WRAPPED_KEY)
        notes = [_note(target / name) for name in names]
        keys = "apart" if passphrase is None else "passphrase"
        manifest = Manifest(BACKUP_FORMAT, FORMAT, now_ms, cluster.shards, master.key_id.hex(), keys, notes)
        _write_durably(target / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    return manifest


def read_manifest(source: Path) -> Manifest:
    """The manifest of a backup. Raises `Damaged` where there is none, `NewerFormat`."""
    path = source / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise Damaged(f"The folder {source} holds no complete backup: {MANIFEST} is missing.") from error
    except msgspec.DecodeError as error:
        raise Damaged(f"The file {path} is damaged.") from error
    if manifest.format > BACKUP_FORMAT or manifest.store_format > FORMAT:
        raise NewerFormat(f"The backup in {source} was made by a newer version of Warbler.")
    return manifest


def verify(source: Path, progress: Progress | None = None) -> Manifest:
    """Read every byte of a backup and compare sizes and sums. Raises `Damaged`, `NewerFormat`."""
    manifest = read_manifest(source)
    for note in manifest.files:
        path = source / note.name
        # A name is a file in this folder and nothing else, whoever wrote the manifest.
        if path.parent != source or not path.is_file() or path.stat().st_size != note.size_bytes:
            raise Damaged(f"The file {path} of the backup is missing or has the wrong size.")
        if _sum(path, progress or _silent) != note.sha256:
            raise Damaged(f"The file {path} of the backup is damaged: its SHA-256 is another.")
    return manifest


def restore(
    source: Path, folder: Path, *, passphrase: str | None = None, key_file: Path | None = None, progress: Progress | None = None
) -> Manifest:
    """Verify a backup, then make the data folder `folder` of it (new or empty), key file included where a passphrase is given.

    `key_file` is where the key is to be written; by default ``master.key`` in `folder`. Raises `NotEmpty`, `Damaged`, `KeyFileError`
    (wrong passphrase, or none where one is needed), `NotWritable`, `DiskFull`. Nothing is written before all of the backup is verified.
    """
    _check_empty(folder)
    manifest = verify(source, progress)
    master = _master(source, manifest, passphrase)
    check_folder(folder)
    with _full_disk_told(folder):
        # The cluster file comes last: without it the folder is no data folder.
        for note in sorted(manifest.files, key=lambda note: note.name == cluster_file.NAME):
            if note.name != WRAPPED_KEY:
                _copy_file(source / note.name, folder / note.name)
        if master is not None:
            create_key_file(key_file or folder / KEY_FILE, master)
    return manifest


def _master(source: Path, manifest: Manifest, passphrase: str | None) -> MasterKey | None:
    if manifest.keys == "apart":
        return None
    if passphrase is None:
        raise KeyFileError("The master key of this backup is under a passphrase: give it.")
    master = unwrap_with_passphrase((source / WRAPPED_KEY).read_bytes(), passphrase)
    if master.key_id.hex() != manifest.key_id:
        raise Damaged("The wrapped master key does not belong to this backup.")
    return master


def _copy_shards(folder: Path, target: Path, shards: int, tell: Progress) -> list[str]:
    """Copy all shards and seats; returns the names of their files."""
    for _ in range(CUT_ATTEMPTS):
        paths = all_files(folder, shards)
        with ExitStack() as stack:
            try:
                snapshots = [stack.enter_context(closing(connect(path))) for path in paths]
                cut(paths, snapshots)
            except Damaged:
                if all(path.exists() for path in paths):
                    raise
                continue  # a room has left its seat meanwhile: its rows are in a shard again
            # Where a room has got a seat before the cut, its rows are in neither.
            if set(all_files(folder, shards)) <= set(paths):
                for path, snapshot in zip(paths, snapshots, strict=True):
                    _copy(snapshot, target / path.name, tell)
                return [path.name for path in paths]
    raise StoreUnavailable("rooms change their files all the time: try the backup again")


def cut(paths: Sequence[Path], snapshots: Sequence[sqlite3.Connection]) -> None:
    """Begin a read transaction on each shard's connection, all at one moment. Locks are taken in the order of the shards."""
    with ExitStack() as stack:
        for path, snapshot in zip(paths, snapshots, strict=True):
            lock = stack.enter_context(closing(connect(path, busy_ms=CUT_BUSY_MS)))
            try:
                lock.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise explain(error, path) from error
            # Nobody commits to this shard from here until the last one has its snapshot too.
            snapshot.execute("BEGIN")
            snapshot.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _copy(source: sqlite3.Connection, path: Path, tell: Progress) -> None:
    size = int(source.execute("PRAGMA page_size").fetchone()[0])
    with closing(sqlite3.connect(path)) as copy:
        try:
            source.backup(
                copy, pages=COPY_PAGES, sleep=0, progress=lambda _, left, total: tell(path.name, (total - left) * size, total * size)
            )
            # A plain file: no log beside it that would have to come along.
            copy.execute("PRAGMA journal_mode=DELETE").fetchone()
        except sqlite3.Error as error:
            raise explain(error, path) from error
    path.chmod(0o600)
    sync(path)


def _copy_file(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)
    sync(target)
    if target.name.startswith(("shard-", "seat-")):
        with closing(connect(target)) as connection:
            migrate(connection, target, STEPS)


def _note(path: Path) -> FileNote:
    return FileNote(path.name, path.stat().st_size, _sum(path, _silent))


def _sum(path: Path, tell: Progress) -> str:
    total = path.stat().st_size
    sha, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            sha.update(chunk)
            done += len(chunk)
            tell(path.name, done, total)
    return sha.hexdigest()


def _check_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NotEmpty(f"The folder {folder} is not empty; nothing is overwritten.")


def _write_durably(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    sync(path)
    sync(path.parent)


@contextmanager
def _full_disk_told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == 28:
            raise DiskFull(f"No space is left on the disk of {folder}.") from error
        raise NotWritable(f"The folder {folder} cannot be written: {error.strerror}.") from error


def _silent(*_: Any) -> None:
    return None
