"""The store in memory does what tests of actors turn it to do."""

from __future__ import annotations

import pytest

from actors.store.rows import EntryRow
from actors.store.store import Commit, OutcomeUnknown, StoreUnavailable
from tests.kit.clock import Clock
from tests.kit.memory import MemoryDisk, MemoryStore


def post(seq: int, slot: int = 1) -> Commit:
    return Commit(slot, (EntryRow(f"room{slot}", seq, 0, "ann", "d", seq, "id", "text", "hi"),))


def heads(store: MemoryStore, slot: int = 1) -> list[int]:
    return [row.seq for row in store.entries_after(slot, f"room{slot}", 0, 100).result()]


def test_commits_settle_at_once_unless_told_otherwise() -> None:
    store = MemoryStore()
    assert store.commit(post(1)).settled
    assert store.load_room(1, "room1").result() is None
    assert heads(store) == [1]


def test_with_a_clock_commits_and_reads_settle_in_the_next_turn() -> None:
    clock = Clock()
    store = MemoryStore(soon=clock.soon)
    commit, read = store.commit(post(1)), store.heads([(1, "room1")])
    assert not commit.settled and not read.settled
    clock.run()
    assert commit.result() is None and read.result() == {}


def test_held_commits_are_carried_out_when_they_are_settled() -> None:
    store = MemoryStore()
    store.hold()
    promises = [store.commit(post(seq)) for seq in (1, 2, 3)]
    assert heads(store) == [] and store.waiting() == [post(1), post(2), post(3)]
    assert store.settle(2) == 2
    assert [promise.settled for promise in promises] == [True, True, False]
    assert heads(store) == [1, 2]
    store.flow()
    assert store.commit(post(4)).settled and heads(store) == [1, 2, 3, 4]


def test_a_failure_on_demand_takes_those_behind_it_along() -> None:
    store = MemoryStore()
    store.hold()
    store.fail_next(StoreUnavailable("no"))
    promises = [store.commit(change) for change in (post(1), post(2), post(1, 2))]
    store.settle(1)
    assert [type(promise.error) for promise in promises] == [StoreUnavailable, StoreUnavailable, type(None)]
    store.settle()
    assert heads(store) == [] and heads(store, 2) == [1]


@pytest.mark.parametrize("applied", [True, False])
def test_an_unknown_outcome_is_there_or_not(applied: bool) -> None:
    store = MemoryStore()
    store.fail_next(OutcomeUnknown("who knows"), applied=applied)
    assert isinstance(store.commit(post(1)).error, OutcomeUnknown)
    assert heads(store) == ([1] if applied else [])


def test_a_crash_settles_nothing_and_the_next_life_finds_what_was_carried_out() -> None:
    disk = MemoryDisk()
    store = MemoryStore(disk, "a")
    store.commit(post(1))
    store.hold()
    lost = store.commit(post(2))
    store.crash()
    store.settle()
    assert not lost.settled
    assert heads(MemoryStore(disk, "b")) == [1]


def test_while_it_is_down_everything_is_refused() -> None:
    store = MemoryStore()
    store.break_down()
    assert isinstance(store.commit(post(1)).error, StoreUnavailable)
    assert isinstance(store.load_user(1, "ann").error, StoreUnavailable)
    store.mend()
    assert store.commit(post(1)).error is None
