"""The store on a real Cassandra: what the conformance suite, which knows no ledgers, cannot ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.store.cassandra import flusher
from actors.store.cassandra.draining import drain
from actors.store.cassandra.flushing import put_piece
from actors.store.cassandra.schema import BUCKET
from actors.store.cassandra.steps import Ask
from actors.store.rows import ActiveRow, CheckpointRow, CursorRow, EntryRow, Gone
from actors.store.seal import Sealer
from actors.store.shards import SLOTS, NotReleased, shard_of
from actors.store.store import Commit, Sealed, StoreUnavailable
from tests.actors.store.samples import ROOM, SLOT, USER, USER_SLOT, all_entries, entry, mark, member, put, room_row
from tests.actors.store.test_store_model import ROOMS, AtOnce, History, picture
from tests.kit.cassandra import GROUPS, CassandraLab
from tests.kit.memory import MemoryDisk, MemoryStore
from tests.kit.warehouse import MASTER

pytestmark = pytest.mark.slow


@pytest.fixture
def lab() -> Iterator[CassandraLab]:
    with CassandraLab() as found:
        yield found


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is flushed by itself."""
    monkeypatch.setattr(flusher, "FLUSH_AGE_S", 1000.0)


def stored(lab: CassandraLab, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a statement of the schema finds in the tables, past every store."""
    return lab.ask(Ask(statement, values))


@pytest.mark.parametrize("seed", range(3))
def test_a_random_history_reads_the_same_as_from_the_store_in_memory(seed: int, lab: CassandraLab, monkeypatch: pytest.MonkeyPatch) -> None:
    # Small thresholds, so that much is flushed while much is not.
    monkeypatch.setattr(flusher, "FLUSH_CHANGES", 40)
    history = History(seed)
    disk = MemoryDisk()
    for life in ("a", "b", "c"):
        store, model = lab.store(life), MemoryStore(disk, life)
        for _ in range(12):
            changes = [history.commit() for _ in range(history.chance.randrange(1, 30))]
            model.hold()
            expected = [model.commit(change) for change in changes]
            model.flow()
            errors = lab.settle(*[store.commit(change) for change in changes])
            assert [type(error) for error in errors] == [type(promise.error) for promise in expected]
            heads = lab.wait(store.heads(ROOMS))
            history.heads = {room: seq for room, (seq, _) in heads.items()}
        assert picture(lab, store) == picture(AtOnce(), model)
        lab.seal(life)


def test_what_was_never_flushed_is_read_from_memory_and_found_by_the_next_life(lab: CassandraLab, unhurried: None) -> None:
    store = lab.store("a")
    put(lab, store, room_row(), member("ann"), mark("bob"), entry(1), entry(2))
    assert stored(lab, "GET ROOMS 1", ROOM) == [] and stored(lab, "HEAD", ROOM) == []
    assert len(lab.wait(store.load_room(SLOT, ROOM)).tail) == 2  # type: ignore[union-attr]
    lab.seal("a")
    after = lab.store("b")
    assert stored(lab, "HEAD", ROOM) == [(ROOM, 2, entry(2).at)]
    state = lab.wait(after.load_room(SLOT, ROOM))
    assert state is not None and state.members == [member("ann")] and state.marks == [mark("bob")]
    assert all_entries(lab, after) == [entry(1), entry(2)]


def test_nothing_of_a_text_is_stored_in_clear(lab: CassandraLab) -> None:
    store = lab.store("a")
    text = "the quick brown fox"
    put(lab, store, entry(1, text))
    ((_, ledger),) = stored(lab, "LEDGER ROWS", lab.life("a"), 0, 0, 10)
    lab.wait(store.release_shard(0))
    ((_, row),) = stored(lab, "ENTRIES FROM", ROOM, 0, 0, 10)
    assert text.encode() not in ledger and text.encode() not in row


def test_a_life_that_is_drained_twice_leaves_each_entry_once(lab: CassandraLab, unhurried: None) -> None:
    store = lab.store("a")
    for start in range(1, 100, 7):
        put(lab, store, *(entry(seq) for seq in range(start, start + 7)))
    lab.seal("a")
    for _ in range(2):
        drain(lab.life("a"), lab.driver, Sealer(MASTER, lab.shelf))
    after = lab.store("b")
    assert [row.seq for row in all_entries(lab, after)] == list(range(1, 106))
    put(lab, after, gone=(Gone("entries", (ROOM, 50)),))
    drain(lab.life("a"), lab.driver, Sealer(MASTER, lab.shelf))
    assert 50 not in [row.seq for row in all_entries(lab, after)]


def test_rows_that_overlap_because_two_wrote_them_read_as_one(lab: CassandraLab, unhurried: None) -> None:
    store = lab.store("a")
    put(lab, store, *(entry(seq) for seq in range(1, 21)))
    lab.flush(store)
    # A frozen owner and its taker cut the same entries differently.
    sealer = Sealer(MASTER, lab.shelf)
    lab.write([put_piece([entry(seq) for seq in range(first, last + 1)], 0, 1, sealer) for first, last in ((1, 7), (5, 12), (14, 16))])
    assert [row.seq for row in all_entries(lab, store)] == list(range(1, 21))
    for before in range(2, 22):
        page = lab.wait(store.entries_before(SLOT, ROOM, before, 6))
        assert [row.seq for row in page] == list(range(max(1, before - 6), before))
    put(lab, store, gone=(Gone("entries", (ROOM, 6)),))
    assert [row.seq for row in all_entries(lab, store)] == [seq for seq in range(1, 21) if seq != 6]


def test_pages_reach_over_the_buckets_of_a_room(lab: CassandraLab) -> None:
    store = lab.store("a")
    promises = [store.commit(Commit(SLOT, tuple(entry(seq) for seq in range(at, at + 50)))) for at in range(1, 2 * BUCKET + 200, 50)]
    assert set(lab.settle(*promises)) == {None}
    lab.flush(store)
    last = 50 * len(promises)
    seqs = [row.seq for row in lab.wait(store.entries_after(SLOT, ROOM, BUCKET - 20, 40))]
    assert seqs == list(range(BUCKET - 19, BUCKET + 21))
    seqs = [row.seq for row in lab.wait(store.entries_before(SLOT, ROOM, BUCKET + 10, 40))]
    assert seqs == list(range(BUCKET - 30, BUCKET + 10))
    assert [row.seq for row in all_entries(lab, store)] == list(range(1, last + 1))
    put(lab, store, gone=(Gone(EntryRow.table, (ROOM,)),))
    assert all_entries(lab, store) == [] and lab.wait(store.heads([(SLOT, ROOM)])) == {}


def test_a_group_that_was_given_back_is_whole_for_the_next_owner_while_its_last_one_lives(lab: CassandraLab, unhurried: None) -> None:
    one, other = lab.store("a"), lab.bare_store("b")
    put(lab, one, CursorRow(USER, "d1", "room1", 1), slot=USER_SLOT)
    put(lab, one, entry(1))
    group = SLOT * GROUPS >> 12
    lab.wait(one.release_shard(group))
    lab.wait(other.take_shard(group))
    assert all_entries(lab, other) == [entry(1)]
    with pytest.raises(Sealed):
        put(lab, one, entry(2))
    put(lab, other, entry(2, "of b"))
    put(lab, one, CursorRow(USER, "d1", "room1", 2), slot=USER_SLOT)  # of a group that it kept
    # What the first one committed before is still in its ledger: draining it later changes nothing here.
    lab.seal("a")
    drain(lab.life("a"), lab.driver, Sealer(MASTER, lab.shelf))
    assert [row.body for row in all_entries(lab, other)] == ["hello", "of b"]


def test_a_room_gets_a_group_of_its_own_and_comes_back_with_all_that_happened_there(lab: CassandraLab) -> None:
    room = "aaaabbbbccccdddd"
    slot, seat = slot_of(actor_id("room", room)), SLOTS + 3
    group = shard_of(slot, GROUPS)
    home, own = lab.store("a"), lab.bare_store("b")
    put(lab, home, room_row(room, name="before"), mark("bob", room=room), ActiveRow(room, slot), entry(1, room=room), slot=slot)
    with pytest.raises(NotReleased):
        lab.wait(own.take_shard(GROUPS + 3))
    for _ in range(2):
        lab.wait(home.fill_seat(3, room, 5))
    lab.wait(own.take_shard(GROUPS + 3))
    assert lab.wait(home.untold([slot])) == [] and lab.wait(home.active([slot])) == []
    assert lab.wait(own.untold([seat])) == [mark("bob", room=room)] and lab.wait(own.active([seat])) == [room]
    put(lab, own, room_row(room, name="own"), mark("bob", room=room, told=True), mark("eve", room=room), entry(2, room=room), slot=seat)
    with pytest.raises(NotReleased):
        lab.wait(home.empty_seats(group, []))
    lab.wait(home.empty_seats(group, [(3, 5)]))
    lab.wait(own.release_shard(GROUPS + 3))
    for _ in range(2):
        lab.wait(home.empty_seats(group, []))
    assert lab.wait(home.untold([slot])) == [mark("eve", room=room)] and lab.wait(home.active([slot])) == [room]
    put(lab, home, room_row(room, name="after"), entry(3, room=room), slot=slot)
    lab.flush(home)
    state = lab.wait(home.load_room(slot, room))
    assert state is not None and state.row.name == "after" and [row.seq for row in state.tail] == [1, 2, 3]


def test_a_number_is_given_to_another_room_when_the_first_is_back(lab: CassandraLab) -> None:
    rooms = ["aaaabbbbccccdddd", "aaaabbbbccccdddd", "ddddccccbbbbaaaa"]
    home = lab.store("a")
    for use, room in enumerate(rooms):
        slot, seat = slot_of(actor_id("room", room)), SLOTS + 3
        group, own = shard_of(slot, GROUPS), lab.bare_store(f"own{use}")
        with pytest.raises(NotReleased):
            lab.wait(own.take_shard(GROUPS + 3))
        put(lab, home, room_row(room, name=f"use {use}"), mark("bob", room=room), slot=slot)
        lab.wait(home.fill_seat(3, room, use))
        lab.wait(own.take_shard(GROUPS + 3))
        assert lab.wait(own.untold([seat])) == [mark("bob", room=room)] and lab.wait(home.untold([slot])) == []
        put(lab, own, room_row(room, name=f"own {use}"), slot=seat)
        lab.wait(own.release_shard(GROUPS + 3))
        assert lab.wait(home.empty_seats(group, []))
        state = lab.wait(home.load_room(slot, room))
        assert state is not None and state.row.name == f"own {use}"
        assert lab.wait(home.untold([slot])) == [mark("bob", room=room)]


def test_a_row_that_could_never_be_written_is_refused_and_the_others_of_its_group_are_not(lab: CassandraLab) -> None:
    store = lab.store("a")
    changes = [
        Commit(3, (entry(1, room="other"),)),
        Commit(SLOT, (entry(1), CheckpointRow(ROOM, 2**63, 0, b""))),
        Commit(SLOT, (entry(2, "behind it"),)),
    ]
    errors = lab.settle(*[store.commit(change) for change in changes])
    assert [type(error) for error in errors] == [type(None), OverflowError, StoreUnavailable]
    put(lab, store, entry(1, "and on"))
    lab.flush(store)
    assert store.info()["checkpoint_failures"] == 0
    assert [row.body for row in all_entries(lab, store)] == ["and on"]
    assert all_entries(lab, store, "other", 3) == [entry(1, room="other")]


def test_a_value_that_a_statement_cannot_take_fails_it_and_nothing_else(lab: CassandraLab) -> None:
    with pytest.raises(AttributeError):
        stored(lab, "HEAD", 5)
    assert stored(lab, "HEAD", ROOM) == []
