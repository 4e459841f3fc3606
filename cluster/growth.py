"""A cluster that grows and shrinks with its load: what is measured goes in, which nodes get cells comes out, and the autoscaler
is asked for what is short. The rules are in `cluster.elastic`; Ray is handed in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping

from cluster.elastic import Elastic, Limits, cell_load, staying
from cluster.figures import CellStats
from cluster.nodes import Node, WantedCell, roles_of
from cluster.settings import Settings
from gateway.logs import event_log

_log = event_log("cluster.growth")


class Growth:
    """Of one cluster. `ask` asks for so many nodes for chat. `wanted`, `leaving`: what an earlier supervisor had decided."""

    def __init__(
        self, settings: Settings, home: str, ask: Callable[[int], Awaitable[None]], wanted: int = 0, leaving: Iterable[str] = ()
    ) -> None:
        self._elastic = Elastic(limits_of(settings))
        self._elastic.wanted = wanted
        self._max_connections = settings.max_connections
        self._home = home
        self._ask = ask
        self._asked = 0
        self._before: dict[str, CellStats] = {}
        self.leaving: frozenset[str] = frozenset(leaving)
        """Nodes that are to have no cells any more, until Ray has taken them away or they are wanted again."""

    async def nodes_to_use(
        self, now: float, nodes: Iterable[Node], stats: Mapping[str, CellStats], places: Mapping[str, WantedCell]
    ) -> list[Node]:
        """Which of the living nodes are to have cells. `stats`: of serving cells, by name; `places`: where cells are."""
        nodes = list(nodes)
        chat = {node.id for node in nodes if "chat" in roles_of(node.labels)}
        busy = self._loads(stats, places)
        used = chat - self.leaving
        load = sum(busy[node] for node in used) / len(used) if used and used <= set(busy) else None
        wanted = self._elastic.decide(now, load, len(used))
        stay = staying(nodes, wanted, busy, self.leaving, self._home)
        self.leaving = frozenset(chat - set(stay))
        if wanted != self._asked:
            _log.info("nodes_asked", nodes=wanted, before=self._asked, load=round(load, 3) if load is not None else None)
            await self._ask(wanted)
            self._asked = wanted
        return [node for node in nodes if node.id not in self.leaving]

    @property
    def wanted(self) -> int:
        """So many nodes for chat are wanted; 0 before the first look."""
        return self._elastic.wanted

    async def end(self) -> None:
        """Nothing is asked for any more."""
        if self._asked:
            await self._ask(0)

    def _loads(self, stats: Mapping[str, CellStats], places: Mapping[str, WantedCell]) -> dict[str, float]:
        """Node -> mean load of its cells for chat, as far as they were measured twice."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        for name, now in stats.items():
            before, cell = self._before.get(name), places.get(name)
            if cell is not None and before is not None and before["life"] == now["life"] and "chat" in cell.labels:
                found[cell.node].append(cell_load(before, now, self._max_connections))
        self._before = dict(stats)
        return {node: sum(loads) / len(loads) for node, loads in found.items()}


def limits_of(settings: Settings) -> Limits:
    """The settings' part in it."""
    return Limits(
        settings.least_nodes,
        settings.most_nodes,
        settings.grow_above,
        settings.shrink_below,
        settings.grow_after_s,
        settings.shrink_after_s,
    )
