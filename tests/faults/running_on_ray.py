"""A server on Ray that several scenarios share, each with people of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import uvloop

from cluster.bench.load import generator_settings
from cluster.bench.servers import UNLIMITED
from tests.faults.gauge import Report
from tests.faults.on_ray import FOR_LONG, ON_RAY, Fault
from tests.faults.ray_nodes import RayNodes
from tests.faults.storm import LOAD, Seats, Storm

SHARDS = 8
LIGHT = replace(LOAD, pause_s=(1.0, 3.0))
"""For what takes minutes."""


class RunningOnRay:
    """Two nodes, three cells."""

    def __init__(self, folder: Path, plans: Mapping[str, Fault], rounds: int) -> None:
        self._plans = plans
        self._nodes = RayNodes(folder, UNLIMITED)
        self._seats = Seats(self._nodes.data, LOAD.accounts * len(plans) * rounds, SHARDS, secrets=self._nodes.secrets)
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    @classmethod
    @contextmanager
    def on(cls, folder: Path, plans: Mapping[str, Fault] = ON_RAY, *, rounds: int = 1) -> Iterator[RunningOnRay]:
        """A running one, with people for so many rounds of all scenarios."""
        running = cls(folder, plans, rounds)
        with running._runner as runner:
            try:
                runner.run(running._nodes.start())
                yield running
            finally:
                runner.run(running._nodes.end())

    def play(self, name: str) -> Report:
        """One scenario. Raises `AssertionError` for a broken promise."""
        with generator_settings(False):
            return self._runner.run(self._play(name))

    async def _play(self, name: str) -> Report:
        await self._nodes.heal()
        shape = LIGHT if name in FOR_LONG else LOAD
        storm = Storm(name, self._nodes, self._seats.take(shape.accounts), shape=shape)
        return await storm.play(lambda: self._plans[name](storm, self._nodes))
