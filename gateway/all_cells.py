"""Metrics and health of all cells from whichever was asked: several share a port, and a client cannot choose among them.

The others are asked over the links, all at once, for a bounded time. One that does not answer is shown as missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from actors.errors import ChatError, Unavailable
from actors.messages.cells import HealthFound, ReadFigures, ReadHealth
from actors.ports import Asker
from actors.runtime.actor import R, Request, pinned_id
from gateway.api.bridge import ask
from gateway.cell_report import KIND, found
from gateway.health import Health
from gateway.metrics import Metrics, joined, up_text

LIMIT_S = 1.5
"""How long the other cells are waited for."""
HEALTH_LIMIT_S = 2.5
"""The same where each may have to run its probe first, which is given two seconds."""
HEALTH_KEPT_S = 2.0
"""Anybody may ask for health: so long an answer about the others is good for."""
MISSING = "no_answer"
"""The code of a cell that did not answer."""


class Other(NamedTuple):
    """Another cell of the view."""

    name: str
    life: str


class AllCells:
    """Belongs to one loop."""

    def __init__(
        self, name: str, asker: Asker, others: Callable[[], Sequence[Other]], metrics: Metrics, health: Health, now: Callable[[], float]
    ) -> None:
        """`name`: of this cell; `others`: those in the view besides it."""
        self._name = name
        self._asker = asker
        self._others = others
        self._metrics = metrics
        self._health = health
        self._now = now
        self._asking: asyncio.Task[dict[str, HealthFound | None]] | None = None
        self._asked_at = 0.0

    async def figures(self, *, alone: bool = False) -> bytes:
        """The metrics of all cells, or of this one alone; and which of them answered."""
        own = self._metrics.render()
        if alone:
            return own
        others = list(self._others())
        answers = await self._ask_all(others, ReadFigures(), LIMIT_S)
        up = {self._name: True} | {other.name: answer is not None for other, answer in zip(others, answers, strict=True)}
        return joined([up_text(up), own, *(answer.text for answer in answers if answer is not None)])

    async def health(self) -> tuple[bool, bool, dict[str, Any]]:
        """Whether this cell is well; whether all are; and details, of this cell first and then of each."""
        own, others = await asyncio.gather(self._health.report(), self._others_health())
        cells = {self._name: _told(found(own))} | {name: _told(answer) for name, answer in others.items()}
        return own.ok, all(cell["ok"] for cell in cells.values()), {**own.details, "cells": cells}

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    async def _others_health(self) -> dict[str, HealthFound | None]:
        if self._asking is None or (self._asking.done() and self._now() - self._asked_at >= HEALTH_KEPT_S):
            self._asked_at = self._now()
            # A task of its own: an asker that goes away must not take the answer from the others.
            self._asking = asyncio.get_running_loop().create_task(self._ask_health(), name="health of the other cells")
        return await asyncio.shield(self._asking)

    async def _ask_health(self) -> dict[str, HealthFound | None]:
        others = list(self._others())
        answers = await self._ask_all(others, ReadHealth(), HEALTH_LIMIT_S)
        return {other.name: answer for other, answer in zip(others, answers, strict=True)}

    async def _ask_all(self, others: Sequence[Other], request: Request[R], limit_s: float) -> list[R | None]:
        """Their answers, in order; None where there was none in time."""
        asked = (self._ask(other, request, limit_s) for other in others)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, ChatError):
                raise answer
        return [None if isinstance(answer, BaseException) else answer for answer in answers]

    async def _ask(self, other: Other, request: Request[R], limit_s: float) -> R:
        try:
            async with asyncio.timeout(limit_s):
                return await ask(self._asker, pinned_id(KIND, other.life), request, timeout=limit_s)
        except TimeoutError as late:
            raise Unavailable from late


def _told(answer: HealthFound | None) -> dict[str, Any]:
    if answer is None:
        return {"ok": False, "code": MISSING}
    why = {name: value for name, value in (("code", answer.code), ("step", answer.step)) if value}
    return {"ok": answer.ok, "took_ms": answer.took_ms, **why}
