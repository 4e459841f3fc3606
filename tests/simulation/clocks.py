"""The time of one simulated process: its own drift and jumps, and it can be frozen or dead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.kit.clock import Clock


class Due:
    """A callback of one process. It also counts as cancelled while it waits in a frozen process."""

    __slots__ = ("args", "callback")

    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.callback: Callable[..., Any] | None = callback
        self.args = args

    def cancel(self) -> None:
        """Forget it."""
        self.callback = None
        self.args = ()


class CellClock:
    """The clock and the turns of one process. Implements `Scheduler`.

    A frozen process runs nothing; what became due meanwhile runs, in order, when it goes on. Its clocks have moved on then.
    """

    def __init__(self, world: Clock, *, drift: float = 1.0, wall_offset: float = 0.0) -> None:
        self.is_frozen = False
        self.is_dead = False
        self._world = world
        self._drift = drift
        self._started = world.now()
        self._wall_offset = wall_offset + world.wall() - world.now()
        self._backlog: list[Due] = []

    # --- Scheduler ---

    def now(self) -> float:
        """Seconds of the monotonic clock of this machine."""
        return self._started + (self._world.now() - self._started) * self._drift

    def wall(self) -> float:
        """What this machine thinks that the time is."""
        return self.now() + self._wall_offset

    def soon(self, callback: Callable[..., Any], *args: Any) -> Due:
        """Run it in the next turn."""
        due = Due(callback, args)
        self._world.soon(self._run, due)
        return due

    def later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Due:
        """Run it after `delay` seconds of this clock."""
        due = Due(callback, args)
        self._world.later(delay / self._drift, self._run, due)
        return due

    # --- faults ---

    def freeze(self) -> None:
        """The process is stopped, as by SIGSTOP."""
        self.is_frozen = True

    def thaw(self) -> None:
        """It goes on, with all that it believed."""
        self.is_frozen = False
        backlog, self._backlog = self._backlog, []
        for due in backlog:
            self._world.soon(self._run, due)

    def die(self) -> None:
        """Nothing of this process runs any more."""
        self.is_dead = True
        self._backlog.clear()

    def jump(self, seconds: float) -> None:
        """Somebody sets the people's clock of this machine."""
        self._wall_offset += seconds

    def _run(self, due: Due) -> None:
        if self.is_dead:
            return
        if self.is_frozen:
            self._backlog.append(due)
            return
        callback, args = due.callback, due.args
        if callback is not None:
            due.cancel()
            callback(*args)
