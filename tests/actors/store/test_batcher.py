"""Group commit by itself: what shares a group, what fails together, and what happens beyond the bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from actors.store import batcher as batcher_module
from actors.store.batcher import MAX_GROUP, Batcher, Pending
from actors.store.store import Conflict, OutcomeUnknown, StoreUnavailable
from tests.kit.turns import Turns


class Writer:
    """Writes nothing; notes the groups. Holds them up while `gate` is closed, and fails the slots in `bad`."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.bad: set[int] = set()
        self.crash: Exception | None = None

    def __call__(self, group: Sequence[Pending]) -> None:
        self.entered.release()
        assert self.gate.wait(30)
        self.groups.append([pending.slot for pending in group])
        if self.crash is not None:
            raise self.crash
        for pending in group:
            if pending.slot in self.bad:
                pending.failure = Conflict("bad slot")


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def batcher(writer: Writer, turns: Turns) -> Iterator[Batcher]:
    made = Batcher(writer, turns.soon, turns.wake)
    yield made
    writer.gate.set()
    made.close()


def pending(slot: int, size: int = 100) -> Pending:
    return Pending(slot, 0, (), (), size)


def submit(batcher: Batcher, *slots: int) -> list[Pending]:
    made = [pending(slot) for slot in slots]
    for one in made:
        batcher.submit(one)
    return made


def test_what_comes_in_while_a_group_is_written_is_the_next_group(batcher: Batcher, writer: Writer, turns: Turns) -> None:
    writer.gate.clear()
    first = submit(batcher, 1, 2)
    turns.turn()
    assert writer.entered.acquire(timeout=30)
    second = submit(batcher, 3, 4, 5)
    writer.gate.set()
    turns.settle(*(one for one in [*first, *second]))
    assert writer.groups == [[1, 2], [3, 4, 5]]
    assert turns.wakes == 2


def test_promises_are_settled_in_order_inside_one_wake_up(batcher: Batcher, turns: Turns) -> None:
    order: list[tuple[int, int]] = []
    made = submit(batcher, *range(50))
    for one in made:
        one.when_settled(lambda _, slot=one.slot: order.append((slot, turns.turns)))  # type: ignore[misc]
    turns.settle(*(one for one in made))
    assert [slot for slot, _ in order] == list(range(50))
    assert len({turn for _, turn in order}) == 1


def test_a_large_queue_is_written_in_several_groups(batcher: Batcher, writer: Writer, turns: Turns) -> None:
    made = submit(batcher, *range(MAX_GROUP * 2 + 1))
    assert turns.settle(*(one for one in made)) == [None] * len(made)
    assert [len(group) for group in writer.groups] == [MAX_GROUP, MAX_GROUP, 1]


def test_a_failure_takes_those_that_wait_behind_it_in_its_slot(batcher: Batcher, writer: Writer, turns: Turns) -> None:
    writer.gate.clear()
    writer.bad = {2}
    first = submit(batcher, 1, 2)
    turns.turn()
    assert writer.entered.acquire(timeout=30)
    second = submit(batcher, 1, 2, 3, 2)
    writer.gate.set()
    errors = turns.settle(*(one for one in [*first, *second]))
    assert [type(error) for error in errors] == [type(None), Conflict, type(None), StoreUnavailable, type(None), StoreUnavailable]
    assert writer.groups == [[1, 2], [1, 3]]
    writer.bad = set()
    later = submit(batcher, 2)
    assert turns.settle(later[0]) == [None]


def test_a_callback_that_raises_takes_no_other_along(batcher: Batcher, turns: Turns) -> None:
    made = submit(batcher, 1, 2, 3)

    def raises(_: object) -> None:
        raise RuntimeError("a handler is broken")

    made[1].when_settled(raises)
    with pytest.raises(RuntimeError, match="a handler is broken"):
        turns.wait(made[2])
    turns.wait(made[2])
    assert turns.settle(submit(batcher, 4)[0]) == [None]


def test_beyond_the_bound_commits_are_refused_and_those_before_it_carried_out(
    batcher: Batcher, writer: Writer, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher_module, "MAX_QUEUED", 3)
    made = submit(batcher, 1, 2, 3, 4, 5)
    errors = turns.settle(*(one for one in made))
    assert [type(error) for error in errors] == [type(None)] * 3 + [StoreUnavailable] * 2
    assert batcher.refused == 2
    assert turns.settle(submit(batcher, 6)[0]) == [None]


def test_the_bound_counts_bytes_too(batcher: Batcher, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher_module, "MAX_QUEUED_BYTES", 1000)
    made = [pending(1, 600), pending(2, 600), pending(3, 300)]
    for one in made:
        batcher.submit(one)
    errors = turns.settle(*(one for one in made))
    assert [type(error) for error in errors] == [type(None), StoreUnavailable, type(None)]
    big = pending(4, 1000)
    batcher.submit(big)
    assert turns.settle(big) == [None]


def test_a_writer_that_crashes_leaves_nobody_waiting(batcher: Batcher, writer: Writer, turns: Turns) -> None:
    writer.crash = ZeroDivisionError("a bug")
    made = submit(batcher, 1, 2)
    errors = turns.settle(*(one for one in made))
    assert [type(error) for error in errors] == [OutcomeUnknown, OutcomeUnknown]
    writer.crash = None
    assert turns.settle(submit(batcher, 1)[0]) == [None]


def test_jobs_run_in_order_with_the_commits_around_them(batcher: Batcher, writer: Writer, turns: Turns) -> None:
    before = submit(batcher, 1)
    job = batcher.run(lambda: [*writer.groups])
    after = submit(batcher, 2)
    assert turns.settle(before[0], job, after[0]) == [None] * 3
    assert job.result() == [[1]]
    assert writer.groups == [[1], [2]]


def test_a_job_that_raises_fails_alone(batcher: Batcher, turns: Turns) -> None:
    job = batcher.run(lambda: 1 // 0)
    after = submit(batcher, 2)
    assert [type(error) for error in turns.settle(job, after[0])] == [ZeroDivisionError, type(None)]


def test_closing_writes_what_waits_and_refuses_what_comes(batcher: Batcher, writer: Writer, turns: Turns) -> None:
    made = submit(batcher, 1, 2)
    batcher.close()
    batcher.close()
    late = submit(batcher, 3)
    errors = turns.settle(*(one for one in [*made, *late]))
    assert [type(error) for error in errors] == [type(None), type(None), StoreUnavailable]
    assert writer.groups == [[1, 2]]


def test_under_load_the_next_group_gathers_for_a_few_turns(batcher: Batcher, writer: Writer, turns: Turns) -> None:
    writer.gate.clear()
    first = submit(batcher, *range(batcher_module.LOADED))
    turns.turn()
    assert writer.entered.acquire(timeout=30)
    waiting = submit(batcher, 100)
    writer.gate.set()
    turns.turn()  # the first group is settled, the next one gathers
    late = submit(batcher, 101)
    turns.settle(*(one for one in [*first, *waiting, *late]))
    assert writer.groups[1:] == [[100, 101]]


def test_without_load_nothing_gathers(batcher: Batcher, writer: Writer, turns: Turns) -> None:
    writer.gate.clear()
    first = submit(batcher, *range(batcher_module.LOADED - 1))
    turns.turn()
    assert writer.entered.acquire(timeout=30)
    waiting = submit(batcher, 100)
    writer.gate.set()
    turns.turn()
    late = submit(batcher, 101)
    turns.settle(*(one for one in [*first, *waiting, *late]))
    assert writer.groups[1:] == [[100], [101]]


def test_closing_while_a_group_gathers_writes_what_waits(batcher: Batcher, writer: Writer, turns: Turns) -> None:
    writer.gate.clear()
    first = submit(batcher, *range(batcher_module.LOADED))
    turns.turn()
    assert writer.entered.acquire(timeout=30)
    waiting = submit(batcher, 100)
    writer.gate.set()
    turns.turn()
    batcher.close()
    turns.settle(*(one for one in [*first, *waiting]))
    assert writer.groups[1:] == [[100]]
    assert [one.error for one in waiting] == [None]
