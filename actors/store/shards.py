"""Shard files and who owns them: the owner's row is the fence.

    slot (0-4095) -> shard = slot * shards // 4096 -> shard-00.db, shard-01.db, ...

`seal_life` is what a taker calls first. When it returns, no commit of that life succeeds in any shard, and that life
can take no shard any more.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from actors.store.migrations import FORMAT, migrate
from actors.store.opening import SHARD_KIND, Damaged, check_folder, connect, explain, version_of
from actors.store.store import Sealed, StoreError

SLOTS = 4096
MAX_SHARDS = 256


class NotReleased(StoreError):
    """Another life owns the shard: it must release it, or be sealed first."""


def shard_of(slot: int, shards: int) -> int:
    """The shard that holds a slot; every slot above the hash buckets (a seat) is a shard of its own, behind the `shards`."""
    return slot * shards // SLOTS if slot < SLOTS else shards + slot - SLOTS


def slots_of(shard: int, shards: int) -> range:
    """The slots that a shard holds."""
    return range(-(-shard * SLOTS // shards), -(-(shard + 1) * SLOTS // shards))


def shard_path(folder: Path, shard: int) -> Path:
    """The file of a shard."""
    return folder / f"shard-{shard:02d}.db"


def all_files(folder: Path, shards: int) -> list[Path]:
    """Every file that has an owner: the shards, then the seats (`actors.store.seats`) that there are."""
    return [*(shard_path(folder, shard) for shard in range(shards)), *sorted(folder.glob("seat-*.db"))]


def create_shards(folder: Path, shards: int) -> None:
    """Make the files of all shards; those that are there stay. Raises `CannotOpen` and its kin."""
    if not 1 <= shards <= MAX_SHARDS:
        raise ValueError(f"shards must be 1 to {MAX_SHARDS}")
    check_folder(folder)
    for shard in range(shards):
        path = shard_path(folder, shard)
        connection = connect(path, create=True)
        try:
            migrate(connection, path)
        finally:
            connection.close()
        path.chmod(0o600)


def check_files(folder: Path, shards: int) -> None:
    """Whether every file is there, whole enough to be opened, and of a format that this version reads. Raises `CannotOpen` and its kin."""
    for path in all_files(folder, shards):
        connection = connect(path, query_only=True)
        try:
            version_of(connection, path, SHARD_KIND, FORMAT)
        finally:
            connection.close()


def take(connection: sqlite3.Connection, life: str) -> None:
    """Make `life` the owner. Raises `Sealed` where that life is sealed, `NotReleased` where another one owns the shard."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("SELECT 1 FROM sealed_lives WHERE life = ?", (life,)).fetchone():
            raise Sealed(f"life {life} is sealed")
        owner = connection.execute("SELECT life FROM owner").fetchone()[0]
        if owner not in ("", life):
            raise NotReleased(f"life {owner} owns the shard")
        connection.execute("UPDATE owner SET life = ?", (life,))
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def release(connection: sqlite3.Connection, life: str) -> None:
    """Nobody owns the shard any more, where `life` did."""
    connection.execute("UPDATE owner SET life = '' WHERE life = ?", (life,))


def seal_life(folder: Path, shards: int, life: str) -> None:
    """Seal a life in every shard, durably. Safe to repeat, from any process.

    The shards come first: a seat that gets its file meanwhile either knows of it from its shard, or is found here afterwards.
    """
    for path in (shard_path(folder, shard) for shard in range(shards)):
        _seal_in(path, life)
    for path in sorted(folder.glob("seat-*.db")):
        try:
            _seal_in(path, life)
        except Damaged:
            if path.exists():
                raise  # else its rows were brought back meanwhile: it is nobody's any more


def _seal_in(path: Path, life: str) -> None:
    connection = connect(path)
    try:
        _seal(connection, life)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    finally:
        connection.close()


def owner_of(folder: Path, shard: int) -> str:
    """The life that owns a shard; empty where none does."""
    path = shard_path(folder, shard)
    connection = connect(path, query_only=True)
    try:
        return str(connection.execute("SELECT life FROM owner").fetchone()[0])
    except sqlite3.Error as error:
        raise explain(error, path) from error
    finally:
        connection.close()


def _seal(connection: sqlite3.Connection, life: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("INSERT OR IGNORE INTO sealed_lives VALUES (?)", (life,))
        connection.execute("UPDATE owner SET life = '' WHERE life = ?", (life,))
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
