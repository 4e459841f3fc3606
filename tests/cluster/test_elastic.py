"""When a cluster grows and shrinks, under a hand-moved clock."""

from __future__ import annotations

from cluster.elastic import Elastic, Limits, cell_load, staying
from cluster.figures import CellStats
from cluster.nodes import ROLES_LABEL, Node

LIMITS = Limits(least_nodes=1, most_nodes=3, grow_above=0.7, shrink_below=0.35, grow_after_s=60.0, shrink_after_s=600.0)


def after(elastic: Elastic, start: float, seconds: float, load: float | None, nodes: int) -> int:
    """What is wanted when that load has lasted so long."""
    elastic.decide(start, load, nodes)
    return elastic.decide(start + seconds, load, nodes)


def test_what_is_there_is_used_also_where_nobody_asked_for_it() -> None:
    elastic = Elastic(LIMITS)
    assert elastic.decide(0.0, 0.5, 2) == 2
    assert elastic.decide(1.0, 0.5, 9) == 9
    assert Elastic(LIMITS._replace(least_nodes=2)).decide(0.0, None, 1) == 2


def test_one_more_is_wanted_after_a_high_load_that_lasts() -> None:
    elastic = Elastic(LIMITS)
    assert after(elastic, 0.0, 59.9, 0.8, 1) == 1
    assert elastic.decide(60.0, 0.8, 1) == 2


def test_a_peak_that_passes_begins_anew() -> None:
    elastic = Elastic(LIMITS)
    after(elastic, 0.0, 50.0, 0.8, 1)
    elastic.decide(55.0, 0.6, 1)
    assert after(elastic, 56.0, 59.0, 0.8, 1) == 1
    assert elastic.decide(116.0, 0.8, 1) == 2


def test_nothing_more_is_wanted_before_what_was_asked_for_is_there_and_felt() -> None:
    elastic = Elastic(LIMITS)
    assert after(elastic, 0.0, 60.0, 0.9, 1) == 2
    assert after(elastic, 61.0, 1000.0, 0.9, 1) == 2
    assert after(elastic, 1100.0, 59.0, 0.9, 2) == 2
    assert elastic.decide(1160.0, 0.9, 2) == 3


def test_never_more_than_the_most_and_never_fewer_than_the_least() -> None:
    elastic = Elastic(LIMITS)
    assert after(elastic, 0.0, 1000.0, 1.0, 3) == 3
    elastic = Elastic(LIMITS._replace(least_nodes=2))
    assert after(elastic, 0.0, 1000.0, 0.0, 2) == 2


def test_one_is_given_back_after_a_low_load_that_lasts_longer() -> None:
    elastic = Elastic(LIMITS)
    assert after(elastic, 0.0, 599.0, 0.1, 3) == 3
    assert elastic.decide(600.0, 0.1, 3) == 2
    assert after(elastic, 601.0, 599.0, 0.1, 2) == 2


def test_none_is_given_back_where_the_rest_would_have_to_bear_too_much() -> None:
    assert after(Elastic(LIMITS), 0.0, 10_000.0, 0.2, 2) == 2
    assert after(Elastic(LIMITS), 0.0, 10_000.0, 0.17, 2) == 1


def test_growing_makes_no_load_at_which_it_shrinks_again() -> None:
    load_after_growing = LIMITS.grow_above * 1 / 2
    assert after(Elastic(LIMITS), 0.0, 10_000.0, load_after_growing, 2) == 2


def test_where_nothing_was_measured_nothing_happens() -> None:
    assert after(Elastic(LIMITS), 0.0, 10_000.0, None, 2) == 2


def chat(*ids: str) -> list[Node]:
    return [Node(name, name) for name in ids]


def test_the_node_with_the_data_stays_then_the_busiest() -> None:
    busy = {"a": 0.1, "b": 0.5, "c": 0.9}
    assert staying(chat("a", "b", "c"), 2, busy, [], "a") == ("a", "c")
    assert set(staying(chat("a", "b", "c"), 3, busy, [], "a")) == {"a", "b", "c"}


def test_a_node_that_is_leaving_goes_on_leaving_and_stays_where_it_is_wanted_again() -> None:
    assert staying(chat("a", "b", "c"), 2, {"b": 0.0, "c": 0.9}, ["c"], "a") == ("a", "b")
    assert set(staying(chat("a", "b", "c"), 3, {}, ["c"], "a")) == {"a", "b", "c"}


def test_nodes_that_are_not_for_chat_are_not_counted() -> None:
    nodes = [*chat("a", "b"), Node("g", "g", {ROLES_LABEL: "gpu"})]
    assert staying(nodes, 2, {"g": 1.0}, [], "a") == ("a", "b")


def stats(at: float, cpu_s: float, connections: int) -> CellStats:
    return CellStats(at=at, cpu_s=cpu_s, connections=connections)  # type: ignore[typeddict-item]


def test_a_cell_bears_what_it_has_most_of() -> None:
    assert cell_load(stats(10.0, 5.0, 0), stats(12.0, 6.5, 10), 100) == 0.75
    assert cell_load(stats(10.0, 5.0, 0), stats(12.0, 5.1, 90), 100) == 0.9
    assert cell_load(stats(10.0, 5.0, 0), stats(10.0, 5.0, 0), 100) == 0.0
