"""Pauses before restarts."""

from __future__ import annotations

from cluster.pauses import Pauses
from cluster.tree import CELL_LIMIT, Limit


def test_the_first_ends_cost_no_pause_and_later_ones_growing_ones() -> None:
    pauses = Pauses(lambda: 100.0)
    assert [pauses.next() for _ in range(CELL_LIMIT.ends)] == [0.0] * CELL_LIMIT.ends
    assert [pauses.next() for _ in range(4)] == [1.0, 2.0, 4.0, 8.0]
    assert max(pauses.next() for _ in range(40)) == CELL_LIMIT.longest_s


def test_ends_of_long_ago_are_forgotten() -> None:
    now = 0.0
    pauses = Pauses(lambda: now)
    for _ in range(CELL_LIMIT.ends + 2):
        pauses.next()
    now = CELL_LIMIT.window_s + 1
    assert pauses.next() == 0.0


def test_a_part_with_another_limit_pauses_by_that() -> None:
    pauses = Pauses(lambda: 0.0, Limit(ends=0, window_s=10.0, first_s=0.5, longest_s=1.5))
    assert [pauses.next() for _ in range(4)] == [0.5, 1.0, 1.5, 1.5]
