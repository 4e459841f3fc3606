"""Brings the tables of a keyspace to this version, by numbered steps. How far it has come is written down in `settings`, after each step.

Safe to repeat, and when several run at once: whoever carries out a step holds a row, which the database itself takes away again where
the holder dies. Each statement of a step may be repeated, so a step that was cut off is carried out again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from time import monotonic, sleep
from typing import Any, NamedTuple, Protocol

from actors.store.cassandra.schema import STEPS
from actors.store.cassandra.steps import Rows
from actors.store.opening import NewerFormat
from actors.store.store import StoreUnavailable

FORMAT = "format"
"""The setting that is the number of steps that were taken."""
LOCK = "migrating"
LOCK_S = 90
"""How long the row stands by itself: longer than a statement may take."""
WAIT_S = 180.0
PAUSE_S = 0.5
_HOLD = f"INSERT INTO settings (name, value) VALUES (%s, %s) IF NOT EXISTS USING TTL {LOCK_S}"  # noqa: S608
_STILL_HOLD = f"UPDATE settings USING TTL {LOCK_S} SET value = %s WHERE name = %s IF value = %s"  # noqa: S608
SETTINGS = "CREATE TABLE IF NOT EXISTS settings (name text PRIMARY KEY, value blob)"


class Execute(Protocol):
    """Carries out a statement, and waits."""

    def __call__(self, statement: str, values: tuple[Any, ...] = (), /) -> Rows:
        """The rows."""


class Maker(Protocol):
    """Changes tables."""

    def run(self, statement: str) -> None:
        """Carry it out."""

    def known_everywhere(self) -> None:
        """Wait until all nodes know what was made."""


class Migrated(NamedTuple):
    """What became of it."""

    before: int
    after: int


def migrate_tables(
    execute: Execute,
    make: Maker,
    keyspace: str,
    steps: Sequence[Sequence[str]] = STEPS,
    pause: Callable[[float], object] = sleep,
) -> Migrated:
    """Take the steps that are missing; the table `settings` is there. Raises `NewerFormat`, `StoreUnavailable` where another one does not
    come to an end."""
    before = stored_format(execute)
    holder = secrets.token_bytes(12)
    end = monotonic() + WAIT_S
    while (now := stored_format(execute)) < len(steps):
        if _changed(execute, _HOLD, (LOCK, holder)):
            try:
                _take(execute, make, stored_format(execute), steps, holder)
            finally:
                _changed(execute, "DELETE FROM settings WHERE name = %s IF value = %s", (LOCK, holder))
        elif monotonic() > end:
            raise StoreUnavailable(f"Another process has been bringing the keyspace {keyspace} up to date for {WAIT_S:.0f} s now.")
        else:
            pause(PAUSE_S)
    if now > len(steps):
        raise NewerFormat(f"The keyspace {keyspace} was made by a newer version of Warbler (format {now}, this one knows {len(steps)}).")
    return Migrated(before, now)


def stored_format(execute: Execute) -> int:
    """How many steps were taken."""
    rows = execute("SELECT value FROM settings WHERE name = %s", (FORMAT,))
    return int(rows[0][0]) if rows else 0


def _take(execute: Execute, make: Maker, done: int, steps: Sequence[Sequence[str]], holder: bytes) -> None:
    for number, step in enumerate(steps[done:], start=done + 1):
        for statement in step:
            make.run(statement)
            # Whoever was frozen for so long that another one holds the row must not write down a step.
            if not _changed(execute, _STILL_HOLD, (holder, LOCK, holder)):
                raise StoreUnavailable("bringing the tables up to date took too long, and another process has taken it over")
        make.known_everywhere()
        now, before = str(number).encode(), str(number - 1).encode()
        if number == 1:
            _changed(execute, "INSERT INTO settings (name, value) VALUES (%s, %s) IF NOT EXISTS", (FORMAT, now))
        else:
            _changed(execute, "UPDATE settings SET value = %s WHERE name = %s IF value = %s", (now, FORMAT, before))


def _changed(execute: Execute, statement: str, values: tuple[Any, ...]) -> bool:
    return bool(execute(statement, values)[0][0])
