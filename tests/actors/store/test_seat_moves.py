"""Rooms into their seats and back, step by step: whole or not there, whoever dies when, and never taken back twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.store import room_copy, seat_moves, seats
from actors.store.batcher import Pending
from actors.store.rows import ActiveRow, EntryRow, MarkRow, Row
from actors.store.schema import table_of
from actors.store.seats import Seat, scratch_in, seats_in
from actors.store.shards import NotReleased, create_shards, seal_life, shard_path
from actors.store.sqlite_reads import ShardReader
from actors.store.sqlite_writer import ShardWriter
from actors.store.store import Sealed, StoreUnavailable
from tests.kit.shelf import SEALER

SLOT, NUMBER = 77, 4096
ENTRIES = 30


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_copy, "PIECE_ENTRIES", 2)
    monkeypatch.setattr(seat_moves, "FOLD_ENTRIES", 3)
    monkeypatch.setattr(seats, "FOLD_ENTRIES", 3)


class Desk:
    """One shard with two rooms."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        create_shards(folder, 1)
        self.seat = Seat(0, "room1", 5, folder)
        self.writer = self.take("a-1")
        for seq in range(1, ENTRIES + 1):
            self.post(self.writer, seq)
            self.post(self.writer, seq, "room2")
        self.put(self.writer, SLOT, ActiveRow("room1", SLOT), MarkRow("room1", "anna", 1, False, True))

    def take(self, life: str) -> ShardWriter:
        return ShardWriter(shard_path(self.folder, 0), life, SEALER)

    def take_seat(self, life: str) -> ShardWriter:
        return ShardWriter(self.seat.path, life, SEALER)

    def post(self, writer: ShardWriter, seq: int, room: str = "room1") -> None:
        self.put(writer, SLOT, EntryRow(room, seq, 1, "anna", "d1", seq, f"id-{seq}", "post", f"text {seq}"))

    def put(self, writer: ShardWriter, slot: int, *rows: Row) -> None:
        entries = [row for row in rows if isinstance(row, EntryRow)]
        others = [row for row in rows if not isinstance(row, EntryRow)]
        operations = [(row.table, table_of(type(row)).put, table_of(type(row)).values(row, slot, SEALER)) for row in others]
        pending = Pending(slot, 0, entries, operations, 0, False)
        writer.write([pending])
        if pending.failure is not None:
            raise pending.failure

    def copy(self, writer: ShardWriter | None = None) -> int:
        """All steps before the last; how many they were."""
        steps, moves = 1, (writer or self.writer).seats
        while not moves.copy(self.seat, NUMBER):
            steps += 1
        return steps

    def fill(self) -> None:
        self.copy()
        self.writer.seats.fill(self.seat, NUMBER)

    def bring_back(self, writer: ShardWriter | None = None) -> int:
        steps, moves = 1, (writer or self.writer).seats
        while not moves.bring_back(self.seat, SLOT):
            steps += 1
        return steps

    def seqs(self, writer: ShardWriter, room: str = "room1") -> list[int]:
        return [row.seq for row in ShardReader(writer.path, writer.ledger, SEALER).entries_after(room, 0, 1000)]

    def slots(self, writer: ShardWriter) -> list[int]:
        return [
            slot for table in ("active", "marks") for (slot,) in writer.connection.execute(f"SELECT slot FROM {table} WHERE room = 'room1'")
        ]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.writer.close()


ALL = list(range(1, ENTRIES + 1))


def test_a_room_goes_on_while_it_is_copied_and_is_whole_in_its_seat(desk: Desk) -> None:
    assert not desk.writer.seats.copy(desk.seat, NUMBER)
    desk.post(desk.writer, ENTRIES + 1)
    assert desk.copy() > 5
    desk.post(desk.writer, ENTRIES + 2)
    assert seats_in(desk.folder) == []
    desk.writer.seats.fill(desk.seat, NUMBER)
    seat = desk.take_seat("own-1")
    assert desk.seqs(seat) == [*ALL, ENTRIES + 1, ENTRIES + 2]
    assert desk.slots(seat) == [NUMBER, NUMBER]
    assert desk.slots(desk.writer) == []  # at once, so that nobody looks after it here
    while not desk.writer.seats.tidy(desk.seat):
        pass
    assert (desk.seqs(desk.writer), desk.seqs(desk.writer, "room2")) == ([], ALL)
    assert scratch_in(desk.folder) == []


def test_a_life_that_lost_the_shard_fills_nothing(desk: Desk) -> None:
    desk.copy()
    seal_life(desk.folder, 1, "a-1")
    with pytest.raises(NotReleased):
        desk.writer.seats.fill(desk.seat, NUMBER)
    assert seats_in(desk.folder) == []
    assert desk.seqs(desk.take("b-1")) == ALL


def test_the_next_owner_begins_anew_and_nothing_of_the_dead_is_left(desk: Desk) -> None:
    desk.copy()
    seal_life(desk.folder, 1, "a-1")
    other = desk.take("b-1")
    desk.post(other, ENTRIES + 1)
    desk.copy(other)
    other.seats.fill(desk.seat, NUMBER)
    assert desk.seqs(desk.take_seat("own-1")) == [*ALL, ENTRIES + 1]
    assert scratch_in(desk.folder) == []


def test_a_life_that_was_sealed_before_the_seat_had_its_file_cannot_take_it(desk: Desk) -> None:
    desk.copy()
    seal_life(desk.folder, 1, "slow-1")
    desk.writer.seats.fill(desk.seat, NUMBER)
    with pytest.raises(Sealed, match="slow-1"):
        desk.take_seat("slow-1")
    assert desk.take_seat("own-1").life == "own-1"


def test_on_the_way_back_the_seats_rows_replace_what_the_shard_still_has(desk: Desk) -> None:
    desk.fill()  # and a death before what the shard has was cleared
    seat = desk.take_seat("own-1")
    for seq in range(ENTRIES + 1, ENTRIES + 11):
        desk.post(seat, seq)
    seat.release()
    assert desk.bring_back() > 5
    assert desk.seqs(desk.writer) == [*ALL, *range(ENTRIES + 1, ENTRIES + 11)]
    assert desk.slots(desk.writer) == [SLOT, SLOT]
    assert seats_in(desk.folder) == []
    desk.post(desk.writer, ENTRIES + 11)
    assert desk.seqs(desk.writer)[-1] == ENTRIES + 11


def test_what_the_shards_ledger_still_holds_of_the_room_never_comes_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.copy()
    desk.post(desk.writer, ENTRIES + 1)

    def no_sync(path: Path) -> None:
        if path == desk.folder:
            raise OSError("a broken disk")

    with monkeypatch.context() as broken:
        broken.setattr(seats, "sync", no_sync)
        with pytest.raises(StoreUnavailable, match="a broken disk"):
            desk.writer.seats.fill(desk.seat, NUMBER)  # the file has its name, and the shard's transaction was not carried out
    assert desk.writer.ledger.rows("room1") != []
    desk.writer.seats.fill(desk.seat, NUMBER)
    seat = desk.take_seat("own-1")
    desk.post(seat, ENTRIES + 2)
    seat.release()
    desk.bring_back()
    while desk.writer.fold(100, least=1):
        pass
    assert desk.seqs(desk.writer) == [*ALL, ENTRIES + 1, ENTRIES + 2]


@pytest.mark.parametrize("steps", [1, 2, 5, 9])
def test_a_death_on_the_way_back_leaves_it_to_the_next_owner(desk: Desk, steps: int) -> None:
    desk.fill()
    for _ in range(steps):
        assert not desk.writer.seats.bring_back(desk.seat, SLOT)
    seal_life(desk.folder, 1, "a-1")
    other = desk.take("b-1")
    desk.bring_back(other)
    assert desk.seqs(other) == ALL
    assert seats_in(desk.folder) == []


def test_a_seat_whose_removal_was_cut_off_is_never_taken_back_again(desk: Desk) -> None:
    desk.fill()
    kept = desk.seat.path.read_bytes()
    desk.bring_back()
    desk.seat.path.write_bytes(kept)  # as if the file had outlived the mark
    desk.post(desk.writer, ENTRIES + 1)
    assert desk.bring_back() == 1
    assert desk.seqs(desk.writer) == [*ALL, ENTRIES + 1]
    assert seats_in(desk.folder) == []


def test_a_seat_that_somebody_owns_is_not_emptied_until_that_life_is_sealed(desk: Desk) -> None:
    desk.fill()
    desk.post(desk.take_seat("own-1"), ENTRIES + 1)
    with pytest.raises(NotReleased, match="own-1"):
        desk.bring_back()
    seal_life(desk.folder, 1, "own-1")
    desk.bring_back()
    assert desk.seqs(desk.writer) == [*ALL, ENTRIES + 1]


def test_a_seat_that_is_not_wanted_any_more_leaves_nothing_behind(desk: Desk) -> None:
    desk.copy()
    desk.writer.seats.clean([desk.seat])
    assert scratch_in(desk.folder) == []
    desk.fill()
    assert desk.seqs(desk.take_seat("own-1")) == ALL


def test_a_copy_begins_anew_after_a_commit_of_which_nobody_knows(desk: Desk) -> None:
    desk.copy()
    desk.writer._unsettled = True
    desk.post(desk.writer, ENTRIES + 1)
    assert scratch_in(desk.folder) == []
    desk.fill()
    assert desk.seqs(desk.take_seat("own-1")) == [*ALL, ENTRIES + 1]
