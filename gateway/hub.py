"""What all connections of a listener share: sessions, time, counters, and one list of those with something to write."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Container
from typing import Protocol

from actors.commands import Command
from actors.ports import Sessions
from actors.runtime.scheduler import Scheduler
from gateway.admission import Admission
from gateway.counters import Counters
from gateway.entrance import Entrance
from gateway.proxies import Proxies
from gateway.wheel import Wheel

logger = logging.getLogger("warbler.gateway")


class Writer(Protocol):
    """Who has something to write."""

    def flush(self) -> None:
        """Write all that waits, at once."""

    def abort(self) -> None:
        """End without a word."""


class Leaving(Writer, Protocol):
    """Who can be asked to go."""

    def close(self, code: int, reason: str) -> None:
        """Say good-bye with a close code."""


class Abortable(Protocol):
    """Who can be ended."""

    def abort(self) -> None:
        """End without a word."""


class Hub:
    """Shared by the connections of one listener; belongs to one loop."""

    __slots__ = (
        "_dirty",
        "admission",
        "admit",
        "closing",
        "connections",
        "counters",
        "doors",
        "entrance",
        "on_empty",
        "origins",
        "proxies",
        "random",
        "scheduler",
        "sessions",
        "wheel",
    )

    def __init__(
        self,
        sessions: Sessions,
        scheduler: Scheduler,
        *,
        origins: Container[str] = (),
        proxies: Proxies | None = None,
        admission: Admission | None = None,
        chance: random.Random | None = None,
        admit: Callable[[Command], None] = lambda hello: None,
        entrance: Entrance | None = None,
    ) -> None:
        """`admit`: raises `ChatError` for a `hello` that is to come later."""
        self.sessions = sessions
        self.scheduler = scheduler
        self.origins = origins
        """Origins, in lower case, that browsers may come from besides the server's own."""
        self.proxies = proxies or Proxies()
        self.admission = admission or Admission()
        self.admit = admit
        self.entrance = entrance or Entrance(scheduler)
        self.wheel = Wheel(scheduler)
        self.counters = Counters()
        self.random = chance or random.Random()
        self.connections: set[Leaving] = set()
        """WebSocket connections that are not gone yet."""
        self.doors: set[Abortable] = set()
        """Connections whose request head is being read."""
        self.closing = False
        """Whether the listener is being closed: nobody is taken any more."""
        self.on_empty: Callable[[], None] | None = None
        """Called when the last socket is gone."""
        self._dirty: list[Writer] = []

    def leave(self, address: str) -> None:
        """A socket is gone; `address` is the one under which it is counted."""
        self.admission.leave()
        self.admission.leave_from(address)
        if self.admission.total == 0 and self.on_empty is not None:
            self.on_empty()

    def soon(self, writer: Writer) -> None:
        """Let it flush in the loop's next turn, together with all others: one wake-up a turn."""
        if not self._dirty:
            self.scheduler.soon(self._flush)
        self._dirty.append(writer)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for writer in dirty:
            try:
                writer.flush()
            except Exception:
                logger.exception("write failed")
                writer.abort()
