"""Format versions of a shard file, and the steps from each to the next.

`STEPS[v]` brings a file from version v to v + 1. Steps are only ever added; a step that has been released never changes.

Two versions of Warbler work on the files of one server while it is upgraded, and the newer one migrates them when it first opens
them. So a step only adds what the version before does not miss and does not break: tables, indexes, columns with a default that
`INSERT OR REPLACE` may reset. What the version before could not live with takes two releases: the first one reads both forms, the
second writes the new one and ends its step with `opening.oldest_reader`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from actors.store.opening import FORMAT_STEP, SHARD_KIND, explain, version_of
from actors.store.schema import saga_schema, shard_schema

STEPS: tuple[Sequence[str], ...] = (shard_schema(), FORMAT_STEP, saga_schema())
FORMAT = len(STEPS)
"""The newest version that this code reads and writes."""


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Sequence[str]] = STEPS, kind: int = SHARD_KIND) -> int:
    """Bring a file to the newest format, each step in a transaction of its own; returns how many steps were taken.

    Raises `NewerFormat`, `Damaged`, `DiskFull`. Safe for several processes at once: each step checks the version under the lock.
    """
    taken = 0
    while version_of(connection, path, kind, len(steps)) < len(steps):
        try:
            taken += _step(connection, path, steps, kind)
        except sqlite3.Error as error:
            raise explain(error, path) from error
    return taken


def _step(connection: sqlite3.Connection, path: Path, steps: Sequence[Sequence[str]], kind: int) -> int:
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection, path, kind, len(steps))
        if version < len(steps):
            for statement in steps[version]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={kind}")
            connection.execute(f"PRAGMA user_version={version + 1}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return int(version < len(steps))
