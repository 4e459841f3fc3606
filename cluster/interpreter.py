"""The interpreter's own habits, set for a process with one busy loop, few threads beside it, and many short-lived values."""

from __future__ import annotations

import gc
import sys

YOUNG = 10_000
"""New containers before the youngest are looked at. The default of 700 costs a tenth of a busy cell's CPU; 50,000 stopped the loop
for 20 to 50 ms at a time while many connections were made."""
YOUNG_OF_A_CROWD = 1_000
"""The same while newcomers wait: all that they bring lives on, and to look at ten thousand such values is a stop of 4 to 12 ms for
everybody, whichever thread it falls to."""
MIDDLE, OLD = 1_000, 100
"""Rounds of the younger before the older are looked at. A crowd's rounds are small, and must not bring the next older ones forward."""
SWITCH_S = 0.02
"""After so long a thread that waits for the interpreter makes the running one stop. A turn of the loop is shorter, and lets the
others in at its end; the default of 5 ms cuts turns in two where cells share a core (measured there: a tenth of the CPU)."""


def settle_interpreter() -> None:
    """Once, when all is loaded: what lives now lives for ever and need not be looked at again."""
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


def expect_a_crowd(waits: bool) -> None:
    """Newcomers wait for their turn from now on, or do so no more."""
    gc.set_threshold(YOUNG_OF_A_CROWD if waits else YOUNG, MIDDLE, OLD)
