"""A session's pages of history: few at a time, so that a client that does not read them costs little."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from actors.commands import Pull
from actors.ports import Port

MAX_PULLS = 4
"""Pages of one session under way or not yet written to the socket; further pulls wait their turn."""


class Pulls:
    """Starts pulls in their order; stops while the socket is choked."""

    __slots__ = ("_port", "_start", "_under_way", "_waiting")

    def __init__(self, port: Port, start: Callable[[Pull], None]) -> None:
        self._port = port
        self._start = start
        self._under_way = 0
        self._waiting: deque[Pull] = deque()

    def put(self, pull: Pull) -> None:
        """One more. Their number is bounded by the session's requests."""
        self._waiting.append(pull)
        self.go_on()

    def ended(self) -> None:
        """A page was handed to the socket, or could not be had."""
        self._under_way -= 1
        self.go_on()

    def go_on(self) -> None:
        """Start what may be started."""
        while self._waiting and self._under_way < MAX_PULLS and not self._port.choked:
            self._under_way += 1
            self._start(self._waiting.popleft())

    @property
    def stuck(self) -> bool:
        """Whether something waits for the socket to be empty again."""
        return bool(self._waiting) and self._port.choked
