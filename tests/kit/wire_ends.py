"""Two ends of a WebSocket in memory: a transport that remembers what was done to it, masked frames, recorded sessions."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any, cast

from actors.commands import Command, Hello
from actors.errors import ChatError
from actors.events import Pong, Welcome
from actors.ports import Port
from gateway.connection import Connection
from gateway.hub import Hub
from tests.kit.clock import Clock

HEAD = (
    b"GET /ws HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
HELLO = b'{"t":"hello","v":1,"token":"token-of-alice"}'
WELCOME = Welcome(1, "s1", "alice", "d1", "Alice", 1, 0, [], [])


def frame(payload: bytes, first: int = 0x81, mask: bytes | None = b"\x11\x22\x33\x44", length_bytes: int | None = None) -> bytes:
    """A client's frame. `length_bytes`: 0, 2 or 8, where another length field than the shortest is wanted."""
    size = len(payload)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    bit = 0x80 if mask is not None else 0
    length = {
        0: lambda: bytes((bit | size,)),
        2: lambda: bytes((bit | 126,)) + struct.pack("!H", size),
        8: lambda: bytes((bit | 127,)) + struct.pack("!Q", size),
    }[length_bytes]()
    if mask is None:
        return bytes((first,)) + length + payload
    return bytes((first,)) + length + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


class MemoryTransport:
    """An `asyncio.Transport` that keeps what is written. `stuck`: nothing is taken by the operating system."""

    def __init__(self, peer: str = "192.0.2.7") -> None:
        self.written: list[bytes] = []
        self.waiting = 0
        self.stuck = False
        self.closed = ""
        """``close`` or ``abort``, once called."""
        self.reading = True
        self._peer = peer
        self._high = 64 * 1024
        self._told = False
        self.protocol: Connection | None = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self._peer, 4711) if name == "peername" else default

    def write(self, data: bytes) -> None:
        assert self.closed != "abort"
        self.written.append(bytes(data))
        if self.stuck:
            self.waiting += len(data)
            self._tell()

    def take(self, size: int) -> None:
        """The operating system takes so many of the waiting bytes."""
        self.waiting = max(0, self.waiting - size)
        if self._told and self.waiting == 0:
            self._told = False
            cast(Connection, self.protocol).resume_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert low == 0
        self._high = high or 0
        self._tell()

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return bool(self.closed)

    def close(self) -> None:
        self.closed = self.closed or "close"

    def abort(self) -> None:
        self.closed = "abort"

    def _tell(self) -> None:
        if not self._told and self.waiting > self._high:
            self._told = True
            cast(Connection, self.protocol).pause_writing()


class RecordedSession:
    """Keeps commands; answers `hello` with a welcome and calls `on_command`, where one is given, for the others."""

    def __init__(self, port: Port, address: str, on_command: Callable[[Port, Command], None] | None) -> None:
        self.port = port
        self.address = address
        self.commands: list[Command] = []
        self.ended = 0
        self._on_command = on_command

    def offer(self, command: Command) -> bool:
        self.commands.append(command)
        if isinstance(command, Hello):
            self.port.emit(WELCOME)
        elif self._on_command is not None:
            self._on_command(self.port, command)
        return True

    def closed(self) -> None:
        self.ended += 1


class RecordedSessions:
    """`Sessions` that keep what they hear. `refusal`: raised by `open`."""

    def __init__(self, on_command: Callable[[Port, Command], None] | None = None) -> None:
        self.opened: list[RecordedSession] = []
        self.refusal: ChatError | None = None
        self._on_command = on_command

    def open(self, port: Port, address: str) -> RecordedSession:
        if self.refusal is not None:
            raise self.refusal
        session = RecordedSession(port, address, self._on_command)
        self.opened.append(session)
        return session


def echo_pings(port: Port, command: Command) -> None:
    """Answers what has a `q` with a pong."""
    port.emit(Pong(getattr(command, "q", 0)))


class Line:
    """A connection over a memory transport, on a hand-moved clock."""

    def __init__(self, sessions: RecordedSessions | None = None, *, head: bytes = HEAD, hub: Hub | None = None, peer: str = "192.0.2.7"):
        self.clock = cast(Clock, hub.scheduler) if hub is not None else Clock()
        self.sessions = sessions or RecordedSessions()
        self.hub = hub or Hub(self.sessions, self.clock, chance=random.Random(1))
        self.hub.wheel.start()
        self.transport = MemoryTransport(peer)
        self.connection = Connection(self.hub)
        self.transport.protocol = self.connection
        assert self.hub.admission.enter()
        assert self.hub.admission.enter_from(peer)
        self.connection.connection_made(cast(Any, self.transport))
        self.connection.data_received(head)

    @classmethod
    def welcomed(cls, sessions: RecordedSessions | None = None) -> Line:
        """One whose client is logged in, with nothing left of that in `transport.written`."""
        line = cls(sessions)
        line.connection.data_received(frame(HELLO))
        line.clock.run()
        line.transport.written.clear()
        line.session.commands.clear()
        return line

    @property
    def session(self) -> RecordedSession:
        return self.sessions.opened[0]

    def receive(self, data: bytes) -> None:
        """Bytes from the client, and all that follows from them in this turn and the next ones."""
        self.connection.data_received(data)
        self.clock.run()

    def output(self) -> bytes:
        """All that was written since the last call."""
        data = b"".join(self.transport.written)
        self.transport.written.clear()
        return data

    def lose(self) -> None:
        """The socket is gone."""
        self.connection.connection_lost(None)
        self.clock.run()


def close_frame(code: int, reason: str) -> bytes:
    """A server's close frame."""
    payload = code.to_bytes(2, "big") + reason.encode()
    return bytes((0x88, len(payload))) + payload


def ended_with(line: Line) -> int:
    """The code of the close frame at the end of the output."""
    output = line.output()
    at = output.rindex(b"\x88")
    return int.from_bytes(output[at + 2 : at + 4], "big")


def pings(*numbers: int) -> bytes:
    """Frames of clients' pings with these `q`."""
    return b"".join(frame(b'{"t":"ping","q":%d}' % number) for number in numbers)
