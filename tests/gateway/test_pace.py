"""The rate at which newcomers are served, under a hand-moved clock: what the loop's CPU says is what it follows."""

from __future__ import annotations

import pytest

from gateway.pace import BURST, FIRST_PER_S, LEAST_PER_S, MOST_PER_S, TICK_S, Pace


class Loop:
    """A loop that spends a fixed CPU on each newcomer, and a fixed share of its time on others."""

    def __init__(self, pace: Pace, each_s: float, others: float = 0.0) -> None:
        self.pace = pace
        self.each_s = each_s
        self.others = others
        self.now = 0.0
        self.cpu_s = 0.0
        pace.begin(0.0, 0.0)

    def run(self, seconds: float) -> tuple[float, float]:
        """Newcomers a second, and the share of the time that was used."""
        began, cpu_s, served = self.now, self.cpu_s, 0
        while self.now < began + seconds:
            count = self.pace.tick(self.now, self.cpu_s)
            served += count
            work_s = count * self.each_s + self.others * TICK_S
            self.cpu_s += work_s
            self.now += max(TICK_S, work_s)
        return served / (self.now - began), (self.cpu_s - cpu_s) / (self.now - began)


def test_a_few_are_served_at_once_and_no_more_than_the_rate_after_them() -> None:
    pace = Pace(0.6)
    assert [pace.takes(1.0) for _ in range(10)].count(True) == BURST
    assert not pace.takes(1.0 + 0.5 / FIRST_PER_S)
    assert pace.takes(1.0 + 1.5 / FIRST_PER_S)


@pytest.mark.parametrize("each_s", [0.0002, 0.0005, 0.002])
def test_newcomers_take_the_share_of_the_loop_and_no_more_however_dear_they_are(each_s: float) -> None:
    loop = Loop(Pace(0.6), each_s)
    loop.run(2.0)
    per_s, used = loop.run(5.0)
    assert 0.45 <= used <= 0.7
    assert per_s == pytest.approx(used / each_s, rel=0.01)


def test_what_others_use_is_taken_from_the_newcomers() -> None:
    alone, beside = Loop(Pace(0.6), 0.001), Loop(Pace(0.6), 0.001, others=0.4)
    for loop in (alone, beside):
        loop.run(2.0)
    assert beside.run(5.0)[0] < 0.6 * alone.run(5.0)[0]


def test_a_loop_that_is_busy_with_others_lets_the_least_in_all_the_same() -> None:
    loop = Loop(Pace(0.6), 0.0001, others=0.95)
    loop.run(2.0)
    assert loop.run(5.0)[0] == pytest.approx(LEAST_PER_S, rel=0.05)


def test_a_share_of_one_keeps_nobody_for_the_sake_of_others() -> None:
    loop = Loop(Pace(1.0), 0.00001)
    loop.run(2.0)
    assert loop.run(1.0)[0] == pytest.approx(MOST_PER_S, rel=0.05)


def test_the_rate_of_a_storm_is_kept_for_the_next_and_its_credit_is_not() -> None:
    pace = Pace(0.6)
    loop = Loop(pace, 0.0005)
    loop.run(3.0)
    learned = pace.per_s
    assert not pace.takes(loop.now - TICK_S)
    most = max(BURST, 2 * learned * TICK_S)
    assert sum(pace.takes(loop.now + 3600.0) for _ in range(1000)) == int(most)
