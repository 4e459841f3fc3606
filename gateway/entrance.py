"""Where newcomers wait for their turn, so that a crowd that comes at once holds up nobody who is here already.

What makes a newcomer dear comes in steps: a TLS handshake, a request on a new connection (the upgrade, or `GET /connect` before
it), a `hello`. Each step passes here. While nobody waits and the pace allows it, it is taken at once; else it waits, and every
few milliseconds some are taken: those first who are furthest, devices that come back before new ones.

Bound: `most_waiting` steps. Beyond it a step is refused: a connection is closed or answered with 503 and a time to come again,
a `hello` with `overloaded`. Who waits costs its socket and nothing else; how long one waits is bounded by who owns the step.
"""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from actors.commands import Command, Hello
from actors.runtime.scheduler import Scheduler
from gateway.pace import TICK_S, Pace

logger = logging.getLogger("warbler.gateway")

BACK, NEW, UPGRADE, REQUEST, HANDSHAKE = range(5)
"""What waits, in the order in which it is taken: a `hello` of a device that comes back; of one that is new; the first request of a
connection, for a WebSocket or another one (a client asks `GET /connect` before it: it waits there, and hardly again); a TLS handshake."""
SHARE, MOST_WAITING = 0.2, 4_096
RETRY_S = (2.0, 30.0)
"""The shortest and longest time that somebody is told to stay away."""


def kind_of(hello: Command) -> int:
    """What a device says of its past is believed: the whole is bounded all the same."""
    return BACK if isinstance(hello, Hello) and (hello.since or hello.ticket) else NEW


class Entrance:
    """The steps that wait, of one loop."""

    __slots__ = ("_chance", "_cpu_s", "_most", "_on_crowd", "_pace", "_queues", "_scheduler", "_ticks", "waiting")

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        share: float = SHARE,
        most_waiting: int = MOST_WAITING,
        cpu_s: Callable[[], float] = time.thread_time,
        chance: random.Random | None = None,
        on_crowd: Callable[[bool], None] = lambda waits: None,
    ) -> None:
        """`cpu_s`: CPU seconds that the loop's thread has used. `on_crowd`: somebody waits from now on, or nobody does any more."""
        self._scheduler = scheduler
        self._pace = Pace(share)
        self._most = most_waiting
        self._cpu_s = cpu_s
        self._chance = chance or random.Random()
        self._on_crowd = on_crowd
        self._queues: tuple[deque[tuple[Callable[[Any], bool], Any]], ...] = (deque(), deque(), deque(), deque(), deque())
        self._ticks = False
        self.waiting = 0
        """Steps that wait now."""

    def takes(self) -> bool:
        """Whether a step may be done at once; it is counted then."""
        return not self.waiting and self._pace.takes(self._scheduler.now())

    def wait(self, kind: int, step: Callable[[Any], bool], argument: Any) -> bool:
        """Do `step(argument)` when its turn comes; False where too many wait. It returns whether it was still wanted."""
        if self.waiting >= self._most:
            return False
        self._queues[kind].append((step, argument))
        self.waiting += 1
        if not self._ticks:
            self._ticks = True
            self._on_crowd(True)
            self._pace.begin(self._scheduler.now(), self._cpu_s())
            self._scheduler.later(TICK_S, self._tick)
        return True

    def retry_after_s(self) -> float:
        """When somebody who finds no place should come again: when those who wait are gone, each at another time."""
        least, most = RETRY_S
        return round(min(most, max(least, self.waiting / self._pace.per_s)) * (1.0 + self._chance.random()), 2)

    def _tick(self) -> None:
        count = self._pace.tick(self._scheduler.now(), self._cpu_s())
        while count > 0 and self.waiting:
            count -= self._take_one()
        self._ticks = self.waiting > 0
        if self._ticks:
            self._scheduler.later(TICK_S, self._tick)
        else:
            self._on_crowd(False)

    def _take_one(self) -> bool:
        self.waiting -= 1
        step, argument = next(queue for queue in self._queues if queue).popleft()
        try:
            return step(argument)
        except Exception:
            # one newcomer's failure must not keep the others waiting; its connection ends by its time limit
            logger.exception("a step at the entrance failed")
            return True
