"""A client without a socket: a session's port in memory, so that the cell can talk to itself as clients do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from actors.commands import PROTOCOL_VERSION, Command, Hello
from actors.errors import CODES, ChatError
from actors.events import Event, Failed, Welcome
from actors.ports import Payload, Sessions

T = TypeVar("T")
MAX_HEARD = 256
"""What a canary has not looked at yet; beyond it the newest is dropped, and whoever waits for it waits in vain."""

Heard = Event | Payload | None
"""An event for this client alone, an encoded one that others got too, or the end of the connection."""


class MemoryPort:
    """Implements `actors.ports.Port`: all that is written is taken at once."""

    choked = False

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Heard] = asyncio.Queue(MAX_HEARD)

    def emit(self, event: Event) -> None:
        """Keep an event."""
        self._keep(event)

    def push(self, payload: Payload) -> bool:
        """Keep an encoded event."""
        self._keep(payload)
        return True

    def backlog(self) -> int:
        """Nothing waits."""
        return 0

    def pause(self) -> None:
        """Nothing comes unasked."""

    def resume(self) -> None:
        """Nothing comes unasked."""

    def close(self, code: int, reason: str) -> None:
        """The session ends it."""
        self._keep(None)

    def on_drained(self, callback: Callable[[], None]) -> None:
        """It is drained."""
        callback()

    def _keep(self, heard: Heard) -> None:
        if not self.heard.full():
            self.heard.put_nowait(heard)


class Canary:
    """One connection. Close it."""

    def __init__(self, sessions: Sessions) -> None:
        """Raises `Overloaded` where the cell is full."""
        self._port = MemoryPort()
        self._session = sessions.open(self._port, "memory")

    async def connect(self, token: str) -> None:
        """Say hello and wait for the welcome. Raises `ChatError`."""
        self.say(Hello(PROTOCOL_VERSION, token))
        await self.hear(lambda heard: isinstance(heard, Welcome) or None)

    def say(self, command: Command) -> None:
        """Hand a command to the session, as a connection does with a decoded frame."""
        if not self._session.offer(command):
            raise ChatError("overloaded", retry_after=0.5)

    async def hear(self, wanted: Callable[[Heard], T | None]) -> T:
        """Wait until something is wanted, that is not None. Raises `ChatError` where the session says that something failed."""
        while True:
            heard = await self._port.heard.get()
            if heard is None:
                raise ChatError("unavailable")
            if isinstance(heard, Failed):
                raise ChatError(heard.code if heard.code in CODES else "internal")
            found = wanted(heard)
            if found is not None:
                return found

    def close(self) -> None:
        """The connection is gone."""
        self._session.closed()
