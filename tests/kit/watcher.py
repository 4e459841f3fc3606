"""A device of the history checker with more eyes: what bytes and entries came, and a stop button."""

from __future__ import annotations

import socket
from typing import Any

import orjson

from cluster.bench.device import Device

_LITTLE_BYTES, _MUCH_BYTES = 64 * 1024, 4 * 1024 * 1024


class Watcher(Device):
    """Counts what it receives. `stop_reading` leaves what comes in the socket."""

    entries = 0
    """Entries received, pushed or in pages."""
    lagging = 0
    """How often it was told that it reads too slowly."""

    @property
    def bytes_in(self) -> int:
        """Bytes of this connection."""
        return self._client.bytes_in if self._client is not None else 0

    def stop_reading(self) -> None:
        """The program hangs: the socket stays open, and nobody reads it. The system takes little for it."""
        self._let_the_system_keep(_LITTLE_BYTES)
        self._transport.pause_reading()

    def read_again(self) -> None:
        """The program goes on."""
        self._let_the_system_keep(_MUCH_BYTES)
        self._transport.resume_reading()

    def _let_the_system_keep(self, size_bytes: int) -> None:
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size_bytes)

    @property
    def _transport(self) -> Any:
        if self._client is None or self._client.transport is None:
            raise RuntimeError(f"{self._name} is not connected")
        return self._client.transport

    def _frame(self, data: bytes, start: int, stop: int) -> None:
        frame = orjson.loads(data[start:stop])
        if frame["t"] == "welcome":
            self.entries += sum(len(page["entries"]) for page in frame["pages"])
        elif frame["t"] == "page":
            self.entries += len(frame["entries"])
        elif frame["t"] == "msg":
            self.entries += 1
        elif frame["t"] == "lagging":
            self.lagging += 1
        super()._frame(data, start, stop)
