"""Opening SQLite files: pragmas in one place, and faults told as typed errors with one clear sentence."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from actors.store.store import StoreError, StoreUnavailable

SHARD_KIND = 0x57424C53
"""`application_id` of a shard file (``WBLS``)."""
CLUSTER_KIND = 0x57424C43
"""`application_id` of the cluster file (``WBLC``)."""


class CannotOpen(StoreError):
    """The stored data cannot be used; the text says why in one sentence."""


class NotWritable(CannotOpen):
    """Folder or file may not be written by this user."""


class DiskFull(CannotOpen):
    """No space is left."""


class NewerFormat(CannotOpen):
    """A newer version of Warbler wrote it."""


class Damaged(CannotOpen):
    """It is not what it should be: cut off, overwritten, missing or of another kind."""


class KeyFileError(CannotOpen):
    """The master key file is missing, damaged, open to others, or not the one that sealed this data."""


def connect(
    path: Path, *, create: bool = False, query_only: bool = False, cache_kib: int = 4096, busy_ms: int = 5000
) -> sqlite3.Connection:
    """A connection in autocommit mode that may wander between threads (one at a time). Raises `CannotOpen` and its kin."""
    if not create and not path.exists():
        raise Damaged(f"The file {path} is missing.")
    mode = "rwc" if create else "rw"
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, cached_statements=256
        )
    except sqlite3.Error as error:
        raise explain(error, path) from error
    try:
        _set_up(connection, query_only, cache_kib, busy_ms)
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from error
    return connection


def _set_up(connection: sqlite3.Connection, query_only: bool, cache_kib: int, busy_ms: int) -> None:
    run = connection.execute
    run(f"PRAGMA busy_timeout={busy_ms}")
    if not query_only:
        run("PRAGMA journal_mode=WAL").fetchone()
    # FULL: the log is synced before a commit returns. The two others matter on macOS alone, where fsync does not reach the disk.
    run("PRAGMA synchronous=FULL")
    run("PRAGMA fullfsync=ON")
    run("PRAGMA checkpoint_fullfsync=ON")
    run(f"PRAGMA cache_size={-cache_kib}")
    run("PRAGMA temp_store=MEMORY")
    if query_only:
        run("PRAGMA query_only=ON")
    run("SELECT count(*) FROM sqlite_master").fetchone()


def version_of(connection: sqlite3.Connection, path: Path, kind: int, newest: int) -> int:
    """The format version of a file, 0 where it is new and empty; above `newest` where this code may work with it all the same.
    Raises `NewerFormat` or `Damaged`."""
    try:
        found_kind = int(connection.execute("PRAGMA application_id").fetchone()[0])
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.Error as error:
        raise explain(error, path) from error
    if version == 0 and tables == 0:
        return 0
    if found_kind != kind:
        raise Damaged(f"The file {path} was not written by Warbler, or is damaged.")
    if version > newest and not (version == newest + 1 and _is_readable(connection, newest)):
        raise NewerFormat(f"The file {path} was written by a newer version of Warbler (format {version}, this one reads up to {newest}).")
    return version


FORMAT_STEP = (
    "CREATE TABLE format (one INTEGER PRIMARY KEY CHECK (one = 1), oldest INTEGER NOT NULL)",
    "INSERT INTO format VALUES (1, 1)",
)
"""A step of every kind of file: from here on it says itself which older versions of Warbler may go on working with it."""


def oldest_reader(version: int) -> str:
    """The last statement of a step after which only this version and newer ones may work with the file."""
    return f"UPDATE format SET oldest = {version:d}"  # noqa: S608


def _is_readable(connection: sqlite3.Connection, version: int) -> bool:
    """Whether a file of a newer format may be worked with by a version that knows this one: what was added is nothing to it."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'format'").fetchone():
        return False
    return bool(connection.execute("SELECT oldest <= ? FROM format", (version,)).fetchone()[0])


def check_folder(folder: Path) -> None:
    """Make the folder where it is missing; `NotWritable` where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise NotWritable(f"The folder {folder} cannot be made: {error.strerror}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NotWritable(f"The folder {folder} cannot be written by this user.")


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """The typed error that fits SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if code is not None else None
    if primary == sqlite3.SQLITE_FULL:
        return DiskFull(f"No space is left on the disk of {path}.")
    if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return NotWritable(f"The file {path} cannot be opened for writing by this user.")
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Damaged(f"The file {path} is damaged: {error}.")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreUnavailable(f"The file {path} is held by another process.")
    return StoreUnavailable(f"The file {path} cannot be used now: {error}.")
