"""The reader's thread: lanes, bounds, and one wake-up for what is ready together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from actors.store import reader as reader_module
from actors.store.reader import Reader
from actors.store.store import StoreUnavailable
from tests.kit.turns import Turns


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def reader(turns: Turns) -> Iterator[Reader]:
    made = Reader(turns.wake)
    yield made
    made.close()


def blocked(reader: Reader) -> Callable[[], None]:
    """Keep the thread busy; returns what lets it go. Comes back when the thread is in it."""
    entered, gate = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert gate.wait(30)

    reader.run(wait)
    assert entered.wait(30)
    return gate.set


def test_a_read_has_its_value_or_its_exception(reader: Reader, turns: Turns) -> None:
    good, bad = reader.run(lambda: 5), reader.run(lambda: 1 // 0)
    assert turns.wait(good) == 5
    with pytest.raises(ZeroDivisionError):
        turns.wait(bad)


def test_short_reads_overtake_long_ones(reader: Reader, turns: Turns) -> None:
    order: list[str] = []
    release = blocked(reader)
    pages = [reader.run(lambda i=i: order.append(f"page {i}"), short=False) for i in range(3)]  # type: ignore[misc]
    short = reader.run(lambda: order.append("head"))
    release()
    turns.settle(*pages, short)
    assert order == ["head", "page 0", "page 1", "page 2"]


def test_results_that_wait_for_the_loop_share_a_wake_up(reader: Reader, turns: Turns) -> None:
    release = blocked(reader)
    done = threading.Event()
    promises = [reader.run(lambda i=i: i) for i in range(20)]  # type: ignore[misc]
    reader.run(done.set)
    release()
    assert done.wait(30)
    assert [turns.wait(promise) for promise in promises] == list(range(20))
    assert turns.wakes <= 2


def test_beyond_the_bound_reads_are_refused_lane_by_lane(reader: Reader, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "MAX_WAITING", 2)
    release = blocked(reader)
    pages = [reader.run(lambda: 1, short=False) for _ in range(3)]
    short = reader.run(lambda: 2)
    assert isinstance(pages[2].error, StoreUnavailable)
    assert (reader.refused, reader.waiting()) == (1, 3)
    release()
    assert turns.settle(*pages[:2], short) == [None] * 3


def test_a_callback_that_raises_takes_no_other_along(reader: Reader, turns: Turns) -> None:
    release = blocked(reader)
    first, second = reader.run(lambda: 1), reader.run(lambda: 2)

    def raises(_: object) -> None:
        raise RuntimeError("a handler is broken")

    first.when_settled(raises)
    release()
    with pytest.raises(RuntimeError, match="a handler is broken"):
        turns.wait(second)
    assert turns.wait(second) == 2


def test_closing_answers_what_waits_and_refuses_what_comes(reader: Reader, turns: Turns) -> None:
    promise = reader.run(lambda: 5)
    reader.close()
    reader.close()
    assert isinstance(reader.run(lambda: 6).error, StoreUnavailable)
    assert turns.wait(promise) == 5
