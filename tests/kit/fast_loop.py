"""An event loop whose time is moved by hand: where nothing is ready to run it is the next timer's time at once.

Everything of asyncio works on it unchanged (`sleep`, `timeout`), takes no time, and happens in the same order in every run. For code
that neither waits for sockets nor for threads.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
LIMIT_S = 3_600.0
"""Seconds of the moved clock that a test may take: beyond it, what it waits for never comes."""


class _Moving(selectors.BaseSelector):
    """Instead of waiting it moves the time on."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = self._real.select(0)
        if not found:
            assert timeout is not None, "everything waits, and nothing will ever happen"
            self.passed += max(0.0, timeout)
        return found

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class FastLoop(asyncio.SelectorEventLoop):
    """The loop; `time` begins at 1,000."""

    def __init__(self) -> None:
        self._moving = _Moving()
        super().__init__(self._moving)

    def time(self) -> float:
        """Seconds of the moved clock."""
        return 1_000.0 + self._moving.passed


async def pass_time(seconds: float) -> None:
    """So long passes on the moved clock, and no time at all."""
    assert isinstance(asyncio.get_running_loop(), FastLoop)
    await asyncio.sleep(seconds)


def play_fast(story: Coroutine[Any, Any, T]) -> T:
    """Run this on a loop of its own."""

    async def within() -> T:
        async with asyncio.timeout(LIMIT_S):
            return await story

    with asyncio.Runner(loop_factory=FastLoop) as runner:
        return runner.run(within())
