"""`cluster.db`: what all cells of one machine agree on, in a small file of its own. Plain calls, at control-plane rates.

Every change is one short immediate transaction, durable when the call returns, safe for several processes at once.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actors.store.migrations import migrate
from actors.store.opening import CLUSTER_KIND, FORMAT_STEP, Damaged, check_folder, connect, explain, version_of
from actors.store.shards import create_shards, seal_life

NAME = "cluster.db"
PLAN = "plan"
"""The row among the settings that is the supervisor's plan: a version, then data. Not a table of its own, so that the version of
Warbler before goes on with the file and simply does not look there."""
VERSION_BYTES = 8

STEPS = (
    (
        "CREATE TABLE cluster (one INTEGER PRIMARY KEY CHECK (one = 1), shards INTEGER NOT NULL, key_id BLOB NOT NULL, created_at INTEGER NOT NULL)",
        "CREATE TABLE view (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, data BLOB NOT NULL)",
        "INSERT INTO view VALUES (1, 0, x'')",
        "CREATE TABLE lives (life TEXT PRIMARY KEY, sealed INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE TABLE lease (one INTEGER PRIMARY KEY CHECK (one = 1), holder TEXT NOT NULL, ends_at REAL NOT NULL)",
        "CREATE TABLE data_keys (id INTEGER PRIMARY KEY AUTOINCREMENT, wrapped BLOB NOT NULL)",
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    ),
    FORMAT_STEP,
)


class ClusterFile:
    """An open cluster file. Any thread may call; calls wait for each other. Raises `CannotOpen` and its kin, `StoreUnavailable`.

    Implements `ClusterRecord`.
    """

    drains = False

    def __init__(self, folder: Path) -> None:
        """Open the cluster file of a data folder that `create` has made."""
        self.path = folder / NAME
        self._lock = threading.Lock()
        self._connection = connect(self.path, cache_kib=512)
        try:
            migrate(self._connection, self.path, STEPS, CLUSTER_KIND)
            row = self._one("SELECT shards, key_id, created_at FROM cluster")
            if row is None:
                raise Damaged(f"The file {self.path} is not complete.")
        except BaseException:
            self._connection.close()
            raise
        self.shards: int = row[0]
        """Number of shard files, fixed at creation."""
        self.key_id: bytes = row[1]
        """Which master key belongs to this data."""
        self.created_at: int = row[2]
        """Milliseconds since 1970."""
        found = self.path.stat()
        self.place = f"{found.st_dev}:{found.st_ino}"

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    # --- the view ---

    def view(self) -> tuple[int, bytes]:
        """(version, data) of the stored view; version 0 and no data where none was ever stored."""
        version, data = self._one("SELECT version, data FROM view")
        return version, data

    def change_view(self, expected: int, data: bytes) -> bool:
        """Store `data` as version `expected` + 1, if `expected` is still the stored version. False where it is not."""
        return self._change("UPDATE view SET version = version + 1, data = ? WHERE version = ?", data, expected) == 1

    # --- lives ---

    def add_life(self, life: str) -> bool:
        """Write a new life down. False where that id was used before."""
        return self._change("INSERT OR IGNORE INTO lives VALUES (?, 0)", life) == 1

    def mark_sealed(self, life: str) -> None:
        """Note that a life is sealed, also one that is not written down. The fence itself is `shards.seal_life`: call that too."""
        self._change("INSERT OR REPLACE INTO lives VALUES (?, 1)", life)

    def seal_life(self, life: str) -> None:
        """See `ClusterRecord`."""
        seal_life(self.path.parent, self.shards, life)
        self.mark_sealed(life)

    def drain(self, life: str) -> None:
        """See `ClusterRecord`: whoever opens a shard file finds everything in it."""

    def is_sealed(self, life: str) -> bool:
        """Whether it is noted as sealed."""
        row = self._one("SELECT sealed FROM lives WHERE life = ?", life)
        return row is not None and row[0] != 0

    def lives(self) -> dict[str, bool]:
        """Every life ever written down, and whether it is sealed."""
        return {life: sealed != 0 for life, sealed in self._all("SELECT life, sealed FROM lives")}

    def unsealed(self) -> list[str]:
        """The lives that are not sealed."""
        return [life for (life,) in self._all("SELECT life FROM lives WHERE sealed = 0")]

    # --- the supervisor's plan ---

    def plan(self) -> tuple[int, bytes]:
        """(version, data) of the stored plan; version 0 and no data where none was ever stored."""
        return versioned(self.setting(PLAN))

    def change_plan(self, expected: int, data: bytes) -> bool:
        """Store `data` as version `expected` + 1, if `expected` is still the stored version. False where it is not."""
        with self._transaction() as run:
            row = run("SELECT value FROM settings WHERE name = ?", (PLAN,)).fetchone()
            if versioned(row[0] if row else None)[0] != expected:
                return False
            run("INSERT OR REPLACE INTO settings VALUES (?, ?)", (PLAN, (expected + 1).to_bytes(VERSION_BYTES, "big") + data))
            return True

    # --- the coordinator's lease ---

    def lease(self) -> tuple[str, int]:
        """Who has the duty (nobody: an empty text), and a count that grows with every change."""
        row = self._one("SELECT holder, ends_at FROM lease")
        return (row[0], int(row[1])) if row else ("", 0)

    def change_lease(self, before: tuple[str, int], after: tuple[str, int]) -> bool:
        """Compare and set: store `after` where `before` is stored. False where something else is."""
        # The column of the count is called `ends_at`: the first format meant to keep a time there, and no version has used it.
        with self._transaction() as run:
            run("INSERT OR IGNORE INTO lease VALUES (1, '', 0)")
            changed = run("UPDATE lease SET holder = ?, ends_at = ? WHERE holder = ? AND ends_at = ?", (*after, *before))
            return int(changed.rowcount) == 1

    def look(self, known: int) -> tuple[int, bytes | None, str, int]:
        """(version of the view, the view where it is newer than `known`, holder of the lease, its count), at one moment."""
        row = self._one(
            "SELECT version, CASE WHEN version > ? THEN data END, holder, ends_at FROM view LEFT JOIN lease ON lease.one = view.one", known
        )
        version, data, holder, count = row
        return version, data, holder or "", int(count or 0)

    # --- data keys ---

    def add_key(self, wrapped: bytes) -> int:
        """Keep a wrapped data key; returns its id, never used before."""
        with self._transaction() as run:
            return int(run("INSERT INTO data_keys (wrapped) VALUES (?)", (wrapped,)).lastrowid or 0)

    def wrapped_key(self, key_id: int) -> bytes | None:
        """The wrapped data key of that id."""
        row = self._one("SELECT wrapped FROM data_keys WHERE id = ?", key_id)
        return row[0] if row else None

    def key_ids(self) -> list[int]:
        """The ids of all data keys."""
        return [number for (number,) in self._all("SELECT id FROM data_keys ORDER BY id")]

    def remove_keys(self, numbers: Collection[int]) -> None:
        """See `ClusterRecord`."""
        with self._transaction() as run:
            for number in numbers:
                run("DELETE FROM data_keys WHERE id = ?", (number,))

    def rewrap_keys(self, key_id: bytes, wrap: Any) -> int:
        """Replace every wrapped key by `wrap(wrapped)` and note the new master key's id, all in one step; returns how many."""
        with self._transaction() as run:
            keys = run("SELECT id, wrapped FROM data_keys").fetchall()
            for number, wrapped in keys:
                run("UPDATE data_keys SET wrapped = ? WHERE id = ?", (wrap(wrapped), number))
            run("UPDATE cluster SET key_id = ?", (key_id,))
        self.key_id = key_id
        return len(keys)

    # --- small settings that must outlive processes (secrets, ids) ---

    def setting(self, name: str) -> bytes | None:
        """A stored setting."""
        row = self._one("SELECT value FROM settings WHERE name = ?", name)
        return row[0] if row else None

    def keep_setting(self, name: str, value: bytes) -> bytes:
        """Store a setting where there is none of that name; returns what is stored then: the first one wins."""
        with self._transaction() as run:
            run("INSERT OR IGNORE INTO settings VALUES (?, ?)", (name, value))
            return bytes(run("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()[0])

    def change_setting(self, name: str, before: bytes | None, after: bytes) -> bool:
        """Compare and set: store `after` where `before` is stored (None: nothing). False where something else is."""
        if before is None:
            return self._change("INSERT OR IGNORE INTO settings VALUES (?, ?)", name, after) == 1
        return self._change("UPDATE settings SET value = ? WHERE name = ? AND value = ?", after, name, before) == 1

    # --- inside ---

    def _one(self, statement: str, *parameters: Any) -> Any:
        with self._guard():
            return self._connection.execute(statement, parameters).fetchone()

    def _all(self, statement: str, *parameters: Any) -> list[Any]:
        with self._guard():
            return self._connection.execute(statement, parameters).fetchall()

    def _change(self, statement: str, *parameters: Any) -> int:
        with self._transaction() as run:
            return int(run(statement, parameters).rowcount)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise explain(error, self.path) from error

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._guard():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.execute
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def versioned(value: bytes | None) -> tuple[int, bytes]:
    """(version, data) of such a row; version 0 where there is none."""
    return (int.from_bytes(value[:VERSION_BYTES], "big"), bytes(value[VERSION_BYTES:])) if value else (0, b"")


def is_complete(folder: Path) -> bool:
    """Whether a data folder has been made here, to the end. Raises `CannotOpen` and its kin for a file that is no cluster file."""
    path = folder / NAME
    if not path.exists():
        return False
    connection = connect(path)
    try:
        if version_of(connection, path, CLUSTER_KIND, len(STEPS)) == 0:
            return False
        return connection.execute("SELECT 1 FROM cluster").fetchone() is not None
    except sqlite3.Error as error:
        raise explain(error, path) from error
    finally:
        connection.close()


def create(folder: Path, shards: int, key_id: bytes, now_ms: int) -> None:
    """Make a data folder: shard files first, the cluster file's row last, so that a folder that was cut off is finished by a repeat."""
    check_folder(folder)
    create_shards(folder, shards)
    path = folder / NAME
    connection = connect(path, create=True)
    try:
        migrate(connection, path, STEPS, CLUSTER_KIND)
        connection.execute("INSERT OR IGNORE INTO cluster VALUES (1, ?, ?, ?)", (shards, key_id, now_ms))
    except sqlite3.Error as error:
        raise explain(error, path) from error
    finally:
        connection.close()
    path.chmod(0o600)
