"""One WebSocket connection: an `asyncio.Protocol` without a task, a queue or a future of its own.

Reading. websockets' `ServerProtocol` knows RFC 6455; it is kept only while it has something to remember: in the middle
of a frame or of a fragmented message, and once closing has begun. Between two messages it would remember nothing,
so there is none then (`_ws is None`), and whole unfragmented frames are taken directly from the chunk. Everything
else goes to a `ServerProtocol`, made anew where there is none.

Nothing follows a close frame. How writes are joined and reading is stopped stands in `gateway.connection_flow`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import SEND_EOF
from websockets.protocol import State as WsState
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask
from websockets.streams import StreamReader

from actors.closing import CLOSES, CODE_OF_ERROR, GOING_AWAY, IDLE, OVERLOADED
from actors.commands import Command
from actors.errors import ChatError, Overloaded
from actors.events import Event, Failed, Welcome
from actors.ports import SessionHandle
from gateway.connection_flow import BY_BACKLOG, BY_ENTRANCE, BY_SESSION, HIGH_WATER_BYTES, Flow
from gateway.connection_upgrade import answer, open_protocol, opening_protocol
from gateway.entrance import kind_of
from gateway.hub import Hub
from gateway.protocol import Dialogue, State
from gateway.wire import NotUtf8, encode, frame_text

HELLO_TIMEOUT_S = 10.0
"""From the connection to `hello`."""
OPENING_TIMEOUT_S = 30.0
"""From `hello` to the end of its wait at the entrance, and from there to `welcome`: the server's own time."""
PING_INTERVAL_S = 25.0
"""Between pings; each connection draws each interval within a fifth of it."""
MISSED_PINGS = 2
"""Intervals without a sign of life after which the connection is dead."""
CLOSE_TIMEOUT_S = 5.0
"""From our close frame to the end of the connection."""
_TEXT, _PING, _PONG = 0x81, 0x89, 0x8A
_MASKED, _LENGTH_16 = 0x80, 126
_MAX_REASON_BYTES = 123
_UNSUPPORTED_DATA, _ABNORMAL, _INVALID_DATA = 1003, 1006, 1007

_AT_FRAME_START = StreamReader.at_eof.__code__
_SERVER_PING = b"\x89\x00"


class Connection(Flow):
    """A WebSocket from its request head to its end; a `Port` to its session, a `Timed` to the wheel."""

    __slots__ = (
        "_address",
        "_dialogue",
        "_heard",
        "_late_frames",
        "_missed",
        "_parts",
        "_session",
        "_unwritten_bytes",
        "_ws",
        "slot",
    )

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        # what RFC 6455 asks to be remembered; None: open, and between two messages
        self._ws: ServerProtocol | None = opening_protocol()
        self._dialogue = Dialogue()
        self._session: SessionHandle | None = None
        # the fragments of a message so far
        self._parts: bytearray | None = None
        # frames that a `ServerProtocol` has taken and that wait because reading was stopped
        self._late_frames: Sequence[Request | Response | Frame] = ()
        # whether anything came since the last ping; intervals without; bytes unwritten at the last ping
        self._heard = False
        self._missed = 0
        self._unwritten_bytes = 0
        # of the client: of the socket, or what a trusted proxy names
        self._address = ""
        self.slot = -1

    # --- asyncio's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The request head comes next, whole and alone, by `data_received`."""
        self._transport = transport  # type: ignore[assignment]
        self._address = peer_of(transport)
        self._transport.set_write_buffer_limits(HIGH_WATER_BYTES, 0)
        self._hub.connections.add(self)
        self._hub.wheel.move(self, HELLO_TIMEOUT_S)

    def data_received(self, data: bytes) -> None:
        """Take what is in the chunk."""
        self._heard = True
        self._hub.counters.bytes_in += len(data)
        if self._pauses:
            self._held += data
        else:
            self._take(data)

    def eof_received(self) -> None:
        """The client ends the stream: so do we, once what waits is written."""
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, however it came."""
        hub, ws, session = self._hub, self._ws, self._session
        self._open = False
        self._session = self._drained = None
        self._late_frames = ()
        self._forget_input()
        self._pending.clear()
        self._dialogue.close()
        hub.wheel.forget(self)
        hub.connections.discard(self)
        if ws is None or ws.state is not WsState.CONNECTING:
            hub.counters.websockets -= 1
            hub.counters.closes[ws.close_sent.code if ws is not None and ws.close_sent is not None else _ABNORMAL] += 1
        if session is not None:
            session.closed()
        hub.leave(self._address)

    # --- the session's side: a Port (the rest of it in `Flow`) ---

    def emit(self, event: Event) -> None:
        """Encode an event for this client alone and queue it."""
        if self._open:
            if event.__class__ is Welcome:
                self._welcomed()
            # `_append` by hand: this runs for every post
            framed = frame_text(encode(event))
            if not self._pending:
                self._hub.soon(self)
            self._pending.append(framed)
            self._pending_bytes += len(framed)

    def close(self, code: int, reason: str) -> None:
        """Send what is queued and a close frame; nothing is taken or sent any more."""
        if not self._open:
            return
        ws = self._ws = self._ws or open_protocol()
        if ws.state is WsState.OPEN:
            ws.send_close(code, _fitting(reason))
        # else the client's own close frame is being answered just now
        self._settle(ws)

    # --- the wheel's side: a Timed ---

    def on_time(self) -> float:
        """What this connection waited for did not happen; or it is time for a ping."""
        if not self._open:
            self.abort()
            return 0.0
        state = self._dialogue.state
        if state is State.OPEN and self._is_alive():
            self._append(_SERVER_PING)
            return self._ping_interval_s()
        code = OVERLOADED if state is State.OPENING else IDLE
        self.close(code, CLOSES[code])
        return 0.0

    # --- from bytes to messages ---

    def _take(self, data: bytes) -> None:
        """Take whole unfragmented frames from the chunk; leave the rest to a `ServerProtocol`."""
        at, end = 0, len(data)
        while self._ws is None and end - at >= 6:
            first = data[at]
            length = data[at + 1] - _MASKED
            start = at + 6
            if length == _LENGTH_16 and first == _TEXT:
                length = (data[at + 2] << 8) | data[at + 3]
                start = at + 8
            elif not 0 <= length < _LENGTH_16:
                break
            stop = start + length
            if stop > end or (first != _TEXT and first != _PONG and first != _PING):
                break
            at = stop
            if first == _TEXT:
                self._message(apply_mask(data[start:stop], data[start - 4 : start]))
            elif first == _PING:
                self._append(bytes((_PONG, length)) + apply_mask(data[start:stop], data[start - 4 : start]))
            if self._pauses:
                self._held = data[at:]
                return
        if at < end:
            self._feed(data[at:] if at else data)

    def _feed(self, data: bytes) -> None:
        """Let a `ServerProtocol` take the bytes, and let it go where it remembers nothing afterwards."""
        ws = self._ws
        if ws is None:
            ws = self._ws = open_protocol()
        elif ws.state is WsState.CONNECTING:
            self._shake_hands(ws, data)
            return
        ws.receive_data(data)
        # messages first: what the client sent before its close frame is heard, and answered before ours
        self._take_frames(ws.events_received())
        self._settle(ws)
        if self._open and ws.current_size is None and is_between_frames(ws):
            self._ws = None

    def _take_held(self) -> None:
        frames, self._late_frames = self._late_frames, ()
        self._take_frames(frames)
        if not self._pauses:
            held, self._held = self._held, b""
            self._take(held)

    def _take_frames(self, frames: Sequence[Request | Response | Frame]) -> None:
        for place, frame in enumerate(frames):
            if self._pauses:
                self._late_frames = frames[place:]
                return
            if self._open and isinstance(frame, Frame):
                self._take_frame(frame)

    def _take_frame(self, frame: Frame) -> None:
        """A data frame; control frames were answered by the `ServerProtocol` already."""
        if frame.opcode is Opcode.BINARY:
            self._fail(_UNSUPPORTED_DATA, "text frames only")
        elif frame.opcode is Opcode.TEXT and frame.fin:
            self._message(bytes(frame.data))
        elif frame.opcode is Opcode.TEXT:
            self._parts = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._parts is not None:
            self._parts += frame.data
            if frame.fin:
                text, self._parts = bytes(self._parts), None
                self._message(text)

    def _settle(self, ws: ServerProtocol) -> None:
        """Write what the `ServerProtocol` wants written; begin the end where it has come to one."""
        writes = ws.data_to_send()
        for data in writes:
            if data != SEND_EOF:
                self._append(data)
        if ws.state is WsState.OPEN:
            return
        if self._open:
            self._open = False
            self._dialogue.close()
            self._late_frames = ()
            self._parts = None
            self._forget_input()
            self._hub.wheel.move(self, CLOSE_TIMEOUT_S)
        self.flush()
        if SEND_EOF in writes:
            self._transport.close()

    def _fail(self, code: int, reason: str) -> None:
        """End because of what the client's transport did: a close frame, and no waiting for its answer."""
        ws = self._ws = self._ws or open_protocol()
        ws.fail(code, _fitting(reason))
        self._settle(ws)

    # --- the conversation ---

    def _shake_hands(self, ws: ServerProtocol, head: bytes) -> None:
        hub = self._hub
        request = answer(ws, head, hub.origins)
        for data in ws.data_to_send():
            if data != SEND_EOF:
                self._transport.write(data)
        if request is None:
            self._transport.close()
            return
        self._ws = None
        self._open = True
        hub.counters.opened += 1
        hub.counters.websockets += 1
        headers = request.headers
        client = hub.proxies.client_of(self._address, headers.get_all("Forwarded"), headers.get_all("X-Forwarded-For"))
        if hub.closing:
            self.close(GOING_AWAY, CLOSES[GOING_AWAY])
        elif client != self._address and not hub.admission.enter_from(client):
            self._refuse_opening(Overloaded())
        else:
            self._address = client

    def _message(self, text: bytes) -> None:
        self._hub.counters.frames_in += 1
        try:
            command = self._dialogue.receive(text)
        except ChatError as error:
            self._refuse(error)
        except NotUtf8 as error:
            self._fail(_INVALID_DATA, str(error))
        else:
            session = self._session
            if session is None:
                self._open_session(command)
            elif not session.offer(command):
                self._refuse_command(command)

    def _open_session(self, hello: Command) -> None:
        entrance = self._hub.entrance
        if entrance.takes():
            self._admit(hello)
        elif entrance.wait(kind_of(hello), self._admit, hello):
            self._pause(BY_ENTRANCE)
            self._hub.wheel.move(self, OPENING_TIMEOUT_S)
        else:
            self._refuse_opening(Overloaded(retry_after=entrance.retry_after_s()))

    def _admit(self, hello: Command) -> bool:
        if not self._open:  # gone while it waited
            return False
        self._unpause(BY_ENTRANCE)
        try:
            self._hub.admit(hello)
            session = self._session = self._hub.sessions.open(self, self._address)
        except ChatError as error:
            self._refuse_opening(error)
            return True
        self._hub.wheel.move(self, OPENING_TIMEOUT_S)
        session.offer(hello)
        return True

    def _refuse_command(self, command: Command) -> None:
        error = Overloaded(retry_after=0.5)
        self._hub.counters.errors[error.code] += 1
        self.emit(Failed(getattr(command, "q", 0), error.code, error.text, error.retry, error.retry_after, error.fields))

    def _welcomed(self) -> None:
        if self._dialogue.state is State.OPENING:
            self._dialogue.opened()
            self._hub.wheel.move(self, self._ping_interval_s())

    def _refuse(self, error: ChatError) -> None:
        hub = self._hub
        refusal = self._dialogue.refuse(error, hub.scheduler.now())
        hub.counters.errors[error.code] += 1
        self.emit(refusal.answer)
        if refusal.close:
            self.close(refusal.close, CLOSES[refusal.close])

    def _refuse_opening(self, error: ChatError) -> None:
        self._hub.counters.errors[error.code] += 1
        self.emit(Failed(0, error.code, error.text, error.retry, error.retry_after, error.fields))
        code = CODE_OF_ERROR.get(error.code, OVERLOADED)
        self.close(code, CLOSES[code])

    def _is_alive(self) -> bool:
        """Whether there was a sign of life within the last `MISSED_PINGS` intervals.

        While the session has stopped reading, nothing can be heard; while the client reads slowly, what counts is
        that it reads.
        """
        unwritten, before = self._transport.get_write_buffer_size(), self._unwritten_bytes
        self._unwritten_bytes = unwritten
        reads_on = bool(self._pauses & BY_BACKLOG) and unwritten != before
        self._missed = 0 if self._heard or reads_on or self._pauses & BY_SESSION else self._missed + 1
        self._heard = False
        return self._missed < MISSED_PINGS

    def _ping_interval_s(self) -> float:
        return PING_INTERVAL_S * (0.8 + 0.4 * self._hub.random.random())


def is_between_frames(ws: ServerProtocol) -> bool:
    """Whether the protocol's parser waits for the first byte of a frame. False where that cannot be told."""
    # ServerProtocol.parse runs Protocol.parse, which waits for the first byte in StreamReader.at_eof
    parse = getattr(ws.parser, "gi_yieldfrom", None)
    waiting = getattr(parse, "gi_yieldfrom", None)
    return getattr(waiting, "gi_code", None) is _AT_FRAME_START


def peer_of(transport: asyncio.BaseTransport) -> str:
    """The address at the other end of a socket; empty where it has none."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, (tuple, list)) and peer else ""


def _fitting(reason: str) -> str:
    return reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
