"""Reads of entries: the right ones, from as few questions as can be."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable

import pytest

from actors.store.cassandra.flusher import write_all
from actors.store.cassandra.flushing import entry_writes, forget
from actors.store.cassandra.reads import HEADS_AT_ONCE, Reads
from actors.store.cassandra.records import Change
from actors.store.cassandra.schema import BUCKET
from actors.store.cassandra.steps import Answers, Ask, Asks, Steps, run
from actors.store.cassandra.unflushed import Unflushed
from actors.store.rows import EntryRow, Gone
from actors.store.seal import Sealer
from tests.actors.store.samples import ROOM, entry
from tests.kit.shelf import Shelf
from tests.kit.tables import Tables
from tests.kit.warehouse import MASTER

LAST = 2**62


class Asked:
    """A port to tables in memory, which writes down what it is asked. Answers at once."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []
        self._tables = Tables()

    def send(self, asks: Asks, done: Callable[[Answers | Exception], None]) -> None:
        self.asked += asks
        done([self._tables.carry_out(*ask) for ask in asks])

    def write(self, asks: Asks, done: Callable[[Exception | None], None]) -> None:
        self.send(asks, lambda _: done(None))


class Room:
    """A room of which everything is in the tables."""

    def __init__(self) -> None:
        self.tables = Asked()
        self.sealer = Sealer(MASTER, Shelf())
        self.reads = Reads(Unflushed(), self.sealer)
        self.seqs: list[int] = []
        self.stamps = itertools.count(LAST)

    def put(self, last: int, room: str = ROOM) -> None:
        """Entries up to this one."""
        first = self.seqs[-1] + 1 if self.seqs else 1
        changes = [Change(seq, 0, entry(seq, room=room)) for seq in range(first, last + 1)]
        write_all(entry_writes(changes, self.sealer, 0), self.tables)
        self.seqs += range(first, last + 1)

    def forget(self, seq: int) -> None:
        run(forget(Change(next(self.stamps), 0, Gone(EntryRow.table, (ROOM, seq))), self.sealer), self.tables)
        self.seqs.remove(seq)

    def read(self, steps: Steps[list[EntryRow]]) -> tuple[list[int], int]:
        """The numbers that were found, and how many questions that took."""
        self.tables.asked.clear()
        found = [row.seq for row in run(steps, self.tables)]
        return found, len(self.tables.asked)


@pytest.fixture
def room() -> Room:
    return Room()


def test_the_first_page_of_a_history_is_one_question(room: Room) -> None:
    room.put(100)
    assert room.read(room.reads.entries_before(ROOM, LAST, 50)) == (list(range(51, 101)), 1)


def test_a_page_of_what_was_missed_is_one_question(room: Room) -> None:
    room.put(3 * BUCKET)
    room.put(3 * BUCKET + 40)
    assert room.read(room.reads.entries_after(ROOM, 3 * BUCKET + 30, 50)) == (list(range(3 * BUCKET + 31, 3 * BUCKET + 41)), 1)
    assert room.read(room.reads.entries_after(ROOM, 10, 50)) == (list(range(11, 61)), 1)


def test_where_a_long_room_ends_is_looked_for_once(room: Room) -> None:
    room.put(2 * BUCKET + 200)
    page = list(range(2 * BUCKET + 151, 2 * BUCKET + 201))
    assert room.read(room.reads.entries_before(ROOM, LAST, 50)) == (page, 3)
    assert room.read(room.reads.entries_before(ROOM, LAST, 50)) == (page, 1)
    room.put(3 * BUCKET + 100)  # it goes on into the next bucket
    assert room.read(room.reads.entries_before(ROOM, LAST, 50))[0] == list(range(3 * BUCKET + 51, 3 * BUCKET + 101))


def test_heads_that_were_read_tell_where_the_pages_are(room: Room) -> None:
    room.put(2 * BUCKET + 200)
    assert run(room.reads.heads([ROOM]), room.tables)[ROOM][0] == 2 * BUCKET + 200
    assert room.read(room.reads.entries_before(ROOM, LAST, 50))[1] == 1


def test_many_heads_are_asked_for_together(room: Room) -> None:
    names = [f"room{number}" for number in range(300)]
    for name in names:
        room.seqs.clear()
        room.put(3, name)
    room.tables.asked.clear()
    assert {seq for seq, _ in run(room.reads.heads(names), room.tables).values()} == {3}
    assert len(room.tables.asked) == -(-300 // HEADS_AT_ONCE)


@pytest.mark.parametrize("gone", [(), (BUCKET - 1,), (BUCKET - 1, BUCKET - 2), (BUCKET,), range(BUCKET, 2 * BUCKET), range(1, BUCKET)])
def test_a_bucket_whose_last_entries_were_taken_away_hides_no_later_one(gone: Iterable[int], room: Room) -> None:
    chance = random.Random(1)
    room.put(2 * BUCKET + 70)
    for seq in gone:
        room.forget(seq)
    for _ in range(60):
        place, limit = chance.choice([chance.randrange(0, 2 * BUCKET + 80), LAST]), chance.randrange(1, 120)
        assert room.read(room.reads.entries_before(ROOM, place, limit))[0] == [seq for seq in room.seqs if seq < place][-limit:], place
        assert room.read(room.reads.entries_after(ROOM, place, limit))[0] == [seq for seq in room.seqs if seq > place][:limit], place


def test_a_room_whose_last_entry_was_taken_away_ends_before_it(room: Room) -> None:
    room.put(BUCKET)
    room.forget(BUCKET)
    room.forget(BUCKET - 1)
    assert run(room.reads.heads([ROOM]), room.tables)[ROOM][0] == BUCKET - 2
    assert room.read(room.reads.entries_before(ROOM, LAST, 2))[0] == [BUCKET - 3, BUCKET - 2]
