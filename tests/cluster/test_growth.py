"""A cluster that grows and shrinks: measured cells go in, nodes and questions to the autoscaler come out."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cluster.figures import CellStats
from cluster.growth import Growth
from cluster.nodes import ROLES_LABEL, Node, WantedCell, wanted_cells
from cluster.settings import Settings

SETTINGS = Settings(
    address="10.0.0.1:6379", secrets=Path("s"), most_nodes=3, grow_after_s=10, shrink_after_s=20, max_connections=100, cells=1
)


class Land:
    """Nodes, cells with as many connections as a test says, and what the autoscaler was asked."""

    def __init__(self, *nodes: str) -> None:
        self.nodes = [Node(name, name) for name in nodes]
        self.asked: list[int] = []
        self.growth = Growth(SETTINGS, "a", self._ask)
        self.now = 0.0

    async def _ask(self, nodes: int) -> None:
        self.asked.append(nodes)

    def look(self, **connections: int) -> list[str]:
        """A look ten seconds later; the ids of the nodes that are to have cells."""
        self.now += 10.0
        cells = {cell.name: cell for cell in wanted_cells(self.nodes, 1)}
        stats = {name: self._stats(name, cell, connections) for name, cell in cells.items() if cell.node in connections}
        return [node.id for node in asyncio.run(self.growth.nodes_to_use(self.now, self.nodes, stats, cells))]

    def _stats(self, name: str, cell: WantedCell, connections: dict[str, int]) -> CellStats:
        return CellStats(name=name, life=name, at=self.now, cpu_s=0.0, connections=connections[cell.node])  # type: ignore[typeddict-item]


def test_a_cluster_that_is_short_asks_for_a_node_uses_it_and_gives_it_back() -> None:
    land = Land("a")
    assert [land.look(a=90) for _ in range(3)] == [["a"]] * 3
    assert land.asked == [1, 2]
    land.nodes.append(Node("b", "b"))
    assert land.look(a=90) == ["a", "b"]
    for _ in range(3):
        assert land.look(a=10, b=2) == ["a", "b"]
    assert land.look(a=10, b=2) == ["a"]
    assert land.asked == [1, 2, 1]
    assert land.look(a=12) == ["a"], "the node is still there, and is left alone until Ray takes it away"
    land.nodes.pop()
    assert land.look(a=12) == ["a"]
    assert land.asked == [1, 2, 1]


def test_a_node_that_is_leaving_is_used_again_where_the_load_comes_back() -> None:
    land = Land("a", "b")
    while land.look(a=5, b=5) != ["a"]:
        pass
    while land.look(a=90) != ["a", "b"]:
        pass
    assert land.asked == [2, 1, 2]
    assert land.growth.leaving == frozenset()


def test_a_node_that_nobody_asked_for_is_used() -> None:
    land = Land("a")
    land.look(a=10)
    land.nodes.append(Node("b", "b"))
    assert land.look(a=10) == ["a", "b"]
    assert land.asked == [1, 2]


def test_a_node_that_died_is_still_asked_for() -> None:
    land = Land("a", "b")
    land.look(a=50, b=50)
    land.nodes.pop()
    for _ in range(20):
        land.look(a=50)
    assert land.asked == [2]


def test_while_a_node_has_no_measured_cell_nothing_is_decided() -> None:
    land = Land("a", "b")
    for _ in range(20):
        assert land.look(a=99) == ["a", "b"]
    assert land.asked == [2]


def test_a_new_life_is_measured_from_its_own_beginning() -> None:
    land = Land("a")
    land.look(a=90)
    land.growth._before = {name: {**stats, "life": "an earlier one"} for name, stats in land.growth._before.items()}  # type: ignore[misc]
    land.look(a=90)
    land.look(a=90)
    assert land.asked == [1]
    land.look(a=90)
    assert land.asked == [1, 2]


def test_nodes_for_scoring_keep_their_cells_and_do_not_count() -> None:
    land = Land("a", "b")
    land.nodes.append(Node("g", "g", {ROLES_LABEL: "gpu"}))
    while land.look(a=1, b=1, g=100) != ["a", "g"]:
        pass
    assert land.asked == [2, 1]


def test_at_the_end_nothing_is_asked_for() -> None:
    land = Land("a")
    land.look(a=1)
    asyncio.run(land.growth.end())
    assert land.asked == [1, 0]


def test_who_follows_a_supervisor_goes_on_with_what_it_had_decided() -> None:
    land = Land("a", "b")
    while land.look(a=5, b=5) != ["a"]:
        pass
    before = land.growth
    land.growth = Growth(SETTINGS, "a", land._ask, before.wanted, before.leaving)
    assert land.look(a=12) == ["a"], "the node that was being given back got cells again"
    assert (land.growth.wanted, land.growth.leaving) == (1, frozenset({"b"}))
