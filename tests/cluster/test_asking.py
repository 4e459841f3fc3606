"""Asking somebody who is just being restarted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.asking import Away, ask_again
from cluster.problems import StartProblem


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def away_until(time: Time, at: float) -> Callable[[], str]:
    def once() -> str:
        if time.now < at:
            raise Away("it died")
        return "here"

    return once


def test_who_comes_back_in_time_answers() -> None:
    time = Time()
    assert ask_again(away_until(time, 103.0), 5.0, now=lambda: time.now, sleep=time.sleep) == "here"
    assert 103.0 <= time.now < 104.0


def test_who_does_not_come_back_is_told_in_one_sentence_when_the_time_is_over() -> None:
    time = Time()
    with pytest.raises(StartProblem, match=r"did not come back within 5 s \(it died\)"):
        ask_again(away_until(time, 1e9), 5.0, now=lambda: time.now, sleep=time.sleep)
    assert 105.0 <= time.now < 106.0


def test_an_answer_that_is_a_refusal_is_not_asked_for_again() -> None:
    asked = []

    def once() -> str:
        asked.append(1)
        raise StartProblem("no")

    with pytest.raises(StartProblem, match="no"):
        ask_again(once, 5.0, sleep=lambda _: None)
    assert len(asked) == 1


def test_what_must_not_be_done_twice_is_asked_once() -> None:
    with pytest.raises(StartProblem, match="look whether this was done"):
        ask_again(away_until(Time(), 1e9), 0.0)
