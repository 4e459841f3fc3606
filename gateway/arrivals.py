"""How fast sessions are let in: after a failure everybody comes back at once, and a welcome costs far more than a message.

A budget refills at a rate. Devices that move here with a ticket, or come back, may use all of it; new ones only what is
above a reserve. Whoever finds none is told when to come: places are given out at the same rate, with jitter, so that those
who were told come spread and find what has refilled. Nothing is kept for anybody: a place that is not taken serves another.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from actors.commands import Command, Hello
from actors.errors import ChatError, Overloaded
from actors.session_ports import Tickets

RESERVE = 0.5
"""The part of the budget that new devices leave to those who come back."""
MAX_WAIT_S = 30.0
"""Nobody is told to wait for longer."""
JITTER = 0.3
MIN_WAIT_S = 0.5


class Arrivals:
    """The budget of one edge. `now` is in seconds of a monotonic clock."""

    def __init__(self, per_s: float, burst: float, chance: random.Random | None = None) -> None:
        self._per_s = per_s
        self._burst = burst
        self._chance = chance or random.Random()
        self._left = burst
        self._at = 0.0
        # the time of the last place that was given out
        self._placed_at = 0.0

    def wait_s(self, now: float, *, known: bool) -> float:
        """0: come in. Else the seconds after which to come again."""
        if now > self._at:
            self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
            self._at = now
        if self._left >= 1 + (0.0 if known else RESERVE * self._burst):
            self._left -= 1
            return 0.0
        self._placed_at = min(max(self._placed_at, now) + 1 / self._per_s, now + MAX_WAIT_S)
        return max(MIN_WAIT_S, self._placed_at - now) * (1 + JITTER * self._chance.random())


class Doorkeeper:
    """Lets a `hello` in or not, before it costs anything."""

    def __init__(self, arrivals: Arrivals, read_user: Callable[[str], str], tickets: Tickets, now: Callable[[], float]) -> None:
        """`read_user`: token text -> user; raises `ChatError` for what is no token."""
        self._arrivals = arrivals
        self._read_user = read_user
        self._tickets = tickets
        self._now = now

    def admit(self, hello: Command) -> None:
        """Raises `Overloaded` with the time after which to come again."""
        wait = self._arrivals.wait_s(self._now(), known=isinstance(hello, Hello) and self._is_known(hello))
        if wait:
            raise Overloaded(retry_after=round(wait, 2))

    def _is_known(self, hello: Hello) -> bool:
        """Whether it comes back: what a device says of its past is believed, since the whole is bounded all the same."""
        if hello.since:
            return True
        try:
            return bool(hello.ticket) and bool(self._tickets.device_of(hello.ticket, self._read_user(hello.token)))
        except ChatError:
            return False  # its session tells it what is wrong with its token
