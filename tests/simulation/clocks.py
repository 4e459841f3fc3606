"""The time of one simulated process: its own drift and jumps, and it can be frozen or dead. And an event loop on it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
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


class _Turn(asyncio.TimerHandle):
    """A callback of the loop below."""

    def __init__(self, when: float, callback: Callable[..., Any], args: tuple[Any, ...], loop: Loop, context: Any) -> None:
        super().__init__(when, callback, args, loop, context)
        self._work = (context or contextvars.copy_context(), callback, args)

    def run(self) -> None:
        """What an event loop does with it."""
        context, callback, args = self._work
        if not self.cancelled():
            context.run(callback, *args)


class Loop(asyncio.AbstractEventLoop):
    """An event loop on the clock of a process, so that code written for asyncio runs here unchanged. No sockets, no threads."""

    def __init__(self, clock: CellClock, on_error: Callable[[str, BaseException | None], None]) -> None:
        self._clock = clock
        self._on_error = on_error
        # An owner for every task: those of a dead process wait for ever, and nothing may hear of their end.
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def time(self) -> float:
        return self._clock.now()

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        turn = _Turn(0.0, callback, args, self, context)
        self._clock.soon(self._run, turn)
        return turn

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        turn = _Turn(self._clock.now() + delay, callback, args, self, context)
        self._clock.later(delay, self._run, turn)
        return turn

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        return self.call_later(max(0.0, when - self._clock.now()), callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Any = None) -> asyncio.Task[Any]:  # type: ignore[override]
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self._clock.is_dead

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._clock.is_dead:
            self._on_error(str(context.get("message")), context.get("exception"))

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Asked of every loop; the clock passes cancelled turns over by itself."""

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine; what it raises is an error of the process."""
        self.call_soon(self._begin, work)

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        task = self.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        del self._tasks[task]
        if not task.cancelled() and task.exception() is not None:
            self._on_error("a task failed", task.exception())

    def _run(self, turn: _Turn) -> None:
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            turn.run()
        finally:
            asyncio._set_running_loop(before)
