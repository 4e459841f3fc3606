"""A client's connections, one after the other: connect, converse, wait as the server asks, connect again."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from actors.closing import REPLACED
from actors.errors import ChatError
from gateway.client_talk import Talk

Token = str | Callable[[], Awaitable[str]]
"""A token, or what gives one: asked again when the server no longer takes the last one."""

FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0
"""Waits between connections double from the first to this, with full jitter."""
WELCOME_TIMEOUT_S = 40.0
"""From the connection to `welcome`; longer than the server's own limit."""

_FATAL_STANDARD_CODES = (1002, 1003, 1007, 1009)
_RETRIED_STATUS = (408, 429)


class ClientClosed(Exception):
    """The client will not connect again by itself. `code` is the close code or the HTTP status that decided it."""

    def __init__(self, code: int, reason: str, error: ChatError | None = None) -> None:
        super().__init__(f"{code} {reason}" + (f" ({error})" if error is not None else ""))
        self.code = code
        self.reason = reason
        self.error = error
        """What the server said before it closed."""

    @property
    def must_log_in(self) -> bool:
        """Whether a new token is needed."""
        return self.code == 401 or 4100 <= self.code < 4200


class Link:
    """Keeps a `Talk` connected."""

    def __init__(self, url: str, token: Token, talk: Talk, *, tls: ssl.SSLContext | None, chance: random.Random) -> None:
        self._url = url
        self._token = token
        self._talk = talk
        self._tls = tls
        self._chance = chance
        self._poke = asyncio.Event()
        self._attempt = 0
        self._was_refreshed = False
        self.on_frame: Callable[[], None] = lambda: None
        """Called after each frame of the server."""

    def poke(self) -> None:
        """There may be something to send."""
        self._poke.set()

    async def run(self) -> None:
        """Connect again and again. Ends only by an exception: `ClientClosed`, or what is not expected."""
        while True:
            wait_s = await self._connection()
            self._talk.disconnected()
            await asyncio.sleep(max(wait_s, self._backoff_s()))

    async def _connection(self) -> float:
        """One connection, to its end. Returns the seconds that the server asks to wait at least."""
        token = self._token if isinstance(self._token, str) else await self._token()
        try:
            async with connect(
                self._url, compression=None, subprotocols=[Subprotocol("warbler.v1")], max_size=2**24, ssl=self._tls, user_agent_header=None
            ) as socket:
                await self._converse(socket, token)
        except InvalidStatus as error:
            return _wait_after_status(error)
        except InvalidURI as error:
            raise ClientClosed(0, str(error)) from error
        except (OSError, InvalidHandshake, TimeoutError):
            return 0.0
        return self._wait_after_close(socket)

    async def _converse(self, socket: ClientConnection, token: str) -> None:
        await socket.send(self._talk.hello(token), text=True)
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._write(socket))
                await self._read(socket)
                writer.cancel()
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async with asyncio.timeout(WELCOME_TIMEOUT_S) as limit:
                async for text in socket:
                    self._talk.receive(text, time.monotonic())
                    if self._talk.is_welcomed and limit.when() is not None:
                        limit.reschedule(None)
                        self._attempt, self._was_refreshed = 0, False
                    self.on_frame()
                    self._poke.set()
        except ConnectionClosed:
            return

    async def _write(self, socket: ClientConnection) -> None:
        """Send what is due, whenever something may be."""
        try:
            while True:
                self._poke.clear()
                for frame in self._talk.due(time.monotonic()):
                    await socket.send(frame, text=True)
                await self._wait_for_work()
        except ConnectionClosed:
            return

    async def _wait_for_work(self) -> None:
        now = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, self._talk.next_due_at(now) - now)):
                await self._poke.wait()
        except TimeoutError:
            return

    def _wait_after_close(self, socket: ClientConnection) -> float:
        code, reason, refused = socket.close_code or 1006, socket.close_reason or "", self._talk.refused
        if 4100 <= code < 4200 and not isinstance(self._token, str) and not self._was_refreshed:
            self._was_refreshed = True
            return 0.0
        if code == REPLACED or 4100 <= code < 4300 or code in _FATAL_STANDARD_CODES:
            raise ClientClosed(code, reason, refused)
        return refused.retry_after or 0.0 if refused is not None else 0.0

    def _backoff_s(self) -> float:
        most = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(self._attempt, 10))
        self._attempt += 1
        return self._chance.random() * most


def _wait_after_status(error: InvalidStatus) -> float:
    status = error.response.status_code
    if status < 500 and status not in _RETRIED_STATUS:
        raise ClientClosed(status, error.response.reason_phrase) from error
    text = error.response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
