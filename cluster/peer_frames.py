"""Frames of a link on the wire, the short way: one whole binary WebSocket frame a message.

websockets' sans-I/O protocol costs 10 to 15 us a frame, which is most of a lone hop. Between two cells that trust each
other nearly every frame has one form, and that form is packed and found here. Every other frame (ping, pong, close,
and what must not be) goes to websockets' protocol object, always whole, so that it stays at the start of a frame.
"""

from __future__ import annotations

import os
from struct import Struct

from websockets.speedups import apply_mask

_BINARY = 0x82
_MASKED = 0x80
_SHORT, _LONG = 126, 127
_HEAD_16 = Struct("!BBH")
_HEAD_64 = Struct("!BBQ")
_MASK_BLOCK_BYTES = 4096


class FramePacker:
    """Packs messages. A client's frames are masked with random bytes, as RFC 6455 wants; a server's are not."""

    __slots__ = ("_bit", "_masks", "_next")

    def __init__(self, *, masked: bool) -> None:
        self._bit = _MASKED if masked else 0
        # Random bytes are drawn in blocks: a system call for every frame would cost as much as packing it.
        self._masks = b""
        self._next = 0

    def pack(self, message: bytes) -> tuple[bytes, bytes]:
        """Head and body of a message's frame."""
        length = len(message)
        if length < _SHORT:
            head = bytes((_BINARY, self._bit | length))
        elif length < 1 << 16:
            head = _HEAD_16.pack(_BINARY, self._bit | _SHORT, length)
        else:
            head = _HEAD_64.pack(_BINARY, self._bit | _LONG, length)
        if not self._bit:
            return head, message
        mask = self._mask()
        return head + mask, apply_mask(message, mask)

    def _mask(self) -> bytes:
        if self._next >= len(self._masks):
            self._masks = os.urandom(_MASK_BLOCK_BYTES)
            self._next = 0
        self._next += 4
        return self._masks[self._next - 4 : self._next]


class FrameSplitter:
    """Finds the frames in the bytes of a connection, however these are cut."""

    __slots__ = ("_bit", "_held", "_max_bytes", "_wanted")

    def __init__(self, *, masked: bool, max_bytes: int) -> None:
        self._bit = _MASKED if masked else 0
        self._max_bytes = max_bytes
        self._held = bytearray()
        # Bytes that must be there before it makes sense to look again.
        self._wanted = 0

    def feed(self, data: bytes) -> list[tuple[bool, bytes]]:
        """What is complete now: (True, message) or (False, bytes for websockets' protocol)."""
        if not self._held:
            found, rest = self._split(data)
            if rest < len(data):
                self._held += data[rest:]
            return found
        self._held += data
        if len(self._held) < self._wanted:
            return []
        whole = bytes(self._held)
        found, rest = self._split(whole)
        self._held = bytearray(whole[rest:])
        return found

    def _split(self, data: bytes) -> tuple[list[tuple[bool, bytes]], int]:
        """The complete frames, and where the incomplete rest begins."""
        found: list[tuple[bool, bytes]] = []
        start, end = 0, len(data)
        while end - start >= 2:
            first, second = data[start], data[start + 1]
            length = second & 0x7F
            body = start + 2 + (4 if second & _MASKED else 0)
            if length >= _SHORT:
                width = 2 if length == _SHORT else 8
                if end - start < 2 + width:
                    self._wanted = 2 + width
                    return found, start
                length = int.from_bytes(data[start + 2 : start + 2 + width], "big")
                body += width
            if length > self._max_bytes or second & _MASKED != self._bit:
                # Its error is websockets' to tell; nothing after it is looked at.
                found.append((False, data[start:]))
                return found, end
            stop = body + length
            if stop > end:
                self._wanted = stop - start
                return found, start
            if first == _BINARY:
                message = data[body:stop]
                found.append((True, apply_mask(message, data[body - 4 : body]) if self._bit else message))
            else:
                found.append((False, data[start:stop]))
            start = stop
        self._wanted = 2
        return found, start
