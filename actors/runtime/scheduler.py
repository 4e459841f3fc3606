"""Time and turns, handed in: the event loop in production, a hand-moved clock in tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Timer(Protocol):
    """A callback that waits for its time."""

    def cancel(self) -> None:
        """Forget it; harmless when it has already run."""


class Scheduler(Protocol):
    """What the core asks of an event loop."""

    def now(self) -> float:
        """Seconds of a monotonic clock."""

    def wall(self) -> float:
        """Seconds since 1970, for people to read; never used to decide order or ownership."""

    def soon(self, callback: Callable[..., Any], *args: Any) -> object:
        """Run `callback(*args)` in the loop's next turn."""

    def later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Timer:
        """Run `callback(*args)` after `delay` seconds."""
