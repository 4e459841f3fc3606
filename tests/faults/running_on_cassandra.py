"""A server of plain cells whose database is three real nodes of Cassandra, shared by several scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.faults.nodes import Nodes
from tests.faults.on_cells import Plan
from tests.faults.running import Running


@contextmanager
def on_nodes(folder: Path, plans: Mapping[str, Plan], rounds: int = 1) -> Iterator[Running]:
    """A running one. Its cells reach each other by links and store alone."""
    nodes = Nodes(folder / "database")
    try:
        nodes.start()
        with Running.on(folder / "data", plans, rounds=rounds, apart=True, nodes=nodes) as running:
            yield running
    finally:
        nodes.stop()
