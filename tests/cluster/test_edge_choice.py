"""Which edges clients are sent to."""

from __future__ import annotations

import random
from collections import Counter

from cluster.edge_choice import MAX_NAMED, edges_for, places
from cluster.loads import Load


def edge(name: str, connections: int, weight: float = 1.0, *, url: str | None = None, draining: bool = False) -> Load:
    """One cell's figures."""
    return Load(f"{name}.1", name, f"ws://{name}/ws" if url is None else url, connections, weight, draining=draining)


def firsts(loads: list[Load], clients: int = 4_000) -> Counter[str]:
    """How often each is named first."""
    chance = random.Random(5)
    return Counter(edges_for(loads, chance)[0][5:-3] for _ in range(clients))


def test_edges_without_a_difference_are_named_first_equally_often() -> None:
    counts = firsts([edge("a", 100), edge("b", 100), edge("c", 100)])
    assert max(counts.values()) < 1.1 * min(counts.values())


def test_the_emptiest_edge_is_named_first_by_far_most_often_but_not_to_everybody() -> None:
    counts = firsts([edge("a", 1_000), edge("b", 0)])
    assert 0.85 < counts["b"] / 4_000 < 0.97


def test_a_heavier_edge_is_named_first_more_often_and_as_full_as_the_others_by_its_weight() -> None:
    counts = firsts([edge("a", 100, 1.0), edge("b", 300, 3.0)])
    assert 0.70 < counts["b"] / 4_000 < 0.80


def test_everybody_is_named_all_edges_each_once_up_to_a_bound() -> None:
    assert sorted(edges_for([edge("a", 5), edge("b", 900)], random.Random(1))) == ["ws://a/ws", "ws://b/ws"]
    assert len(edges_for([edge(f"c{number}", number) for number in range(30)], random.Random(1))) == MAX_NAMED


def test_cells_that_are_to_be_emptied_or_have_no_address_are_left_out() -> None:
    loads = [edge("a", 5, draining=True), edge("b", 5, url=""), edge("c", 5), edge("d", 5, 0.0)]
    assert edges_for(loads, random.Random(1)) == ["ws://c/ws"]
    assert edges_for([], random.Random(1)) == []


def test_cells_behind_one_address_count_together() -> None:
    assert places([edge("a", 5, url="ws://x/ws"), edge("b", 7, 2.0, url="ws://x/ws")]) == [("ws://x/ws", 12, 3.0)]


def test_a_crowd_that_comes_between_two_beats_does_not_all_go_to_one_edge() -> None:
    counts = firsts([edge("a", 0), edge("b", 0), edge("c", 0), edge("d", 40)], 2_000)
    assert all(counts[name] > 200 for name in "abc")
