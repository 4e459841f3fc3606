"""How many clients are asked to move: to balance, and to empty an edge."""

from __future__ import annotations

import pytest

from cluster.loads import Load
from cluster.shedding import START_ABOVE, STOP_BELOW, Emptying, Shedding


def edge(name: str, connections: int, weight: float = 1.0, *, url: str | None = None, draining: bool = False) -> Load:
    """One cell's figures."""
    return Load(name, name, f"ws://{name}/ws" if url is None else url, connections, weight, draining=draining)


def test_an_edge_that_is_not_far_above_its_share_asks_nobody() -> None:
    shedding = Shedding("a")
    assert shedding.count([edge("a", int(100 * START_ABOVE)), edge("b", 100), edge("c", 100)], 0, 1.0) == 0
    assert shedding.count([edge("b", 100)], 0, 1.0) == 0
    assert shedding.count([edge("a", 6), edge("b", 0)], 0, 1.0) == 0


def test_it_begins_well_above_its_share_and_stops_near_it() -> None:
    shedding = Shedding("a")
    assert shedding.count([edge("a", 112), edge("b", 88)], 0, 1.0) == 0
    assert shedding.count([edge("a", 120), edge("b", 80)], 0, 1.0) > 0
    assert shedding.count([edge("a", 112), edge("b", 88)], 0, 1.0) > 0
    assert shedding.count([edge("a", int(100 * STOP_BELOW)), edge("b", 95)], 0, 1.0) == 0
    assert shedding.count([edge("a", 112), edge("b", 88)], 0, 1.0) == 0


def test_its_share_is_by_weight() -> None:
    assert Shedding("a").count([edge("a", 300, 3.0), edge("b", 100)], 0, 1.0) == 0
    assert Shedding("b").count([edge("a", 100, 3.0), edge("b", 300)], 0, 1.0) > 0


def test_those_who_were_asked_already_count_as_gone() -> None:
    loads = [edge("a", 200), edge("b", 0)]
    assert Shedding("a").count(loads, 95, 1.0) == 0
    assert 0 < Shedding("a").count(loads, 90, 1.0) <= 5


@pytest.mark.parametrize("others", [[edge("b", 0, draining=True)], [edge("b", 0, url="")], [edge("b", 0, url="ws://a/ws")]])
def test_where_nobody_else_can_be_named_nobody_is_asked(others: list[Load]) -> None:
    assert Shedding("a").count([edge("a", 500), *others], 0, 1.0) == 0


@pytest.mark.parametrize(("total", "cells"), [(2_000, 2), (2_000, 4), (90, 3), (40_000, 8)])
def test_after_a_skewed_start_every_edge_is_near_its_share_within_a_minute(total: int, cells: int) -> None:
    """All are on the first; a client takes five seconds to move, and figures are a second old."""
    here = [total] + [0] * (cells - 1)
    sheddings = [Shedding(str(number)) for number in range(cells)]
    moving: list[list[int]] = [[] for _ in range(cells)]  # second in which each arrives elsewhere
    old = list(here)
    for second in range(60):
        loads = [edge(str(number), count) for number, count in enumerate(old)]
        old = list(here)
        for number, shedding in enumerate(sheddings):
            done = [at for at in moving[number] if at <= second]
            moving[number] = [at for at in moving[number] if at > second]
            for _ in done:
                here[number] -= 1
                here[min(range(cells), key=lambda other: here[other])] += 1
            moving[number] += [second + 5] * shedding.count(loads, len(moving[number]), 1.0)
    assert max(here) <= 1.25 * total / cells
    assert sum(here) == total


def test_an_edge_is_emptied_evenly_over_the_given_time() -> None:
    emptying, here, asked = Emptying(10.0), 1_000, 0
    per_second = []
    for second in range(11):
        count = emptying.count(here, asked, float(second))
        per_second.append(count)
        asked += count
    assert asked == 1_000
    assert max(per_second) <= 120


def test_who_comes_while_it_is_emptied_is_asked_too() -> None:
    emptying = Emptying(10.0)
    assert emptying.count(0, 0, 0.0) == 0
    assert emptying.count(7, 0, 30.0) == 7
