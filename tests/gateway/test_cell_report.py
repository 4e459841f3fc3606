"""A cell answers others about itself, as an actor that is reached by its life."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from actors.errors import Unavailable
from actors.messages.cells import ReadFigures, ReadHealth
from actors.runtime.actor import pinned_id
from actors.runtime.cell import Cell
from gateway.api.bridge import ask
from gateway.cell_report import KIND, CellReport, report_kind
from gateway.health import Health
from gateway.loop_clock import LoopClock
from gateway.metrics import Metrics
from tests.kit.clock import Clock


def asked(probe: Any, *requests: Any) -> list[Any]:
    """What a cell answers in an event loop of its own."""

    async def story() -> list[Any]:
        metrics = Metrics("c1", {"commits": lambda: 7.0})
        health = Health(probe, Clock().now)
        cell = Cell("c1.1", LoopClock(asyncio.get_running_loop()), [report_kind(lambda: CellReport(metrics, health))])
        return await asyncio.gather(*(ask(cell, pinned_id(KIND, "c1.1"), request) for request in requests))

    return asyncio.run(story())


def test_figures_and_health_are_told() -> None:
    async def probe() -> Mapping[str, Any]:
        return {}

    figures, health = asked(probe, ReadFigures(), ReadHealth())
    assert b'warbler_commits_total{cell="c1"} 7.0' in figures.text
    assert (health.ok, health.code) == (True, "")


def test_what_is_not_well_is_told_with_its_code_and_a_probe_serves_all_who_ask() -> None:
    runs: list[int] = []

    async def probe() -> Mapping[str, Any]:
        runs.append(1)
        raise Unavailable

    found = asked(probe, ReadHealth(), ReadHealth(), ReadHealth())
    assert [(health.ok, health.code) for health in found] == [(False, "unavailable")] * 3
    assert len(runs) == 1


def test_a_report_of_another_life_is_not_made_here() -> None:
    async def story() -> None:
        cell = Cell("c1.1", LoopClock(asyncio.get_running_loop()), [])
        with pytest.raises(Unavailable):
            await ask(cell, pinned_id(KIND, "c2.1"), ReadFigures())

    asyncio.run(story())
