"""A `Store` in memory, for tests of actors on a hand-moved clock: commits settle at once, in the next turn, or when told.

`MemoryDisk` is what outlives a life: open a second `MemoryStore` on it and it finds what the first one committed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

import msgspec

from actors.runtime.promise import Promise, resolved
from actors.store.rows import (
    ActiveRow,
    CheckpointRow,
    CursorRow,
    DeviceRow,
    EntryRow,
    Gone,
    KeyRow,
    MarkRow,
    MemberRow,
    ReadRow,
    RoomRow,
    Row,
    SagaRow,
    UserMarkRow,
    UserRoomRow,
    UserRow,
)
from actors.store.store import Commit, Conflict, RoomState, Sealed, StoreError, StoreUnavailable, UserState

RowT = TypeVar("RowT", bound=Row)
Key = tuple[Any, ...]
Undo = list[tuple[str, Key, tuple[int, Row] | None]]
"""(table, key, what stood there), in the order of the changes."""


class MemoryDisk:
    """What all lives share: the rows, and which lives are sealed."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Any, dict[Key, tuple[int, Row]]]] = {}
        """table -> first key field -> whole key -> (slot, row)."""
        self.sealed: set[str] = set()

    def seal(self, life: str) -> None:
        """No commit of that life succeeds from now on."""
        self.sealed.add(life)

    def apply(self, change: Commit) -> Undo:
        """Apply all of a commit, or raise `Conflict` with nothing changed. Returns what `undo` takes."""
        undo: Undo = []
        try:
            for gone in change.gone:
                undo.extend((gone.table, key, self._set(gone.table, key, None)) for key in self._matching(gone))
            for row in change.puts:
                key = tuple(getattr(row, name) for name in row.key)
                if isinstance(row, EntryRow) and row.seq <= self._head(row.room):
                    raise Conflict(f"entry {key} is already there")
                before = self._set(row.table, key, (change.slot, row))
                undo.append((row.table, key, before))
        except Conflict:
            self.undo(undo)
            raise
        return undo

    def undo(self, changes: Undo) -> None:
        """What `apply` changed was never there."""
        for table, key, before in reversed(changes):
            self._set(table, key, before)
            self.tables[table][key[0]] = dict(sorted(self.tables[table][key[0]].items()))

    def copy(self) -> MemoryDisk:
        """Another disk with the same rows."""
        other = MemoryDisk()
        other.tables = {name: {first: dict(rows) for first, rows in table.items()} for name, table in self.tables.items()}
        other.sealed = set(self.sealed)
        return other

    def rows(self, kind: type[RowT], first: Any) -> list[RowT]:
        """All rows of a table under one first key field, in key order."""
        found = self.tables.get(kind.table, {}).get(first, {})
        return [cast(RowT, found[key][1]) for key in sorted(found)]

    def in_slots(self, kind: type[RowT], slots: Iterable[int]) -> list[RowT]:
        """All rows of a table that were committed under these slots, in key order."""
        wanted = set(slots)
        groups = self.tables.get(kind.table, {}).values()
        found = {key: row for group in groups for key, (slot, row) in group.items() if slot in wanted}
        return [cast(RowT, found[key]) for key in sorted(found)]

    def _head(self, room: str) -> int:
        # Entries only ascend, and a dict keeps the order of insertion.
        group = self.tables.get(EntryRow.table, {}).get(room)
        return next(reversed(group))[1] if group else 0

    def _matching(self, gone: Gone) -> list[Key]:
        group = self.tables.get(gone.table, {}).get(gone.key[0], {})
        return [key for key in group if key[: len(gone.key)] == gone.key]

    def _set(self, table: str, key: Key, value: tuple[int, Row] | None) -> tuple[int, Row] | None:
        group = self.tables.setdefault(table, {}).setdefault(key[0], {})
        before = group.pop(key, None)
        if value is not None:
            group[key] = value
        return before


class MemoryStore:
    """The store of one life. By default a commit settles inside the call; with `soon`, in the next turn.

    After `hold()`, commits wait for `settle()`. `fail_next(error)` makes the next commit that is carried out fail.
    """

    def __init__(self, disk: MemoryDisk | None = None, life: str = "life", soon: Callable[..., object] | None = None) -> None:
        self.disk = disk or MemoryDisk()
        self.life = life
        self.commits: list[Commit] = []
        """Every commit that was carried out, in order."""
        self.reads_made = 0
        self._soon = soon
        self._held = False
        self._scheduled = False
        self._queue: deque[tuple[Commit, Promise[None]]] = deque()
        self._failures: deque[tuple[StoreError, bool]] = deque()
        self._down: StoreError | None = None

    # --- what tests turn ---

    def hold(self) -> None:
        """Let commits wait until `settle`."""
        self._held = True

    def flow(self) -> None:
        """Stop holding: settle what waits, and settle by itself again."""
        self._held = False
        self.settle()

    def settle(self, count: int | None = None) -> int:
        """Carry out the first `count` waiting commits (all, where None) as one group, then settle their promises in order."""
        taken = [self._queue.popleft() for _ in range(len(self._queue) if count is None else min(count, len(self._queue)))]
        failed: set[int] = set()
        results = [(promise, self._carry_out(change, failed)) for change, promise in taken]
        self._fail_followers(failed)
        for promise, error in results:
            if error is None:
                promise.resolve(None)
            else:
                promise.reject(error)
        return len(taken)

    def waiting(self) -> list[Commit]:
        """The commits that wait for `settle`."""
        return [change for change, _ in self._queue]

    def fail_next(self, error: StoreError, *, applied: bool = False) -> None:
        """The next commit that is carried out is rejected with `error`; with `applied` its rows are there all the same."""
        self._failures.append((error, applied))

    def forget_failures(self) -> None:
        """What `fail_next` has prepared no longer happens."""
        self._failures.clear()

    def break_down(self, error: StoreError | None = None) -> None:
        """Until `mend`, every commit and read is rejected."""
        self._down = error or StoreUnavailable("the store is down")

    def mend(self) -> None:
        """Work again."""
        self._down = None

    def crash(self) -> None:
        """The process is gone: what waits is never carried out and never settled."""
        self._queue.clear()

    # --- the protocol ---

    def commit(self, change: Commit) -> Promise[None]:
        """See `Store.commit`."""
        promise: Promise[None] = Promise()
        self._queue.append((change, promise))
        if self._held:
            return promise
        if self._soon is None:
            self.settle()
        elif not self._scheduled:
            self._scheduled = True
            self._soon(self._turn)
        return promise

    def load_room(self, slot: int, room: str) -> Promise[RoomState | None]:
        """See `Store.load_room`."""
        rows = self.disk.rows(RoomRow, room)
        if not rows:
            return self._answer(None)
        checkpoints = self.disk.rows(CheckpointRow, room)
        checkpoint = checkpoints[0] if checkpoints else None
        behind = checkpoint.seq if checkpoint else 0
        tail = [msgspec.structs.replace(row, body="") for row in self.disk.rows(EntryRow, room) if row.seq > behind]
        state = RoomState(rows[0], self.disk.rows(MemberRow, room), self.disk.rows(MarkRow, room), checkpoint, tail)
        return self._answer(state)

    def load_user(self, slot: int, user: str) -> Promise[UserState | None]:
        """See `Store.load_user`."""
        rows = self.disk.rows(UserRow, user)
        if not rows:
            return self._answer(None)
        return self._answer(UserState(rows[0], self.disk.rows(DeviceRow, user), self.disk.rows(UserMarkRow, user)))

    def entries_after(self, slot: int, room: str, after: int, limit: int) -> Promise[list[EntryRow]]:
        """See `Store.entries_after`."""
        return self._answer([row for row in self.disk.rows(EntryRow, room) if row.seq > after][:limit])

    def entries_before(self, slot: int, room: str, before: int, limit: int) -> Promise[list[EntryRow]]:
        """See `Store.entries_before`."""
        rows = [row for row in self.disk.rows(EntryRow, room) if row.seq < before]
        return self._answer(rows[max(0, len(rows) - limit) :])

    def heads(self, rooms: Sequence[tuple[int, str]]) -> Promise[dict[str, tuple[int, int]]]:
        """See `Store.heads`."""
        found = ((room, self.disk.rows(EntryRow, room)) for _, room in rooms)
        return self._answer({room: (rows[-1].seq, rows[-1].at) for room, rows in found if rows})

    def member(self, slot: int, room: str, user: str) -> Promise[MemberRow | None]:
        """See `Store.member`."""
        return self._answer(next((row for row in self.disk.rows(MemberRow, room) if row.user == user), None))

    def post_key(self, slot: int, room: str, user: str, key: str) -> Promise[KeyRow | None]:
        """See `Store.post_key`."""
        rows = self.disk.rows(KeyRow, room)
        return self._answer(next((row for row in rows if row.user == user and row.post_key == key), None))

    def user_rooms(self, slot: int, user: str, rooms: Sequence[str]) -> Promise[list[UserRoomRow]]:
        """See `Store.user_rooms`."""
        return self._answer(list(_named(self.disk.rows(UserRoomRow, user), rooms)))

    def user_rooms_since(self, slot: int, user: str, version: int, limit: int) -> Promise[list[UserRoomRow]]:
        """See `Store.user_rooms_since`."""
        rows = [row for row in self.disk.rows(UserRoomRow, user) if row.version > version]
        return self._answer(sorted(rows, key=lambda row: (row.version, row.room))[:limit])

    def user_rooms_page(self, slot: int, user: str, after: str, limit: int) -> Promise[list[UserRoomRow]]:
        """See `Store.user_rooms_page`."""
        rows = self.disk.rows(UserRoomRow, user)
        return self._answer([row for row in rows if row.room > after and row.role != "none"][:limit])

    def reads(self, slot: int, user: str, rooms: Sequence[str]) -> Promise[list[ReadRow]]:
        """See `Store.reads`."""
        return self._answer(list(_named(self.disk.rows(ReadRow, user), rooms)))

    def cursors(self, slot: int, user: str, rooms: Sequence[str]) -> Promise[list[CursorRow]]:
        """See `Store.cursors`."""
        return self._answer(list(_named(self.disk.rows(CursorRow, user), rooms)))

    def untold(self, slots: Sequence[int]) -> Promise[list[MarkRow]]:
        """See `Store.untold`."""
        return self._answer([row for row in self.disk.in_slots(MarkRow, slots) if not row.told])

    def active(self, slots: Sequence[int]) -> Promise[list[str]]:
        """See `Store.active`."""
        wanted = set(slots)
        groups = self.disk.tables.get(ActiveRow.table, {}).values()
        rows = [cast(ActiveRow, row) for group in groups for _, row in group.values()]
        return self._answer(sorted(row.room for row in rows if row.slot in wanted))

    def load_saga(self, slot: int, saga: str) -> Promise[SagaRow | None]:
        """See `Store.load_saga`."""
        return self._answer(next(iter(self.disk.rows(SagaRow, saga)), None))

    def sagas(self, slots: Sequence[int]) -> Promise[list[str]]:
        """See `Store.sagas`."""
        return self._answer([row.saga for row in self.disk.in_slots(SagaRow, slots)])

    def forget_keys(self, before: int) -> Promise[int]:
        """See `Store.forget_keys`."""
        old = [
            (group, key)
            for group in self.disk.tables.get(KeyRow.table, {}).values()
            for key, (_, row) in group.items()
            if cast(KeyRow, row).at < before
        ]
        for group, key in old:
            del group[key]
        return self._answer(len(old))

    def info(self) -> dict[str, Any]:
        """See `Store.info`."""
        return {"commits": len(self.commits), "queued": len(self._queue), "reads": self.reads_made}

    # --- inside ---

    def _turn(self) -> None:
        self._scheduled = False
        if not self._held:
            self.settle()

    def _carry_out(self, change: Commit, failed: set[int]) -> StoreError | None:
        error = self._try(change, failed)
        if error is not None:
            failed.add(change.slot)
        return error

    def _try(self, change: Commit, failed: set[int]) -> StoreError | None:
        if self.life in self.disk.sealed:
            return Sealed(f"life {self.life} is sealed")
        if change.slot in failed:
            return StoreUnavailable("an earlier commit of this slot failed")
        if self._down is not None:
            return self._down
        error, applied = self._failures.popleft() if self._failures else (None, True)
        if not applied:
            return error
        try:
            self.disk.apply(change)
        except Conflict as conflict:
            return conflict
        self.commits.append(change)
        return error

    def _fail_followers(self, failed: set[int]) -> None:
        """Commits that wait behind a failed one of their slot fail too: they were made in ignorance of it."""
        if not failed or not self._queue:
            return
        behind = [item for item in self._queue if item[0].slot in failed]
        self._queue = deque(item for item in self._queue if item[0].slot not in failed)
        for _, promise in behind:
            promise.reject(StoreUnavailable("an earlier commit of this slot failed"))

    def _answer(self, value: Any) -> Promise[Any]:
        self.reads_made += 1
        promise: Promise[Any] = Promise()
        if self._down is not None:
            promise.reject(self._down)
        elif self._soon is None:
            return resolved(value)
        else:
            self._soon(promise.resolve, value)
        return promise


def _named(rows: Iterable[Any], rooms: Sequence[str]) -> Iterator[Any]:
    wanted = set(rooms)
    return (row for row in rows if row.room in wanted)
