"""The writer of one shard file: carries out the commits of a group in one transaction, in the writer's thread.

Most groups hold nothing but entries: they are one statement that checks the owner, appends the ledger row and commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from actors.store import shards
from actors.store.batcher import Pending
from actors.store.chunks import HEAD, forget_entry, insert
from actors.store.ledger import APPEND, Ledger
from actors.store.migrations import migrate
from actors.store.opening import connect, explain
from actors.store.resealing import Place, ledger_holds_any, reseal_piece
from actors.store.rows import EntryRow
from actors.store.schema import Values
from actors.store.seal import Sealer
from actors.store.seat_moves import SeatMoves
from actors.store.seats import FOLD_ENTRIES, check_owner
from actors.store.store import Conflict, OutcomeUnknown, Sealed, StoreError, StoreUnavailable

T = TypeVar("T")
CACHE_KIB = 8192
PAGE_BYTES = 4096
_SETTLE = "UPDATE owner SET settled = settled + 1 WHERE life = ?"
_NOT_DONE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

# What a value of a wrong type or size raises: the fault of one commit, found out by carrying them out one by one.
_FAULTY = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    ValueError,
    OverflowError,
    TypeError,
)


class ShardWriter:
    """One shard file, open for one life. All methods but `ledger.rows` belong to the writer's thread."""

    def __init__(self, path: Path, life: str, sealer: Sealer) -> None:
        """Open the file, make `life` its owner and read what the ledger holds; `sealer` belongs to this thread.

        Raises `Sealed`, `NotReleased`, `CannotOpen`.
        """
        self.path = path
        self.life = life
        self.ledger = Ledger(sealer)
        self._sealer = sealer
        self.pages = 0
        """Pages written to the log since `pages` was last set to 0, roughly."""
        self.rows = 0
        self.last_commit_s = 0.0
        """How long the last transaction took, the sync included."""
        # After a commit of unknown outcome: write something over it before anything else is said.
        self._unsettled = False
        self._connection = connect(path, cache_kib=CACHE_KIB)
        self.seats = SeatMoves(self, sealer)
        """Rooms that get, or leave, a file of their own."""
        try:
            self._connection.execute("PRAGMA wal_autocheckpoint=0")
            migrate(self._connection, path)
            shards.take(self._connection, life)
            self.ledger.load(self._connection)
        except sqlite3.Error as error:
            self._connection.close()
            raise explain(error, path) from error
        except StoreError:
            self._connection.close()
            raise

    def write(self, part: Sequence[Pending]) -> None:
        """Carry out these commits; sets `error` on those that fail. Raises nothing that is expected."""
        try:
            if self._unsettled:
                self._settle()
        except OutcomeUnknown as error:
            # These commits were not even tried.
            self._roll_back()
            self._fail(part, StoreUnavailable(str(error)))
            return
        except (sqlite3.Error, StoreError) as error:
            self._fail_all(part, error)
            return
        try:
            self._write(part)
        except _FAULTY as error:
            self._roll_back()
            self._one_by_one(part, error)
        except (sqlite3.Error, StoreError) as error:
            self._fail_all(part, error)

    def checkpoint(self) -> None:
        """Copy what the log holds into the file, as far as readers allow, so that the log starts anew."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def release(self) -> None:
        """Nobody owns the shard any more; close it. The next owner reads the ledger: folding it here would keep that one waiting."""
        try:
            shards.release(self._connection, self.life)
        except sqlite3.Error as error:
            raise explain(error, self.path) from error
        finally:
            self.close()

    def close(self) -> None:
        """Close the file; the owner's row stays."""
        self.seats.forget()
        self._connection.close()

    def forget_keys(self, before: int) -> int:
        """Take away `KeyRow`s older than `before` (milliseconds); returns how many."""
        run = self._connection.execute
        try:
            run("BEGIN IMMEDIATE")
            self._check_owner()
            count = run("DELETE FROM post_keys WHERE at < ?", (before,)).rowcount
            run("COMMIT")
        except sqlite3.Error as error:
            raise StoreUnavailable(str(explain(error, self.path))) from error
        finally:
            self._roll_back()
        self.pages += count // 8 + 1
        return count

    @property
    def connection(self) -> sqlite3.Connection:
        """For reading what is committed, in the writer's thread."""
        return self._connection

    def fold(self, count: int, least: int) -> bool:
        """Fold so many entries of the ledger in a transaction of their own; False where fewer than `least` wait. Raises `StoreError`."""
        if not self.ledger.owe(count, least):
            return False
        try:
            self._transact((), [], {})
        except sqlite3.Error as error:
            raise explain(error, self.path) from error
        finally:
            self._roll_back()
        return True

    def reseal(self, old: frozenset[int], after: Place) -> tuple[Place | None, int]:
        """One bounded step: rows behind this place that are sealed with one of these keys are sealed anew; the next place, None where there
        is none, and how many rows there were. What the ledger holds under such keys is folded first. Raises `StoreError`."""
        if ledger_holds_any(self._connection, old) and self.fold(FOLD_ENTRIES, least=1):
            return after, 0
        return self.alone(lambda connection: reseal_piece(connection, old, after, self._sealer))

    def alone(self, work: Callable[[sqlite3.Connection], T], *, folds_all: bool = False) -> T:
        """One transaction that writes past the ledger, which is folded before where that is asked for. Raises `StoreError`, `NotReleased`
        where the shard is not this life's any more."""
        try:
            if self._unsettled:
                self._settle()
            self._connection.execute("BEGIN IMMEDIATE")
            check_owner(self._connection, self.life)
            if folds_all:
                self.ledger.fold_all(self._connection)
            done = work(self._connection)
            self._commit()
        except sqlite3.Error as error:
            raise explain(error, self.path) from error
        except OSError as error:
            raise StoreUnavailable(f"{self.path.name}: {error}") from error
        finally:
            self._roll_back()
        if folds_all:
            self.ledger.clear()
        self.pages += 64
        return done

    def _write(self, part: Sequence[Pending]) -> None:
        staged: dict[str, int] = {}
        refused: set[int] = set()
        entries: list[EntryRow] = []
        accepted: list[Pending] = []
        for pending in part:
            if pending.slot in refused:
                pending.failure = StoreUnavailable("an earlier commit of this slot failed")
            elif pending.forgets or not pending.entries or self.ledger.admit(self._connection, pending.entries, staged):
                entries.extend(pending.entries)
                accepted.append(pending)
            else:
                refused.add(pending.slot)
                pending.failure = Conflict("an entry with this number is already there")
        if any(pending.forgets for pending in accepted):
            self._write_forgetting(accepted)
        elif accepted:
            self._transact(accepted, entries, staged)

    def _transact(self, accepted: Sequence[Pending], entries: list[EntryRow], staged: dict[str, int]) -> None:
        runs = _runs(accepted)
        folds = self.ledger.due()
        blob = self.ledger.blob(entries) if entries else b""
        start = perf_counter()
        key = 0
        # One statement alone is its own transaction.
        alone = bool(entries) and not runs and not folds
        if not alone:
            self._connection.execute("BEGIN IMMEDIATE")
        if entries:
            key = self._append(blob, alone)
        else:
            self._check_owner()
        for statement, rows in runs:
            self._connection.executemany(statement, rows)
        if folds:
            self.ledger.fold(self._connection)
        if not alone:
            self._commit()
        self.last_commit_s = perf_counter() - start
        if folds:
            self.ledger.folded()
        if entries:
            self.ledger.committed(entries, staged, len(blob), key)
        self.seats.written(accepted)
        self._count(len(blob), len(entries), sum(len(rows) for _, rows in runs), folds)

    def _append(self, blob: bytes, alone: bool) -> int:
        try:
            cursor = self._connection.execute(APPEND, (blob, self.life))
        except sqlite3.Error as error:
            if alone:
                self._doubt(error)
            raise
        if cursor.rowcount != 1:
            raise self._sealed()
        return cursor.lastrowid or 0

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._doubt(error)
            raise

    def _doubt(self, error: sqlite3.Error) -> None:
        """Raise `OutcomeUnknown` for an error of the commit itself, unless it says that nothing was done."""
        if error.sqlite_errorcode & 0xFF in _NOT_DONE:
            return
        self._unsettled = True
        raise OutcomeUnknown(str(explain(error, self.path))) from error

    def _settle(self) -> None:
        # A commit whose sync failed may lie in the log, unseen, and come alive when the log is recovered. The next commit
        # is written over it, and takes over what the file then holds: only now is it known what was done.
        self._roll_back()
        self._connection.execute("BEGIN IMMEDIATE")
        if self._connection.execute(_SETTLE, (self.life,)).rowcount != 1:
            raise self._sealed()
        self._commit()
        self.ledger.clear()
        self.ledger.load(self._connection)
        self.seats.forget()
        self._unsettled = False

    def _write_forgetting(self, accepted: Sequence[Pending]) -> None:
        """Entries are taken away: fold first, so that all of them are in the table; then one commit after the other."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._check_owner()
        self.ledger.fold_all(self._connection)
        for pending in accepted:
            for table, statement, values in pending.operations:
                if table == EntryRow.table and len(values) == len(EntryRow.key):
                    room, seq = values
                    forget_entry(self._connection, room, seq, self._sealer)
                else:
                    self._connection.execute(statement, values)
            for entry in pending.entries:
                if entry.seq <= (self._connection.execute(HEAD, (entry.room,)).fetchone()[0] or 0):
                    raise sqlite3.IntegrityError("an entry with this number is already there")
                insert(self._connection, ((entry,),), self._sealer)
        self._commit()
        self.ledger.clear()
        self.seats.written(accepted)

    def _one_by_one(self, part: Sequence[Pending], error: Exception) -> None:
        if len(part) == 1:
            part[0].failure = Conflict(str(error)) if isinstance(error, sqlite3.IntegrityError) and part[0].forgets else error
            return
        refused: set[int] = set()
        for pending in part:
            pending.failure = None
            if pending.slot in refused:
                pending.failure = StoreUnavailable("an earlier commit of this slot failed")
            else:
                self.write([pending])
            if pending.failure is not None:
                refused.add(pending.slot)

    def _check_owner(self) -> None:
        if self._connection.execute("SELECT life FROM owner").fetchone()[0] != self.life:
            raise self._sealed()

    def _sealed(self) -> Sealed:
        return Sealed(f"life {self.life} does not own {self.path.name} any more")

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _fail_all(self, part: Sequence[Pending], error: sqlite3.Error | StoreError) -> None:
        self._roll_back()
        self._fail(part, error if isinstance(error, StoreError) else StoreUnavailable(str(explain(error, self.path))))

    def _fail(self, part: Sequence[Pending], error: StoreError) -> None:
        for pending in part:
            if pending.failure is None:
                pending.failure = error

    def _count(self, blob_bytes: int, entries: int, others: int, folds: bool) -> None:
        self.rows += entries + others
        self.pages += 2 + blob_bytes // PAGE_BYTES + 2 * others + (64 if folds else 0)


def _runs(accepted: Sequence[Pending]) -> list[tuple[str, list[Values]]]:
    """Statements with all their rows: one a table where it may be, in the order of the commits within each table.

    Tables know nothing of each other, so only the order within a table matters.
    """
    tables: dict[str, list[tuple[str, list[Values]]]] = {}
    for pending in accepted:
        for table, statement, values in pending.operations:
            runs = tables.setdefault(table, [])
            if runs and runs[-1][0] == statement:
                runs[-1][1].append(values)
            else:
                runs.append((statement, [values]))
    return [run for runs in tables.values() for run in runs]
