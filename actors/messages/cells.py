"""Requests to ``report:LIFE~``, one a cell: what a cell has to say of itself, for those who ask any cell about all of them."""

from __future__ import annotations

from typing import ClassVar

from actors.runtime.actor import Request
from actors.runtime.plain import Message


class Figures(Message, frozen=True, gc=False):
    """A cell's metrics, as Prometheus reads them."""

    text: bytes


class ReadFigures(Request[Figures], frozen=True, gc=False):
    """The metrics of this cell."""

    bulk: ClassVar[bool] = True


class HealthFound(Message, frozen=True, gc=False):
    """What the health probe of a cell found lately."""

    ok: bool
    took_ms: float
    code: str = ""
    """Why it is not well."""
    step: str = ""
    """Where the probe was stuck."""


class ReadHealth(Request[HealthFound], frozen=True, gc=False):
    """Whether messages are delivered by this cell."""
