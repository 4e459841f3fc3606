"""The event loop as the core's `Scheduler`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class LoopClock:
    """Time and turns of one asyncio loop."""

    __slots__ = ("later", "now", "soon")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # bound methods of the loop itself: a wake-up costs no call of ours
        self.now: Callable[[], float] = loop.time
        self.soon: Callable[..., object] = loop.call_soon
        self.later: Callable[..., asyncio.TimerHandle] = loop.call_later

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()
