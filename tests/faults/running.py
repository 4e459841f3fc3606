"""A server of plain cells that several scenarios share, each with people of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvloop

from cluster.bench.load import generator_settings
from cluster.bench.servers import UNLIMITED
from tests.faults.cells import Cells
from tests.faults.gauge import Report
from tests.faults.nodes import Nodes
from tests.faults.on_cells import POISON, Plan
from tests.faults.storm import Seats, Storm
from tests.kit.fault_plan import disturbed

NAMES = ("cell-1", "cell-2", "cell-3")
SHARDS = 12


class Running:
    """Cells of some names. `apart`: their links go through a network that can be cut, and they reach each other by nothing else."""

    def __init__(self, data: Path, plans: Mapping[str, Plan], rounds: int, cells: Cells) -> None:
        self._plans = plans
        self._cells = cells
        self._names = frozenset(cells.cells)
        accounts = rounds * sum(plan.shape.accounts + plan.listeners for plan in plans.values())
        self._seats = Seats(data, accounts, SHARDS, store=cells.nodes.url if cells.nodes is not None else "")
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    @classmethod
    @contextmanager
    def on(
        cls,
        data: Path,
        plans: Mapping[str, Plan],
        *,
        rounds: int = 1,
        apart: bool = False,
        names: tuple[str, ...] = NAMES,
        settings: Mapping[str, str] = UNLIMITED,
        nodes: Nodes | None = None,
    ) -> Iterator[Running]:
        """A running one, with people for so many rounds of all scenarios. `nodes`: of the database, which runs."""
        cells = Cells(data, names, {**settings, **disturbed(data, far=apart, crashes=(POISON,))}, apart=apart, nodes=nodes)
        running = cls(data, plans, rounds, cells)
        with running._runner as runner:
            try:
                runner.run(running._cells.start())
                yield running
            finally:
                runner.run(running._cells.end())

    def play(self, name: str) -> Report:
        """One scenario; what an earlier one left broken is mended first. Raises `AssertionError` for a broken promise."""
        with generator_settings(False):
            return self._runner.run(self._play(name))

    async def _play(self, name: str) -> Report:
        for added in set(self._cells.cells) - self._names:
            await self._cells.take_off(added)
        await self._cells.heal()
        plan = self._plans[name]
        storm = Storm(name, self._cells, self._seats.take(plan.shape.accounts + plan.listeners), shape=plan.shape)
        return await storm.play(lambda: plan.fault(storm, self._cells))
