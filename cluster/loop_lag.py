"""How late the event loop wakes up: the one figure that says whether a cell has too much to do."""

from __future__ import annotations

import asyncio

EVERY_S = 0.25


class LoopLag:
    """Looks at the clock every quarter of a second."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None
        self.last_s = 0.0
        self._worst_s = 0.0
        self._recent_s = 0.0

    def start(self) -> None:
        """Begin."""
        self._due = self._loop.time() + EVERY_S
        self._handle = self._loop.call_at(self._due, self._wake)

    def stop(self) -> None:
        """End."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def take_worst_s(self) -> float:
        """The worst since the last call."""
        worst, self._worst_s = max(self._worst_s, self.last_s), 0.0
        return worst

    def take_recent_s(self) -> float:
        """The worst since the last call of this method, which has another caller than the one above."""
        worst, self._recent_s = max(self._recent_s, self.last_s), 0.0
        return worst

    def _wake(self) -> None:
        self.last_s = max(0.0, self._loop.time() - self._due)
        self._recent_s = max(self._recent_s, self.last_s)
        self._worst_s = max(self._worst_s, self.last_s)
        self.start()
