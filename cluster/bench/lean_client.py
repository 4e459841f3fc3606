"""A WebSocket client that costs next to nothing, so that thousands fit beside the load that they make.

It sends frames that were built whole beforehand (masked with the key 0, which leaves the bytes as they are) and finds
the borders of the server's frames without copying them. It knows no fragments and no extensions: a server that
uses them towards a client that did not offer them is at fault, and is told so by an error.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable
from urllib.parse import urlsplit

OnFrame = Callable[[bytes, int, int], None]
"""Called with (data, start, stop): the text frame's payload is data[start:stop]."""

_TEXT, _CLOSE, _PING = 0x81, 0x88, 0x89
_MAX_HEAD_BYTES = 8192


class LoadError(Exception):
    """The server did something that the load does not allow for: the measurement would mean nothing."""


def text_frame(payload: bytes) -> bytes:
    """One masked text frame, ready to be written."""
    return _frame(_TEXT, payload)


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = bytes((first, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


class LeanClient(asyncio.Protocol):
    """One connection. `on_frame` gets each text frame; `bytes_in` and `frames_in` count them."""

    __slots__ = ("_close_reason", "_closing", "_host", "_rest", "bytes_in", "frames_in", "gone", "on_frame", "opened", "transport")

    def __init__(self, host: str) -> None:
        self._host = host
        # bytes of a frame that is not whole yet
        self._rest = b""
        self._closing = False
        self._close_reason = ""
        self.transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        # set when the server has agreed to the upgrade
        self.opened: asyncio.Future[None] = loop.create_future()
        # set when the connection is gone
        self.gone: asyncio.Future[None] = loop.create_future()
        self.on_frame: OnFrame = _unexpected
        self.bytes_in = 0
        self.frames_in = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self.transport = transport  # type: ignore[assignment]
        key = base64.b64encode(os.urandom(16)).decode()
        self.write(
            f"GET /ws HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def write(self, data: bytes) -> None:
        """Send frames that are ready (see `text_frame`)."""
        self.transport.write(data)  # type: ignore[union-attr]

    def data_received(self, data: bytes) -> None:
        """Cut the stream into frames."""
        if self._rest:
            data = self._rest + data
        if not self.opened.done():
            self._take_head(data)
            return
        at, end = 0, len(data)
        while end - at >= 2:
            size = data[at + 1]
            start = at + 2
            if size == 126:
                start = at + 4
                if end < start:
                    break
                size = (data[at + 2] << 8) | data[at + 3]
            elif size == 127:
                start = at + 10
                if end < start:
                    break
                size = int.from_bytes(data[at + 2 : start], "big")
            stop = start + size
            if end < stop:
                break
            if data[at] == _TEXT:
                self.frames_in += 1
                self.on_frame(data, start, stop)
            else:
                self._control(data[at], data[start:stop])
            at = stop
        self.bytes_in += at
        self._rest = data[at:] if at < end else b""

    def _take_head(self, data: bytes) -> None:
        stop = data.find(b"\r\n\r\n")
        if stop < 0:
            self._rest = data
            if len(data) > _MAX_HEAD_BYTES:
                self.fail("the answer to the upgrade is too long")
            return
        self._rest = b""
        if not data.startswith(b"HTTP/1.1 101"):
            self.fail(f"the upgrade was refused: {data[:stop].decode('latin-1').splitlines()[0]}")
            return
        self.opened.set_result(None)
        if len(data) > stop + 4:
            self.data_received(data[stop + 4 :])

    def _control(self, first: int, payload: bytes) -> None:
        if first == _PING:
            self.write(_frame(0x8A, payload))
        elif first == _CLOSE:
            if not self._closing:
                self._close_reason = f"closed by the server: {int.from_bytes(payload[:2], 'big')} {payload[2:].decode(errors='replace')}"
            self.transport.close()  # type: ignore[union-attr]
        elif first != 0x8A:
            self.fail(f"a frame of a kind that was not asked for: {first:#x}")

    def fail(self, reason: str) -> None:
        """End the connection because of something that must not happen."""
        self._close_reason = reason
        self.transport.abort()  # type: ignore[union-attr]

    def why_gone(self) -> str:
        """For people: why the connection is gone, or that it stands."""
        return self._close_reason or ("it is gone" if self.gone.done() else "the connection stands")

    def close(self) -> None:
        """Say good-bye; `gone` is set when the server has answered."""
        if not self._closing and not self.gone.done():
            self._closing = True
            self.write(_frame(_CLOSE, b"\x03\xe8"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake those who wait, with the reason where it was not our wish."""
        error = None if self._closing else LoadError(self._close_reason or f"connection lost: {exc}")
        for waiter in (self.opened, self.gone):
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
                # Not everybody waits for both; the run looks at `gone` when something is missing.
                waiter.exception()


def _unexpected(data: bytes, start: int, stop: int) -> None:
    raise LoadError(f"a frame that nobody waits for: {data[start:stop][:200]!r}")


async def connect(url: str) -> LeanClient:
    """An open WebSocket to ``http://host:port`` (its path is ``/ws``)."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(lambda: LeanClient(parts.netloc), parts.hostname or "", parts.port or 80)
    try:
        await client.opened
    except asyncio.CancelledError:
        transport.abort()
        raise
    return client
