"""The timer wheel on a hand-moved clock."""

from __future__ import annotations

import pytest

from gateway.wheel import PAUSE_S, PIECE, PIECES, SLOT_S, SLOTS, Wheel
from tests.kit.clock import Clock


class Waiter:
    def __init__(self, clock: Clock, again_s: float = 0.0) -> None:
        self.slot = -1
        self.times: list[float] = []
        self._clock = clock
        self._again_s = again_s

    def on_time(self) -> float:
        self.times.append(self._clock.now() - 1000.0)
        return self._again_s


def started() -> tuple[Clock, Wheel]:
    clock = Clock(now=1000.0)
    wheel = Wheel(clock)
    wheel.start()
    return clock, wheel


def test_who_waits_is_called_once_when_its_time_has_come() -> None:
    clock, wheel = started()
    waiter = Waiter(clock)
    wheel.move(waiter, 10.0)
    clock.advance(9.5)
    assert waiter.times == []
    clock.advance(100.0)
    assert waiter.times == [10.0]
    assert waiter.slot == -1


def test_who_answers_with_a_delay_is_called_again() -> None:
    clock, wheel = started()
    waiter = Waiter(clock, again_s=25.0)
    wheel.move(waiter, 1.0)
    clock.advance(80.0)
    assert waiter.times == [1.0, 26.0, 51.0, 76.0]


def test_moving_replaces_what_was_waited_for() -> None:
    clock, wheel = started()
    waiter = Waiter(clock)
    wheel.move(waiter, 10.0)
    clock.advance(5.0)
    wheel.move(waiter, 10.0)
    clock.advance(9.0)
    assert waiter.times == []
    clock.advance(1.0)
    assert waiter.times == [15.0]


def test_who_is_forgotten_is_not_called() -> None:
    clock, wheel = started()
    waiter = Waiter(clock)
    wheel.move(waiter, 3.0)
    wheel.forget(waiter)
    wheel.forget(waiter)
    clock.advance(float(SLOTS) * 2)
    assert waiter.times == []


def test_one_can_end_another_that_is_due_at_the_same_time() -> None:
    clock, wheel = started()
    first, second = Waiter(clock), Waiter(clock)
    first.on_time = lambda: (wheel.forget(second), first.times.append(1.0), 0.0)[-1]  # type: ignore[method-assign]
    second.on_time = lambda: (wheel.forget(first), second.times.append(1.0), 0.0)[-1]  # type: ignore[method-assign]
    wheel.move(first, 3.0)
    wheel.move(second, 3.0)
    clock.advance(3.0)
    assert first.times + second.times == [1.0]


def test_a_failing_waiter_does_not_stop_the_wheel() -> None:
    clock, wheel = started()
    waiter, bad = Waiter(clock), Waiter(clock)
    bad.on_time = lambda: 1 / 0  # type: ignore[method-assign]
    wheel.move(bad, 3.0)
    wheel.move(waiter, 4.0)
    try:
        clock.advance(3.0)
    except ZeroDivisionError:
        pass
    clock.advance(1.0)
    assert waiter.times == [4.0]


def test_a_delay_beyond_the_wheel_is_its_longest() -> None:
    clock, wheel = started()
    waiter = Waiter(clock)
    wheel.move(waiter, 10_000.0)
    clock.advance(SLOTS - 1.5)
    assert waiter.times == []
    clock.advance(1.0)
    assert waiter.times == [float(SLOTS - 1)]


def test_a_stopped_wheel_leaves_nothing_in_the_loop() -> None:
    clock, wheel = started()
    wheel.start()
    wheel.stop()
    wheel.stop()
    waiter = Waiter(clock)
    wheel.move(waiter, 1.0)
    clock.advance(50.0)
    assert waiter.times == []


def test_a_crowd_that_is_due_in_the_same_second_is_called_in_pieces() -> None:
    clock, wheel = started()
    crowd = [Waiter(clock) for _ in range(3 * PIECE)]
    for waiter in crowd:
        wheel.move(waiter, 10.0)
    crowd[0].times.append(0.0)
    wheel.forget(crowd[0])
    clock.advance(20.0)
    at = [time for waiter in crowd[1:] for time in waiter.times]
    assert [at.count(time) for time in sorted(set(at))] == [PIECE, PIECE, PIECE - 1]
    assert max(at) == pytest.approx(10.0 + 2 * PAUSE_S)


def test_however_large_a_crowd_is_all_are_called_within_the_second() -> None:
    clock, wheel = started()
    crowd = [Waiter(clock, again_s=5.0) for _ in range(2 * PIECE * PIECES + 7)]
    for waiter in crowd:
        wheel.move(waiter, 10.0)
    clock.advance(10.0 + SLOT_S)
    assert {len(waiter.times) for waiter in crowd} == {1}
    clock.advance(5.0)
    assert {len(waiter.times) for waiter in crowd} == {2}


def test_a_wheel_that_is_stopped_in_the_middle_of_a_crowd_calls_nobody_more() -> None:
    clock, wheel = started()
    crowd = [Waiter(clock) for _ in range(2 * PIECE)]
    for waiter in crowd:
        wheel.move(waiter, 10.0)
    clock.advance(10.0)
    wheel.stop()
    clock.advance(5.0)
    assert sum(len(waiter.times) for waiter in crowd) == PIECE
