"""Asking somebody who may just be dying, or coming back: again within a bound, then one clear sentence. No Ray here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from cluster.problems import StartProblem

T = TypeVar("T")
LOOK_S = 0.3
"""Between two tries."""


class Away(Exception):
    """Whoever was asked died, or is not there yet; nobody knows whether it did what it was asked."""


def ask_again(
    once: Callable[[], T], limit_s: float, *, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> T:
    """The answer of the first try that has one; a limit of 0 is for what must not be done twice. Raises `StartProblem` where none has within `limit_s`, and whatever else `once` raises."""
    end = now() + limit_s
    while True:
        try:
            return once()
        except Away as error:
            if not limit_s:
                raise StartProblem(f"The supervisor died meanwhile ({error}): look whether this was done, before you repeat it.") from error
            if now() >= end:
                raise StartProblem(
                    f"The supervisor did not come back within {limit_s:.0f} s ({error}); the cells serve all the same. Its log is "
                    "`log/supervisor.log` in the data folder."
                ) from error
        sleep(LOOK_S)
