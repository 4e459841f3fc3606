"""One cell's word on itself, for the cell that was asked about all: an actor, so that it is reached over the links."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from actors.errors import Unavailable
from actors.messages.cells import Figures, HealthFound, ReadFigures, ReadHealth
from actors.runtime.actor import Actor, reads
from actors.runtime.kinds import Kind
from actors.runtime.promise import Promise
from gateway.health import Health, Report
from gateway.metrics import Metrics

KIND = "report"
AT_ONCE = 64
"""Requests under way; beyond it: `overloaded`, and this cell is shown as one that does not answer."""
T = TypeVar("T")


class CellReport(Actor):
    """``report:LIFE~``."""

    rank = 9

    def __init__(self, metrics: Metrics, health: Health) -> None:
        self._metrics = metrics
        self._health = health
        self._tasks: set[asyncio.Task[Report]] = set()

    @reads(ReadFigures)
    def on_read_figures(self, request: ReadFigures) -> Figures:
        """See `ReadFigures`."""
        return Figures(self._metrics.render())

    @reads(ReadHealth)
    async def on_read_health(self, request: ReadHealth) -> HealthFound:
        """See `ReadHealth`; the probe runs at most once in the time for which its answer is good."""
        return found(await self._promised(self._health.report()))

    def _promised(self, work: Coroutine[Any, Any, Report]) -> Promise[Report]:
        promise: Promise[Report] = Promise()
        task = asyncio.get_running_loop().create_task(work, name="health for another cell")
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, promise))
        return promise

    def _ended(self, task: asyncio.Task[Report], promise: Promise[Report]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            promise.reject(Unavailable(retry_after=1.0))
        elif (error := task.exception()) is not None:
            promise.reject(error)
        else:
            promise.resolve(task.result())


def found(report: Report) -> HealthFound:
    """What crosses a link of a report."""
    details = report.details
    return HealthFound(report.ok, float(details["took_ms"]), str(details.get("code", "")), str(details.get("step", "")))


def report_kind(make: Callable[[], CellReport]) -> Kind:
    """The kind of actor, for `Cell.add_kinds`."""
    return Kind(KIND, CellReport.rank, lambda ctx: make(), pinned=True, reads=AT_ONCE)
