"""A connection that is held by another cell, as its session sees it: what it is given goes to that cell, one message a turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from actors.events import AnyEvent, Event, Page
from actors.messages.lines import LineClosed, LineReads, LineWrote
from actors.ports import Frame, Payload
from actors.runtime.actor import ActorId
from actors.runtime.plain import Message

MAX_TURN_BYTES = 256 * 1024
"""Pushed bytes in one turn above which nothing more is pushed."""


class Way(NamedTuple):
    """What all far ports of a cell share."""

    me: ActorId
    """Who is written to by the edges."""
    tell: Callable[[ActorId, Message], None]
    soon: Callable[[Callable[[], None]], object]
    frame: Frame


class FarPort:
    """Implements `actors.ports.Port`. `line` and `edge` say whose connection it is."""

    def __init__(self, way: Way, edge: ActorId, line: int) -> None:
        self._way = way
        self._edge = edge
        self._line = line
        self._is_open = True
        self._is_full = False
        """Whether the edge has said that the client reads too slowly."""
        self._pending: list[AnyEvent | bytes] = []
        self._pending_bytes = 0
        self._drained: list[Callable[[], None]] = []

    # --- Port ---

    @property
    def choked(self) -> bool:
        """Whether entries should no longer be pushed."""
        return self._is_full or self._pending_bytes > MAX_TURN_BYTES

    def emit(self, event: Event) -> None:
        """Queue an event for this client alone."""
        self._put(event)  # type: ignore[arg-type]
        if event.__class__ is Page:
            self._flush()  # a page is large: several in one message would be too much for a link

    def push(self, payload: Payload) -> bool:
        """Queue an encoded event; False, and nothing queued, while `choked`."""
        if self.choked:
            return False
        framed = payload.framed
        if framed is None:
            framed = payload.framed = self._way.frame(payload.text)
        self._put(framed)
        self._pending_bytes += len(framed)
        return True

    def backlog(self) -> int:
        """Pushed bytes that have not left this cell."""
        return self._pending_bytes

    def pause(self) -> None:
        """Stop reading from the client."""
        self._way.tell(self._edge, LineReads(self._way.me, self._line, False))

    def resume(self) -> None:
        """Read again."""
        self._way.tell(self._edge, LineReads(self._way.me, self._line, True))

    def close(self, code: int, reason: str) -> None:
        """Send what is queued, then close."""
        if self._is_open:
            self._flush()
            self._is_open = False
            self._way.tell(self._edge, LineClosed(self._way.me, self._line, code, reason))

    def on_drained(self, callback: Callable[[], None]) -> None:
        """Call back once, when the edge has written everything."""
        if not self._is_open:
            return
        if self._is_full:
            self._drained.append(callback)
        else:
            self._flush()
            self._way.soon(callback)

    # --- what the edge says ---

    def full(self) -> None:
        """The client reads too slowly."""
        self._is_full = True

    def drained(self) -> None:
        """All is written."""
        self._is_full = False
        callbacks, self._drained = self._drained, []
        for callback in callbacks:
            callback()

    def gone(self) -> None:
        """There is no connection any more: nothing is sent."""
        self._is_open = False
        self._pending.clear()
        self._drained.clear()

    # --- inside ---

    def _put(self, part: AnyEvent | bytes) -> None:
        if self._is_open:
            if not self._pending:
                self._way.soon(self._flush)
            self._pending.append(part)

    def _flush(self) -> None:
        if self._pending and self._is_open:
            parts, self._pending = self._pending, []
            self._pending_bytes = 0
            self._way.tell(self._edge, LineWrote(self._way.me, self._line, parts))
