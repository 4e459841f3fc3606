"""A server on Ray that several scenarios share, each with people of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from cluster.bench.servers import UNLIMITED
from tests.faults.gauge import Report
from tests.faults.on_ray import ON_RAY
from tests.faults.ray_nodes import RayNodes
from tests.faults.storm import LOAD, Seats, Storm

SHARDS = 8


class RunningOnRay:
    """Two nodes, three cells."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self._nodes = RayNodes(folder, UNLIMITED)
        self._seats = Seats(self._nodes.data, LOAD.accounts * len(ON_RAY) * rounds, SHARDS, secrets=self._nodes.secrets)
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    @classmethod
    @contextmanager
    def on(cls, folder: Path, *, rounds: int = 1) -> Iterator[RunningOnRay]:
        """A running one, with people for so many rounds of all scenarios."""
        running = cls(folder, rounds)
        with running._runner as runner:
            try:
                runner.run(running._nodes.start())
                yield running
            finally:
                runner.run(running._nodes.end())

    def play(self, name: str) -> Report:
        """One scenario. Raises `AssertionError` for a broken promise."""
        return self._runner.run(self._play(name))

    async def _play(self, name: str) -> Report:
        await self._nodes.heal()
        storm = Storm(name, self._nodes, self._seats.take(LOAD.accounts))
        return await storm.play(lambda: ON_RAY[name](storm, self._nodes))
