"""When a cluster grows and shrinks: plain rules over measured load, with no clock and no Ray of their own.

It grows by one node when the whole has been above a load for a while, and what was asked for before is there; it gives one
back when the rest would have been below a lower load for a longer while. Between the two loads nothing happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cluster.figures import CellStats
from cluster.nodes import Node, roles_of


class Limits(NamedTuple):
    """How far it goes, and how soon."""

    least_nodes: int = 1
    most_nodes: int = 1
    grow_above: float = 0.7
    shrink_below: float = 0.35
    grow_after_s: float = 60.0
    shrink_after_s: float = 600.0


class Elastic:
    """How many nodes for chat are wanted. Call `decide` often."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.wanted = 0
        """So many nodes are asked for; 0 before the first look."""
        self._high_since: float | None = None
        self._low_since: float | None = None

    def decide(self, now: float, load: float | None, nodes: int) -> int:
        """`load`: the mean of cells for chat, 1 is all they can bear, None where none was measured; `nodes`: those they are on."""
        limits = self._limits
        # What is there is used, also where nobody asked for it.
        self.wanted = max(self.wanted, nodes, limits.least_nodes)
        is_settled = nodes == self.wanted
        high = load is not None and is_settled and load > limits.grow_above
        low = load is not None and is_settled and nodes > 1 and load * nodes / (nodes - 1) < limits.shrink_below
        self._high_since = (now if self._high_since is None else self._high_since) if high else None
        self._low_since = (now if self._low_since is None else self._low_since) if low else None
        if self._high_since is not None and now - self._high_since >= limits.grow_after_s and self.wanted < limits.most_nodes:
            self._want(self.wanted + 1)
        elif self._low_since is not None and now - self._low_since >= limits.shrink_after_s and self.wanted > limits.least_nodes:
            self._want(self.wanted - 1)
        return self.wanted

    def _want(self, nodes: int) -> None:
        self.wanted = nodes
        self._high_since = self._low_since = None


def staying(nodes: Iterable[Node], wanted: int, busy: Mapping[str, float], leaving: Iterable[str], home: str) -> tuple[str, ...]:
    """Which nodes for chat keep their cells where only so many are wanted: the one that the data is on, then those that are not
    already leaving, then the busiest. The ids."""
    chat = [node.id for node in nodes if "chat" in roles_of(node.labels)]
    gone = set(leaving)
    return tuple(sorted(chat, key=lambda node: (node != home, node in gone, -busy.get(node, 0.0), node))[:wanted])


def cell_load(before: CellStats, now: CellStats, max_connections: int) -> float:
    """How much of what it can bear a cell bears: of one core, or of its connections, whichever is more."""
    seconds = now["at"] - before["at"]
    cpu = (now["cpu_s"] - before["cpu_s"]) / seconds if seconds > 0 else 0.0
    return max(cpu, now["connections"] / max_connections)
