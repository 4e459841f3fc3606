"""Python's cycle collector, set for a process that makes many short-lived values and few cycles."""

from __future__ import annotations

import gc

YOUNG = 50_000
"""New containers before the youngest are looked at. The default of 700 costs a tenth of a busy cell's CPU."""
MIDDLE, OLD = 20, 100
"""Rounds of the younger before the older are looked at."""


def settle_collector() -> None:
    """Once, when all is loaded: what lives now lives for ever and need not be looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
