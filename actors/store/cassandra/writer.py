"""Group commits of one life, in the writer's thread: what may be stored is appended to the ledger, then kept until it is flushed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from itertools import groupby
from time import monotonic, perf_counter

from actors.store.batcher import Pending
from actors.store.cassandra.chain import Chain
from actors.store.cassandra.flusher import Flusher
from actors.store.cassandra.flushing import last_before
from actors.store.cassandra.records import COUNTER_BITS, Change, Part, encode, stamped
from actors.store.cassandra.steps import Ask, Port, Rows, Steps, run
from actors.store.cassandra.unflushed import Unflushed
from actors.store.rows import EntryRow, Gone
from actors.store.seal import Sealer
from actors.store.shards import shard_of
from actors.store.store import Conflict, OutcomeUnknown, Sealed, StoreError, StoreUnavailable

SETTLE_S = 6.0
"""How long an append of unknown outcome is repeated before those who wait are told so; it is repeated before the next one too."""
PAUSES_S = (0.02, 0.5)
"""First and longest pause between two repeats; each is doubled."""
ROOM_S = 5.0
FLUSH_S = 10.0
MAX_HEADS = 50_000
"""Rooms whose head is remembered."""
_FAULTY = (ValueError, TypeError, OverflowError)


class Writer:
    """Implements what `Batcher` asks of a writer. All methods belong to the writer's thread."""

    def __init__(
        self, chain: Chain, port: Port, sealer: Sealer, unflushed: Unflushed, flusher: Flusher, groups: int, epochs: dict[int, int]
    ) -> None:
        """`epochs`: of the groups that this life owns, of `groups` in all."""
        self._chain = chain
        self._port = port
        self._sealer = sealer
        self._unflushed = unflushed
        self._flusher = flusher
        self._groups = groups
        self._epochs = epochs
        self._where = f"ledger {chain.life}".encode()
        self._counter = 0
        self._doubtful: list[Change] = []
        """What the append in doubt holds."""
        self._heads: dict[str, int] = {}
        self._stop = threading.Event()
        self.rows: dict[int, int] = {}
        """Rows ever committed, by group."""
        self.last_commit_s = 0.0

    @property
    def in_doubt(self) -> bool:
        """Whether it is not known what was committed."""
        return self._chain.in_doubt

    def write(self, group: Sequence[Pending]) -> None:
        """Carry out these commits; sets `failure` on those that fail. Raises nothing that is expected."""
        try:
            self.settle()
            self._flusher.make_room(ROOM_S)
        except OutcomeUnknown as error:
            _fail(group, StoreUnavailable(str(error)))  # these were not even tried
            return
        except StoreError as error:
            _fail(group, error)
            return
        refused: set[int] = set()
        for forgets, part in groupby(group, lambda pending: pending.forgets):
            if forgets:
                for pending in part:
                    self._forget(pending, refused)
            else:
                self._write(list(part), refused)

    def _write(self, part: Sequence[Pending], refused: set[int]) -> None:
        try:
            self._look_up(part)
        except StoreError as error:
            _fail(part, error)
            return
        staged: dict[str, int] = {}
        self._append([pending for pending in part if self._admit(pending, staged, refused)], staged)

    def settle(self) -> None:
        """Find out what became of an append in doubt. Raises `OutcomeUnknown`, `Sealed`."""
        end = monotonic() + SETTLE_S
        pause = PAUSES_S[0]
        while self._chain.in_doubt:
            try:
                run(self._chain.settle(), self._port)
            except OutcomeUnknown:
                if monotonic() > end or self._stop.wait(pause):
                    raise
                pause = min(2 * pause, PAUSES_S[1])
            except Sealed:
                self._doubtful = []  # it never was, and never will be
                raise
        if self._doubtful:
            self._flusher.add(self._doubtful, self._chain.at)
            self._doubtful = []

    def forget_heads(self) -> None:
        """A group has come here: others have written in its rooms."""
        self._heads.clear()

    def next_stamp(self, slot: int) -> int:
        """A write timestamp above those of all that was ever written in a slot, which must be owned."""
        self._counter += 1
        return self._epochs[shard_of(slot, self._groups)] << COUNTER_BITS | (self._counter - 1)

    def stop_waiting(self) -> None:
        """From any thread: do not go on repeating."""
        self._stop.set()

    # --- which commits may be stored ---

    def _admit(self, pending: Pending, staged: dict[str, int], refused: set[int]) -> bool:
        if pending.slot in refused:
            pending.failure = StoreUnavailable("an earlier commit of this slot failed")
        elif pending.shard not in self._epochs:
            pending.failure = Sealed(f"life {self._chain.life} does not own group {pending.shard}")
        elif not self._stage(pending.entries, staged):
            refused.add(pending.slot)
            pending.failure = Conflict("an entry with this number is already there")
        else:
            return True
        return False

    def _stage(self, entries: Sequence[EntryRow], staged: dict[str, int]) -> bool:
        """Whether every entry lies above its room's head; then they are staged."""
        mine: dict[str, int] = {}
        for entry in entries:
            room = entry.room
            if entry.seq <= (mine.get(room) or staged.get(room) or self._heads[room]):
                return False
            mine[room] = entry.seq
        staged.update(mine)
        return True

    def _look_up(self, group: Sequence[Pending]) -> None:
        if len(self._heads) > MAX_HEADS:
            for room in list(self._heads)[: MAX_HEADS // 4]:  # oldest first; a busy one comes back by one look
                del self._heads[room]
        rooms = sorted({entry.room for pending in group for entry in pending.entries if entry.room not in self._heads})
        if rooms:
            self._heads.update(zip(rooms, self._stored_heads(rooms), strict=True))

    def _stored_heads(self, rooms: Sequence[str]) -> Iterable[int]:
        fresh = [self._unflushed.entries(room) for room in rooms]
        answers = run(_ask_heads(rooms), self._port)
        for entries, rows in zip(fresh, answers, strict=True):
            yield max(rows[0][1] if rows else 0, entries[-1].seq if entries else 0)

    # --- appending ---

    def _append(self, together: Sequence[Pending], staged: dict[str, int]) -> None:
        if not together:
            return
        start = perf_counter()
        try:
            changes = self._commit(together)
        except _FAULTY as error:
            self._one_by_one(together, error)
            return
        except StoreError as error:
            _fail(together, error)
            return
        self._heads.update(staged)
        self.last_commit_s = perf_counter() - start
        self._flusher.add(changes, self._chain.at)
        for pending in together:
            self.rows[pending.shard] = self.rows.get(pending.shard, 0) + len(pending.operations)

    def _commit(self, together: Sequence[Pending]) -> list[Change]:
        parts = [Part(pending.slot, self._epochs[pending.shard], pending.operations) for pending in together]
        base = self._counter
        data = encode(base, parts, self._sealer, self._where)
        changes = stamped(base, parts)
        self._counter = base + len(changes)
        self._doubtful = changes
        try:
            run(self._chain.append(data), self._port)
        except OutcomeUnknown:
            self._settle_mine()
        except StoreError:
            self._doubtful = []
            raise
        self._doubtful = []
        return changes

    def _settle_mine(self) -> None:
        """Settle the append under way, without handing its changes on: the caller does."""
        changes, self._doubtful = self._doubtful, []
        try:
            self.settle()
        except OutcomeUnknown:
            self._doubtful = changes
            # No head is known any more: some entries may be there.
            self._heads.clear()
            raise

    def _one_by_one(self, together: Sequence[Pending], error: Exception) -> None:
        if len(together) == 1:
            together[0].failure = error
            return
        refused: set[int] = set()
        for pending in together:
            staged: dict[str, int] = {}
            if self._admit(pending, staged, refused):
                self._append([pending], staged)
            if pending.failure is not None:
                refused.add(pending.slot)

    # --- entries that go ---

    def _forget(self, pending: Pending, refused: set[int]) -> None:
        """Alone: what was committed before must be in the tables, and it too before it settles."""
        rooms = {str(gone.key[0]) for gone in pending.operations if isinstance(gone, Gone) and gone.table == EntryRow.table}
        try:
            self._flusher.flush(FLUSH_S)
            self._look_up([pending])
            for gone in pending.operations:
                if isinstance(gone, Gone) and gone.table == EntryRow.table:
                    self._lower_head(gone)
            staged: dict[str, int] = {}
            if self._admit(pending, staged, refused):
                self._append([pending], staged)
                self._flusher.flush(FLUSH_S)
        except StoreError as error:
            pending.failure = OutcomeUnknown(str(error))
        for room in rooms:
            self._heads.pop(room, None)
        if pending.failure is not None:
            refused.add(pending.slot)

    def _lower_head(self, gone: Gone) -> None:
        room = str(gone.key[0])
        if len(gone.key) == 1:
            self._heads[room] = 0
        elif self._heads.get(room) == gone.key[1]:
            before = run(last_before(room, int(gone.key[1]), self._sealer), self._port)
            self._heads[room] = before.seq if before is not None else 0


def _ask_heads(rooms: Sequence[str]) -> Steps[list[Rows]]:
    return (yield [Ask("HEAD", (room,)) for room in rooms])


def _fail(group: Sequence[Pending], error: StoreError) -> None:
    for pending in group:
        if pending.failure is None:
            pending.failure = error
