"""The hand-moved clock."""

from __future__ import annotations

import pytest

from tests.kit import clock as clock_module
from tests.kit.clock import Clock, Endless


def test_soon_runs_in_the_order_of_the_calls_and_in_the_next_turn() -> None:
    clock = Clock()
    seen: list[object] = []

    def first() -> None:
        seen.append("first")
        clock.soon(seen.append, "third")

    clock.soon(first)
    clock.soon(seen.append, "second")
    assert seen == []
    assert clock.run() == 3
    assert seen == ["first", "second", "third"]


def test_timers_run_by_time_then_by_the_order_of_the_calls() -> None:
    clock = Clock()
    seen: list[object] = []
    clock.later(2.0, lambda: seen.append(("late", clock.now())))
    clock.later(1.0, lambda: seen.append(("a", clock.now())))
    clock.later(1.0, lambda: seen.append(("b", clock.now())))
    clock.run()
    assert seen == []
    clock.advance(1.5)
    assert seen == [("a", 1001.0), ("b", 1001.0)]
    clock.advance(0.5)
    assert seen[2:] == [("late", 1002.0)]
    assert clock.now() == 1002.0


def test_a_timer_set_by_a_timer_runs_in_the_same_advance_at_its_own_time() -> None:
    clock = Clock(0.0)
    seen: list[object] = []
    clock.later(1.0, lambda: clock.later(1.0, lambda: seen.append(clock.now())))
    clock.advance(5.0)
    assert seen == [2.0]
    assert clock.now() == 5.0


def test_a_cancelled_timer_does_not_run_and_is_not_counted() -> None:
    clock = Clock()
    seen: list[object] = []
    timer = clock.later(1.0, seen.append, "x")
    soon = clock.soon(seen.append, "y")
    assert clock.timers() == 1
    timer.cancel()
    soon.cancel()
    assert (clock.timers(), clock.next_timer()) == (0, None)
    clock.advance(2.0)
    assert seen == []


def test_an_exception_comes_out_of_run_and_the_rest_still_runs_later() -> None:
    clock = Clock()
    seen: list[object] = []

    def fail() -> None:
        raise ValueError("planted")

    clock.soon(fail)
    clock.soon(seen.append, "behind")
    with pytest.raises(ValueError, match="planted"):
        clock.run()
    clock.run()
    assert seen == ["behind"]


def test_the_wall_moves_with_the_clock_and_jumps_alone() -> None:
    clock = Clock(now=10.0, wall=100.0)
    clock.advance(5.0)
    assert clock.wall() == 105.0
    clock.set_wall(50.0)
    assert (clock.now(), clock.wall()) == (15.0, 50.0)


def test_callbacks_that_wake_each_other_for_ever_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(clock_module, "MAX_STEPS", 100)

    def again() -> None:
        clock.soon(again)

    clock.soon(again)
    with pytest.raises(Endless):
        clock.run()
