"""Whether a keyspace is what it should be, down to the last row. Reads only, while cells serve or not.

What was committed and is not in the tables yet is read from the ledgers first and laid over what the tables say. There is no moment at
which everything could be read at once: what looks wrong while cells go on is looked at again, and told if it still is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from time import sleep

from actors.runtime.ring import MAX_SEATS
from actors.runtime.view import View, ViewError
from actors.store.cassandra.chain import Position
from actors.store.cassandra.cluster_rows import ClusterRows
from actors.store.cassandra.flusher import MOST_BYTES
from actors.store.cassandra.migrating import FORMAT
from actors.store.cassandra.reads import Reads
from actors.store.cassandra.records import Change, decode, owner_of
from actors.store.cassandra.scan import rooms, users
from actors.store.cassandra.schema import DRAINED, ENDED, KNOWN, OPEN, ROLLED, SEALED, STEPS
from actors.store.cassandra.steps import Ask, Rows, Steps, run
from actors.store.cassandra.unflushed import Unflushed
from actors.store.findings import Findings, RoomAudit, user_faults
from actors.store.opening import CannotOpen
from actors.store.seal import MasterKey, Sealer
from actors.store.shard_file import FAULTS
from actors.store.shards import SLOTS

MOST_UNFLUSHED_BYTES = 3 * MOST_BYTES
"""Of one life: two generations, and what a ledger's row weighs more than the changes in it."""
PAGE = 2048
LEDGER_PAGE = 64
MOST_ROOMS_OF_A_USER = 1_000_000
TRIES, PAUSE_S = 4, 1.0
Tell = Callable[[str, int, int], None]
"""(what is looked at, done, in all; 0: that is not known)."""


def check_keyspace(record: ClusterRows, master: MasterKey, tell: Tell, pause: Callable[[float], object] = sleep) -> Findings:
    """Everything; what is wrong is in the findings. Raises `StoreError` where the database does not answer."""
    return _Check(record, master, tell, pause).run()


class _Check:
    def __init__(self, record: ClusterRows, master: MasterKey, tell: Tell, pause: Callable[[float], object]) -> None:
        self._record = record
        self._port = record.connection
        self._master = master
        self._sealer = Sealer(master, record)
        self._tell = tell
        self._pause = pause
        self._found = Findings()
        self._lives: dict[str, int] = {}
        self._reads = Reads(Unflushed(), self._sealer)
        self._untold: set[tuple[str, str]] = set()
        self._fresh_rooms: set[str] = set()
        self._fresh_users: set[str] = set()
        self._messages = 0
        """Of the room that was looked at last."""

    def run(self) -> Findings:
        """All of it."""
        self._check_format()
        self._check_keys()
        self._lives = dict(self._ask(Ask("LIVES")))
        self._found.saw("lives", len(self._lives))
        self._check_view()
        self._check_owners()
        self._found.extend(self._overlay())
        self._check_each("rooms", (room.id for room in rooms(self._port)), self._fresh_rooms, self._room)
        self._check_each("accounts", (user.id for user in users(self._port)), self._fresh_users, self._user)
        return self._found

    def _check_each(self, what: str, stored: Iterator[str], fresh: set[str], look: Callable[[str], list[str]]) -> None:
        """`fresh`: those that may be in ledgers alone."""
        left = set(fresh)
        for number, owner in enumerate(_then(stored, left)):
            self._messages = 0
            self._found.extend(self._until_sure(partial(look, owner)))
            self._found.saw(what)
            if what == "rooms":
                self._found.saw("messages", self._messages)
            self._tell(what, number + 1, 0)

    def _ask(self, ask: Ask) -> Rows:
        return run(_one(ask), self._port)

    # --- what all cells agree on ---

    def _check_format(self) -> None:
        version = int(self._record.setting(FORMAT) or 0)
        if version < len(STEPS):
            self._found.add(f"The tables are of format {version}, and this version has {len(STEPS)}: run `warbler store migrate`.")
        elif version > len(STEPS):
            self._found.add(f"The tables were made by a newer version of Warbler (format {version}, this one knows {len(STEPS)}).")

    def _check_keys(self) -> None:
        for number, wrapped in self._ask(Ask("DATA KEYS")):
            try:
                self._master.unwrap(wrapped)
            except (CannotOpen, ValueError):
                self._found.add(f"The data key {number} does not open with the master key.")
            self._found.saw("data keys")

    def _check_view(self) -> None:
        version, data = self._record.view()
        if not version:
            return
        try:
            view = View.decode(data)
        except ViewError as error:
            self._found.add(f"The stored view cannot be read: {error}.")
            return
        if view.version != version:
            self._found.add(f"The stored view says that it is version {view.version}, and stands as version {version}.")
        for cell in view.cells:
            if self._state(cell.life) is None:
                self._found.add(f"The view has the life {cell.life}, which was never written down.")
        for life in view.undrained:
            if self._state(life) is None:
                self._found.add(f"The view waits for the life {life} to be drained, which was never written down.")
        waiting = {life for life, state in self._lives.items() if state == ENDED} - set(view.undrained) - {cell.life for cell in view.cells}
        for life in sorted(waiting):
            if self._state(life) == ENDED:
                self._found.add(f"The life {life} is sealed and not drained, and the view does not know of it.")
        self._found.saw("cells in the view", len(view.cells))

    def _state(self, life: str) -> int | None:
        """As it is now: lives come and go meanwhile."""
        rows = self._ask(Ask("LIFE", (life,)))
        return int(rows[0][0]) if rows else None

    def _check_owners(self) -> None:
        for group, life, epoch in self._ask(Ask("OWNERS")):
            if life and self._state(life) is None:
                self._found.add(f"Group {group} is owned by the life {life}, which was never written down.")
            if epoch < 0 or (group >= self._record.shards + MAX_SEATS):
                self._found.add(f"Group {group} with epoch {epoch} cannot be.")

    # --- ledgers ---

    def _overlay(self) -> Iterator[str]:
        """Lay what is in ledgers alone over the tables; what is wrong with the ledgers."""
        changes: list[Change] = []
        faults: list[str] = []
        self._lives = dict(self._ask(Ask("LIVES")))
        for life, state in sorted(self._lives.items()):
            if state != DRAINED:
                faults += _Ledgers(life, self._ask, self._sealer, changes).read()
        self._fresh_rooms = {owner for is_user, owner in map(_owner, changes) if not is_user}
        self._fresh_users = {owner for is_user, owner in map(_owner, changes) if is_user}
        unflushed = Unflushed()
        # By their timestamps: what a later owner did comes later.
        unflushed.add(sorted(changes, key=lambda change: change.stamp), Position())
        self._reads = Reads(unflushed, self._sealer)
        untold = run(self._reads.untold(range(SLOTS + MAX_SEATS)), self._port)
        self._untold = {(mark.room, mark.user) for mark in untold}
        yield from faults

    def _until_sure(self, look: Callable[[], list[str]]) -> list[str]:
        faults = look()
        for _ in range(TRIES - 1):
            if not faults or KNOWN not in self._lives.values():
                break
            self._pause(PAUSE_S)
            list(self._overlay())
            faults = look()
        return faults

    # --- rooms and accounts ---

    def _room(self, room: str) -> list[str]:
        try:
            return list(self._room_faults(room))
        except FAULTS as error:
            return [f"Room {room}: a row cannot be read: {error}"]

    def _room_faults(self, room: str) -> Iterator[str]:
        state = run(self._reads.load_room(room), self._port)
        audit = RoomAudit(room)
        self._messages = after = 0
        while entries := run(self._reads.entries_after(room, after, PAGE), self._port):
            yield from audit.entries(entries)
            after = entries[-1].seq
        self._messages = audit.count
        heads = run(self._reads.heads([room]), self._port)
        if room in heads and heads[room][0] > audit.head:
            yield f"Room {room}: its head stands at {heads[room][0]}, and its last message is {audit.head}."
        if room not in heads and audit.head:
            yield f"Room {room}: it has messages and no head."
        if state is None:
            yield f"Room {room}: it has rows, and is not there itself."
            return
        yield from audit.rows([state.checkpoint] if state.checkpoint else [], state.marks, state.members)
        for mark in state.marks:
            if not mark.told and (room, mark.user) not in self._untold:
                yield f"Room {room}: {mark.user} was not told of the mark, and no taker would find it."

    def _user(self, user: str) -> list[str]:
        try:
            state = run(self._reads.load_user(user), self._port)
            listed = run(self._reads.user_rooms_since(user, -1, MOST_ROOMS_OF_A_USER), self._port)
        except FAULTS as error:
            return [f"Account {user}: a row cannot be read: {error}"]
        return list(
            user_faults(user, [state.row] if state else [], listed, state.marks if state else [], len(state.devices) if state else 0)
        )


class _Ledgers:
    """The chain of one life, from where it still counts."""

    def __init__(self, life: str, ask: Callable[[Ask], Rows], sealer: Sealer, changes: list[Change]) -> None:
        self._life = life
        self._ask = ask
        self._sealer = sealer
        self._changes = changes
        self._bytes = 0

    def read(self) -> list[str]:
        """What is wrong with it."""
        return list(self._read())

    def _read(self) -> Iterator[str]:
        floor = self._floor()
        part, k = floor
        while True:
            rows = self._ask(Ask("LEDGER STATE", (self._life, part)))
            if not rows:
                if part > floor.part or k:
                    yield from self._cut_off(part)
                return
            state, end = rows[0]
            yield from self._rows(part, k, end)
            if state != ROLLED:
                yield from self._end(part, state)
                return
            part, k = part + 1, 0

    def _floor(self) -> Position:
        rows = self._ask(Ask("FLOOR", (self._life,)))
        return Position(*rows[0]) if rows else Position()

    def _state(self) -> int:
        rows = self._ask(Ask("LIFE", (self._life,)))
        return int(rows[0][0]) if rows else KNOWN

    def _cut_off(self, part: int) -> Iterator[str]:
        if self._state() == ENDED:
            yield f"The chain of the life {self._life} is not sealed: its ledger {part} is not there."

    def _end(self, part: int, state: int) -> Iterator[str]:
        if state == OPEN and self._state() == ENDED:
            yield f"The chain of the life {self._life} is not sealed, though the life is: its ledger {part} is open."
        if state not in (OPEN, SEALED):
            yield f"The ledger {part} of the life {self._life} is in no known state ({state})."
        if self._bytes > MOST_UNFLUSHED_BYTES:
            yield f"The life {self._life} has {self._bytes >> 20} MiB in ledgers that are not in the tables: nobody flushes or drains them."

    def _rows(self, part: int, k: int, end: int) -> Iterator[str]:
        where = f"ledger {self._life}".encode()
        while k < end:
            rows = [row for row in self._ask(Ask("LEDGER ROWS", (self._life, part, k, LEDGER_PAGE))) if row[0] is not None]
            for number, data in rows:
                if number != k and (part, k) >= self._floor():
                    yield f"The chain of the life {self._life} is broken: rows {k} to {number - 1} of its ledger {part} are missing."
                k = number + 1
                self._bytes += len(data)
                try:
                    self._changes += decode(data, self._sealer, where)
                except FAULTS as error:
                    yield f"The ledger {part} of the life {self._life} has a row {number} that cannot be read: {error}"
            if not rows:
                if (part, k) >= self._floor():  # else it was flushed meanwhile, and the whole ledger emptied
                    yield f"The chain of the life {self._life} is broken: its ledger {part} ends at {k}, not at {end}."
                return


def _owner(change: Change) -> tuple[bool, str]:
    return owner_of(change.what)


def _then(stored: Iterator[str], left: set[str]) -> Iterator[str]:
    """Those that are stored, and then those of the others that were not among them."""
    for owner in stored:
        left.discard(owner)
        yield owner
    yield from sorted(left)


def _one(ask: Ask) -> Steps[Rows]:
    (rows,) = yield [ask]
    return rows
