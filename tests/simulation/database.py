"""A thin fake of Cassandra, and the way of one simulated process to it: requests arrive late, twice, or not at all; answers get lost.

A request goes on by itself: whoever sent it gives up after a while, freezes or dies, and it may still arrive. Commits are noted the
moment the ledger takes them, in `Disk.rows`, as what must be found in the tables when everything is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator
from functools import cache
from random import Random

from actors.store.cassandra.draining import drain
from actors.store.cassandra.flushing import piles_of, statements
from actors.store.cassandra.reads import Reads
from actors.store.cassandra.records import Change, decode
from actors.store.cassandra.schema import KNOWN
from actors.store.cassandra.steps import Answers, Ask, Asks, Rows, run
from actors.store.cassandra.unflushed import Unflushed
from actors.store.rows import Gone, Row
from actors.store.seal import Sealer
from actors.store.shards import shard_of
from actors.store.store import Commit, Conflict, OutcomeUnknown, StoreError, StoreUnavailable
from tests.kit.clock import Clock
from tests.kit.ledgers import Ledgers
from tests.kit.memory import MemoryDisk, MemoryStore
from tests.kit.shelf import Shelf
from tests.kit.tables import PREPARED, Tables
from tests.kit.warehouse import MASTER
from tests.simulation.clocks import CellClock
from tests.simulation.disk import Disk, Stale

HOP_S = 0.0006
"""There, and back again."""
TIMEOUT_S = 0.6
LATE_S = 3.0
"""A request that was held up arrives within this time, long after its sender gave it up."""
_SHELF = Shelf()


def sealer() -> Sealer:
    """For one process, or one thread of it."""
    return Sealer(MASTER, _SHELF)


class Database:
    """Tables, ledgers and owners."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.ledgers = Ledgers()
        self.on_append: Callable[[str, bytes], None] | None = None
        """Called with the life, and the row that its ledger has just taken."""

    def carry_out(self, ask: Ask) -> Rows:
        """One statement, now."""
        if ask.statement in PREPARED:
            return self.tables.carry_out(*ask)
        rows = self.ledgers.carry_out(ask)
        self.ledgers.asked.clear()
        if ask.statement == "APPEND" and rows[0][0] and self.on_append is not None:
            self.on_append(ask.values[3], ask.values[2])
        return rows

    # --- Port: at once, for whoever stands outside of the simulation ---

    def send(self, asks: Asks, done: Callable[[Answers | Exception], None]) -> None:
        """See `Port`."""
        done([self.carry_out(ask) for ask in asks])

    def write(self, asks: Asks, done: Callable[[Exception | None], None]) -> None:
        """See `Port`."""
        for ask in asks:
            self.carry_out(ask)
        done(None)


class _Reply:
    """What comes back to one sender: all answers, or nothing in time."""

    def __init__(self, count: int, done: Callable[[Answers | Exception], None]) -> None:
        self._answers: Answers = [[] for _ in range(count)]
        self._missing = set(range(count))
        self._done: Callable[[Answers | Exception], None] | None = done

    def came(self, number: int, rows: Rows) -> None:
        """One answer."""
        self._answers[number] = rows
        self._missing.discard(number)
        if not self._missing:
            self._end(self._answers)

    def give_up(self) -> None:
        """Nobody knows what was done."""
        self._end(StoreUnavailable("timed out"))

    def _end(self, answer: Answers | Exception) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(answer)


class Wire:
    """The way of one process to the database. Implements `Port`."""

    def __init__(self, database: Database, world: Clock, clock: CellClock, chance: Random) -> None:
        self.slowness = 1.0
        """How many times as long everything takes."""
        self.is_down = False
        """Nothing arrives, and nothing comes back."""
        self.failures: deque[tuple[StoreError, bool]] = deque()
        """The next appends: with True done and never answered, else late, or lost where that is surely no outcome."""
        self.before: Callable[[Ask], bool] | None = None
        """Called with each request; where it is true the process stands still now, and sends it when it goes on."""
        self._database = database
        self._world = world
        self._clock = clock
        self._chance = chance

    def send(self, asks: Asks, done: Callable[[Answers | Exception], None]) -> None:
        """See `Port`."""
        if not asks:
            done([])
            return
        reply = _Reply(len(asks), done)
        for number, ask in enumerate(asks):
            self._ask(ask, number, reply)
        self._clock.later(TIMEOUT_S, reply.give_up)

    def write(self, asks: Asks, done: Callable[[Exception | None], None]) -> None:
        """See `Port`: each of a batch may come by itself."""
        self.send(asks, lambda answer: done(answer if isinstance(answer, Exception) else None))

    def pause(self) -> float:
        """Of one hop."""
        return HOP_S * min(self.slowness, 2000.0) * (0.5 + self._chance.random())

    def _ask(self, ask: Ask, number: int, reply: _Reply) -> None:
        if self.before is not None and self.before(ask):
            self._clock.soon(self._ask, ask, number, reply)
            return
        if self.is_down:
            return
        delay, answers = self.pause(), True
        if ask.statement == "APPEND" and self.failures:
            error, done = self.failures.popleft()
            if not isinstance(error, OutcomeUnknown):
                return
            delay += 0.0 if done else TIMEOUT_S + self._chance.random() * LATE_S
            answers = False
        self._world.later(delay, self._arrive, ask, number, reply, answers)

    def _arrive(self, ask: Ask, number: int, reply: _Reply, answers: bool) -> None:
        rows = self._database.carry_out(ask)
        if answers and not self.is_down:
            self._world.later(self.pause(), self._clock.soon, reply.came, number, rows)


class _SealedLives:
    """The lives that are sealed, as the database notes it."""

    def __init__(self, lives: dict[str, int]) -> None:
        self._lives = lives

    def __contains__(self, life: object) -> bool:
        return self._lives.get(str(life), KNOWN) != KNOWN


class CassandraDisk(Disk):
    """What outlives every process, where that is a database. `rows` is what was committed, in the order of the commits."""

    def __init__(self, rows: MemoryDisk, shards: int) -> None:
        super().__init__(rows, shards)
        self.database = Database(_loaded(rows).copy())
        self.database.on_append = self._appended
        self.ended: Container[str] = _SealedLives(self.database.ledgers.lives)
        self._sealer = sealer()

    def seal(self, life: str) -> None:
        """A cell does that, by the steps of `lives.seal_life`."""
        raise AssertionError("cells seal by themselves")

    def lose_unsynced(self, life: str) -> int:
        """What the database has taken stays."""
        return 0

    def lacks(self) -> Iterator[str]:
        """What is not in the tables, though it was committed; all lives end here."""
        ledgers = self.database.ledgers
        for life in sorted({name for name, _ in ledgers.ledgers}):
            drain(life, self.database, self._sealer)
        reads = Reads(Unflushed(), self._sealer)
        model = MemoryStore(self.rows)
        for room in sorted(self.rows.tables.get("rooms", {})):
            found, wanted = run(reads.entries_after(room, 0, 100_000), self.database), model.entries_after(0, room, 0, 100_000).result()
            if found != wanted:
                yield f"the tables have {[row.seq for row in found]} of {room}, and committed was {[row.seq for row in wanted]}"
            state, known = run(reads.load_room(room), self.database), model.load_room(0, room).result()
            if state is None or known is None or (state.row, state.members, state.marks) != (known.row, known.members, known.marks):
                yield f"the tables have another state of {room} than was committed: {state} for {known}"

    def _appended(self, life: str, data: bytes) -> None:
        changes = decode(data, self._sealer, f"ledger {life}".encode())
        for change in changes:
            self._note(life, change)
        if self.on_write is not None:
            self.on_write(life, Commit(0, [change.what for change in changes if isinstance(change.what, Row)]))

    def _note(self, life: str, change: Change) -> None:
        what = change.what
        commit = Commit(change.slot, (), (what,)) if isinstance(what, Gone) else Commit(change.slot, (what,))
        owner, _ = self.database.ledgers.owners.get(shard_of(change.slot, self.shards), ("", 0))
        try:
            self.rows.apply(commit)
        except Conflict:
            owner = ""
        if owner != life:
            self.stale.append(Stale(life, commit))


@cache
def _tables_of(key: int) -> Tables:
    return Tables()


def _loaded(rows: MemoryDisk) -> Tables:
    """The tables of the stock: made once."""
    tables = _tables_of(0)
    if not tables.carry_out("GET ROOMS 1", (next(iter(rows.tables["rooms"])),)):
        changes = [
            Change(number, slot, row)
            for number, (slot, row) in enumerate(
                pair for table in rows.tables.values() for of in table.values() for _, pair in sorted(of.items())
            )
        ]
        for ask in statements(piles_of(changes), sealer(), {}):
            tables.carry_out(*ask)
    return tables
