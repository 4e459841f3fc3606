"""What flows through one connection: writes joined per turn of the loop, reading stopped and taken up again.

Writing. What waits for this socket in one turn of the loop is one `transport.write`.

Bounds. Reading stops while the session asks for it (`pause`) and while more than `HIGH_WATER_BYTES` wait to be written,
so that a client that sends but does not read is not answered without end; what the chunk at hand still holds waits
undecoded. A client that leaves `MAX_BACKLOG_BYTES` unread and is owed more is closed (`TOO_SLOW`).
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable

from actors.closing import CLOSES, TOO_SLOW
from actors.ports import Payload
from gateway.hub import Hub
from gateway.wire import frame_text

HIGH_WATER_BYTES = 64 * 1024
"""Bytes waiting to be written above which reading stops."""
MAX_BACKLOG_BYTES = 1024 * 1024
"""Bytes waiting to be written beyond which nothing is added."""

MAX_TURN_BYTES = 256 * 1024
"""Bytes for one socket in one turn of the loop above which a session should no longer push."""

# why reading is stopped: bits of `_pauses`
BY_SESSION, BY_BACKLOG, _WAKING, BY_ENTRANCE = 1, 2, 4, 8


class Flow(asyncio.Protocol):
    """The half of a connection that knows bytes and no frames. `Connection` is the other half."""

    __slots__ = ("_drained", "_held", "_hub", "_open", "_pauses", "_pending", "_pending_bytes", "_transport")

    _transport: asyncio.Transport

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        # whether frames may be sent: after the handshake and before a close frame
        self._open = False
        # frames to write in the loop's next turn, and their bytes
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        # whom to call when all is written
        self._drained: list[Callable[[], None]] | None = None
        # why reading is stopped, and bytes that came in and were not looked at because of it
        self._pauses = 0
        self._held = b""

    @abstractmethod
    def close(self, code: int, reason: str) -> None:
        """Send what is queued and a close frame; nothing is taken or sent any more."""

    @abstractmethod
    def _take_held(self) -> None:
        """Take what waited while reading was stopped, as far as reading is not stopped again."""

    # --- writing ---

    def push(self, payload: Payload) -> bool:
        """Queue an encoded event that others get too; False, and nothing queued, while `choked`."""
        # `choked` and `_append` by hand: this runs once for every member of a room
        if self._pauses & BY_BACKLOG or self._pending_bytes > MAX_TURN_BYTES:
            return False
        if self._open:
            framed = payload.framed
            if framed is None:
                framed = payload.framed = frame_text(payload.text)
            if not self._pending:
                self._hub.soon(self)
            self._pending.append(framed)
            self._pending_bytes += len(framed)
        return True

    @property
    def choked(self) -> bool:
        """Whether the client reads more slowly than it is written to, or is given too much in one turn."""
        return bool(self._pauses & BY_BACKLOG) or self._pending_bytes > MAX_TURN_BYTES

    def backlog(self) -> int:
        """Bytes queued and not yet taken by the operating system."""
        return self._pending_bytes + self._transport.get_write_buffer_size() if self._open else 0

    def on_drained(self, callback: Callable[[], None]) -> None:
        """Call back once, when nothing waits to be written; never, where the connection ends before."""
        if not self._open:
            return
        self.flush()
        if self._transport.get_write_buffer_size() == 0:
            self._hub.scheduler.soon(callback)
            return
        self._drained = [*(self._drained or ()), callback]
        # a mark of 0: the transport tells at once that it is above, and later that it is not
        self._transport.set_write_buffer_limits(0, 0)

    def flush(self) -> None:
        """Write what waits: one write."""
        pending = self._pending
        if not pending:
            return
        if self._drained is not None:
            # the transport has told already that it is above the lowered mark, and does not tell again
            self.pause_writing()
        if self._pauses & BY_BACKLOG and self._open and self._transport.get_write_buffer_size() > MAX_BACKLOG_BYTES:
            pending.clear()
            self._pending_bytes = 0
            self.close(TOO_SLOW, CLOSES[TOO_SLOW])
            return
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        counters = self._hub.counters
        counters.frames_out += len(pending)
        counters.bytes_out += len(data)
        pending.clear()
        self._pending_bytes = 0
        self._transport.write(data)

    def abort(self) -> None:
        """End without a word."""
        self._transport.abort()

    def _append(self, framed: bytes) -> None:
        if not self._pending:
            self._hub.soon(self)
        self._pending.append(framed)
        self._pending_bytes += len(framed)

    # --- reading, stopped and taken up again ---

    def pause(self) -> None:
        """Stop reading (safe to repeat)."""
        self._pause(BY_SESSION)

    def resume(self) -> None:
        """Read again (safe to repeat)."""
        self._unpause(BY_SESSION)

    def pause_writing(self) -> None:
        """The buffer is above its mark; not a reason to stop reading where `on_drained` has lowered the mark."""
        if self._transport.get_write_buffer_size() > HIGH_WATER_BYTES:
            self._pause(BY_BACKLOG)

    def resume_writing(self) -> None:
        """All is written."""
        self._unpause(BY_BACKLOG)
        callbacks, self._drained = self._drained, None
        if callbacks is not None:
            self._transport.set_write_buffer_limits(HIGH_WATER_BYTES, 0)
            for callback in callbacks:
                callback()

    def _pause(self, who: int) -> None:
        if self._open:
            if not self._pauses:
                self._transport.pause_reading()
            self._pauses |= who

    def _unpause(self, who: int) -> None:
        """What was held is taken in the next turn, not inside the session's call; until then reading stays stopped."""
        if self._pauses & who:
            self._pauses &= ~who
            if not self._pauses:
                self._pauses = _WAKING
                self._hub.scheduler.soon(self._wake)

    def _wake(self) -> None:
        self._pauses &= ~_WAKING
        if self._pauses or not self._open:
            return
        self._take_held()
        self._read_on()

    def _read_on(self) -> None:
        if self._open and not self._pauses:
            self._transport.resume_reading()

    def _forget_input(self) -> None:
        self._held = b""
        if self._pauses:
            self._pauses = 0
            if not self._transport.is_closing():
                self._transport.resume_reading()
