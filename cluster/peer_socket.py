"""One WebSocket between two cells: websockets' sans-I/O protocol in an `asyncio.Protocol`. No task, no queue of its own.

websockets opens and closes the connection, answers pings, and reads all that comes from strangers. Once the peer is
trusted, messages go the short way of `cluster.peer_frames`.

What is sent in one turn of the loop is one write. What waits to be written is bounded by the link: one frame in flight
on each lane. A message is one WebSocket frame, binary, at most `MAX_FRAME_BYTES`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol, cast

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

from actors.runtime.codec import CodecError
from actors.runtime.lane import OutOfStep
from cluster.peer_auth import BAD_FRAME, TOO_SLOW, Refused
from cluster.peer_frames import FramePacker, FrameSplitter

MAX_FRAME_BYTES = 32 << 20
"""Above any frame of a link: a lane holds at most half of that."""
BROKE = "the connection broke"
EARLY_BYTES = 8 << 10
"""What a peer may send before it is trusted."""
EARLY_S = 5.0
"""How long a connection may take until the peer is trusted."""
PING_S = 1.0
"""A connection that was silent so long is pinged."""
MISSED_PINGS = 3
"""So many pings without a sign of life end it."""


class Handler(Protocol):
    """What a side makes of its connection. A `Refused`, `CodecError` or `OutOfStep` raised here ends it."""

    def began(self, peer: PeerSocket) -> bool:
        """TCP (and TLS) stands; False ends it at once."""

    def opened(self, peer: PeerSocket) -> None:
        """The WebSocket stands."""

    def message(self, peer: PeerSocket, data: bytes | bytearray | memoryview) -> None:
        """A message has arrived."""

    def ended(self, peer: PeerSocket) -> None:
        """It is over; called once, for every connection that was made."""


class PeerSocket(asyncio.Protocol):
    """One connection, either side. Implements `Wire`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, websocket: ClientProtocol | ServerProtocol, handler: Handler) -> None:
        self.trusted = False
        """Whether the peer has proved who it is."""
        self.reason = BROKE
        """Why it ended."""
        self._loop = loop
        self._websocket = websocket
        self._handler = handler
        self._transport: asyncio.Transport | None = None
        is_client = isinstance(websocket, ClientProtocol)
        self._packer = FramePacker(masked=is_client)
        self._splitter = FrameSplitter(masked=not is_client, max_bytes=MAX_FRAME_BYTES)
        # Heads and bodies of messages to a trusted peer, until the end of this turn.
        self._out: list[bytes] = []
        self._write_is_due = False
        self._early_bytes = 0
        self._heard = True
        self._missed = 0
        self._timer: asyncio.TimerHandle | None = None

    def trust(self) -> None:
        """The peer is who it must be: bounds for strangers end, liveness begins. Raises `Refused` where it did not wait for that."""
        if self._websocket.reader.buffer:
            raise Refused(BAD_FRAME, "half a frame before it is trusted")
        # The last step of the handshake goes out before anything that is said in this very turn.
        self._write()
        self.trusted = True
        self._set_timer(PING_S, self._beat)

    # --- Wire --------------------------------------------------------------------------------------------------------

    def send(self, frame: bytes) -> None:
        """Queue a message; after the end it goes nowhere, and the link hears of the end."""
        if self._websocket.state is not State.OPEN:
            return
        if self.trusted:
            self._out += self._packer.pack(frame)
        else:
            self._websocket.send_binary(frame)
        self._write_soon()

    def close(self) -> None:
        """Say goodbye and end."""
        self.end(1000, "closed here")

    def end(self, code: int, reason: str) -> None:
        """End with a close code. What is queued is written first."""
        if self._transport is None or self._transport.is_closing():
            return
        self.reason = reason
        if self._websocket.state is State.OPEN:
            self._websocket.send_close(code, reason[:120])
        self._finish()

    def cut(self, reason: str) -> None:
        """End at once: what is queued is dropped, and the handler hears of the end before this returns."""
        transport, self._transport = self._transport, None
        if transport is not None:
            self.reason = reason
            transport.abort()
            self._over()

    # --- asyncio.Protocol --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP (and TLS) stands."""
        # Not by isinstance: uvloop's transports are no subclass.
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._handler.began(self):
            self._transport.abort()
            return
        self._set_timer(EARLY_S, self.end, TOO_SLOW, "too slow to prove itself")
        if isinstance(self._websocket, ClientProtocol):
            self._websocket.send_request(self._websocket.connect())
            self._write()

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""
        self._heard = True
        try:
            if self.trusted:
                for is_message, part in self._splitter.feed(data):
                    self._take_part(is_message, part)
            else:
                self._take_early(data)
        except Refused as error:
            self.end(error.code, error.reason)
        except (CodecError, OutOfStep) as error:
            self.end(BAD_FRAME, str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """Over."""
        if self._transport is None:
            return  # it was cut
        if exc is not None:
            self.reason = f"{BROKE}: {exc}"
        self._transport = None
        self._over()

    def _over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._handler.ended(self)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _take_part(self, is_message: bool, part: bytes) -> None:
        if not is_message:
            self._feed(part)
        elif self._websocket.state is State.OPEN and self._transport is not None and not self._transport.is_closing():
            self._handler.message(self, part)

    def _take_early(self, data: bytes) -> None:
        self._early_bytes += len(data)
        if self._early_bytes > EARLY_BYTES:
            raise Refused(BAD_FRAME, "too much before it is trusted")
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        self._websocket.receive_data(data)
        for event in self._websocket.events_received():
            self._take(event)
        wrong = self._websocket.handshake_exc or self._websocket.parser_exc
        if wrong is not None:
            self.reason = f"that is no WebSocket of ours: {wrong}"
            self._finish()
        elif self._websocket.writes:
            self._write_soon()

    def _take(self, event: Request | Response | Frame) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if isinstance(event, Frame):
            self._take_frame(event)
        elif isinstance(event, Request):
            assert isinstance(self._websocket, ServerProtocol)
            response = self._websocket.accept(event)
            self._websocket.send_response(response)
            if self._websocket.state is State.OPEN:
                self._handler.opened(self)
        elif self._websocket.state is State.OPEN:
            self._handler.opened(self)

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY and frame.fin:
            self._handler.message(self, frame.data)
        elif frame.opcode is Opcode.CLOSE:
            close = self._websocket.close_rcvd
            if close is not None and self.reason == BROKE:
                self.reason = f"closed by the peer: {close.reason or close.code} ({close.code})"
        elif frame.opcode not in (Opcode.PING, Opcode.PONG):
            raise Refused(BAD_FRAME, "a message of a link is one binary frame")

    def _finish(self) -> None:
        """Write what is queued and close; a peer that does not take it is cut off."""
        self._write()
        if self._transport is not None:
            self._set_timer(EARLY_S, self._transport.abort)
            self._transport.close()

    def _set_timer(self, delay: float, callback: Callable[..., None], *args: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay, callback, *args)

    def _beat(self) -> None:
        if self._heard:
            self._missed = 0
        elif self._missed >= MISSED_PINGS:
            self.reason = f"{MISSED_PINGS} pings without an answer"
            if self._transport is not None:
                self._transport.abort()
            return
        else:
            self._missed += 1
            if self._websocket.state is State.OPEN:
                self._websocket.send_ping(b"")
                self._write_soon()
        self._heard = False
        self._set_timer(PING_S, self._beat)

    def _write_soon(self) -> None:
        if not self._write_is_due:
            self._write_is_due = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._write_is_due = False
        chunks, self._out = self._out, []
        # Messages before what websockets has to say: its last word may be a close frame.
        chunks += self._websocket.data_to_send()
        transport = self._transport
        if transport is None or not chunks:
            return
        ends = chunks[-1] == SEND_EOF
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if data:
            transport.write(data)
        if ends:
            transport.close()
