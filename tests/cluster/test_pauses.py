"""Pauses before restarts."""

from __future__ import annotations

from cluster.pauses import FREE, LONGEST_S, WINDOW_S, Pauses


def test_the_first_ends_cost_no_pause_and_later_ones_growing_ones() -> None:
    pauses = Pauses(lambda: 100.0)
    assert [pauses.next() for _ in range(FREE)] == [0.0] * FREE
    assert [pauses.next() for _ in range(4)] == [1.0, 2.0, 4.0, 8.0]
    assert max(pauses.next() for _ in range(40)) == LONGEST_S


def test_ends_of_long_ago_are_forgotten() -> None:
    now = 0.0
    pauses = Pauses(lambda: now)
    for _ in range(FREE + 2):
        pauses.next()
    now = WINDOW_S + 1
    assert pauses.next() == 0.0
