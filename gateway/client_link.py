"""A client's connections, one after the other: connect, converse, wait as the server asks, connect again."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import Awaitable, Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from actors.closing import REPLACED
from actors.errors import ChatError
from gateway.client_edges import edges_of, sorted_out, told_to_wait_s
from gateway.client_moves import Mover
from gateway.client_talk import Talk

Token = str | Callable[[], Awaitable[str]]
"""A token, or what gives one: asked again when the server no longer takes the last one."""

FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0
"""Waits between connections double from the first to this, with full jitter."""
DIAL_TIMEOUT_S, EDGE_TIMEOUT_S = 10.0, 4.0
"""For a connection to the address that was given, and to an edge that the server names."""
PING_INTERVAL_S, PING_TIMEOUT_S = 5.0, 4.0
"""Between pings, and for their answers: an edge that was cut off without a word is left after nine seconds at most."""
WELCOME_TIMEOUT_S = 40.0
"""From the connection to `welcome`; longer than the server's own limit."""
GHOST_S = 60.0
"""So long may the server take a connection that ended for living, or a `hello` be on its way: who is replaced within this time was
replaced by its own past."""

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
        self._mover: Mover
        self._broke_at = -GHOST_S
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
        """One connection, and those that it hands over to, to the end of the last. Returns the seconds to wait at least."""
        token = self._token if isinstance(self._token, str) else await self._token()
        try:
            socket = await self._first_that_answers()
        except InvalidStatus as error:
            # told in whole seconds: each a little later, so that those who were told the same do not come at once
            return _wait_after_status(error) + self._chance.random()
        except InvalidURI as error:
            raise ClientClosed(0, str(error)) from error
        except (OSError, InvalidHandshake, TimeoutError):
            return 0.0
        return await self._converse_on(socket, token)

    async def _converse_on(self, socket: ClientConnection, token: str) -> float:
        try:
            with contextlib.suppress(ConnectionClosed):  # its code says what to do
                await socket.send(self._talk.hello(token), text=True)
            while True:
                successor = await self._converse(socket, Mover(self._talk, token, self._dial_moved, self._chance))
                if successor is None:
                    return self._wait_after_close(socket)
                socket.transport.abort()  # the server has ended it, or is about to
                socket = successor
        except TimeoutError:
            self._broke_at = time.monotonic()
            return 0.0
        finally:
            await socket.close()

    async def _first_that_answers(self) -> ClientConnection:
        """A connection to the best edge that can be had. Raises what the last attempt failed with."""
        *others, last = await asyncio.to_thread(edges_of, self._url, self._tls)
        for url in others:
            try:
                return await self._dial(url, EDGE_TIMEOUT_S)
            except (OSError, InvalidHandshake, InvalidURI, TimeoutError):
                continue  # named, and not reachable from here: the next one
        return await self._dial(last, DIAL_TIMEOUT_S)

    async def _dial_moved(self, url: str) -> ClientConnection:
        if url not in sorted_out([url], self._url):
            raise InvalidURI(url, "not over TLS")
        return await self._dial(url, EDGE_TIMEOUT_S)

    async def _dial(self, url: str, limit_s: float) -> ClientConnection:
        return await connect(
            url, compression=None, subprotocols=[Subprotocol("warbler.v1")], max_size=2**24, user_agent_header=None, open_timeout=limit_s,
            ssl=self._tls if url.startswith("wss:") else None, ping_interval=PING_INTERVAL_S, ping_timeout=PING_TIMEOUT_S,
        )  # fmt: skip

    async def _converse(self, socket: ClientConnection, mover: Mover) -> ClientConnection | None:
        """To the end of this connection (None), or until another one has taken its place."""
        self._mover = mover
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._write(socket))
                moving = group.create_task(mover.successor())
                reader = group.create_task(self._read(socket))
                await asyncio.wait((reader, moving), return_when=asyncio.FIRST_COMPLETED)
                await mover.answered.wait()  # a hello of its may be why this one was ended
                found = moving.result() if moving.done() and moving.exception() is None else None
                for task in (writer, moving, reader):
                    task.cancel()
            self._poke.set()
            return found
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async with asyncio.timeout(None if self._talk.is_welcomed else WELCOME_TIMEOUT_S) as limit:
                async for text in socket:
                    self._talk.receive(text, time.monotonic())
                    if self._talk.is_welcomed and limit.when() is not None:
                        limit.reschedule(None)
                        self._attempt, self._was_refreshed = 0, False
                    self.on_frame()
                    self._mover.look()
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
        if refused is not None and self._talk.speaks_as(refused):
            return 0.0
        if code == REPLACED and self._mover.was_greeting:
            return 0.0  # by ourselves
        if 4100 <= code < 4200 and not isinstance(self._token, str) and not self._was_refreshed:
            self._was_refreshed = True
            return 0.0
        if code != REPLACED:
            self._broke_at = time.monotonic()
        if code == REPLACED and is_ghost(self._broke_at, time.monotonic()):
            return 0.0
        if code == REPLACED or 4100 <= code < 4300 or code in _FATAL_STANDARD_CODES:
            raise ClientClosed(code, reason, refused)
        return refused.retry_after or 0.0 if refused is not None else 0.0

    def _backoff_s(self) -> float:
        most = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(self._attempt, 10))
        self._attempt += 1
        return self._chance.random() * most


def is_ghost(broke_at: float, now: float) -> bool:
    """Whether a connection that ended then may have replaced the one after it: its `hello` was on its way for longer."""
    return now - broke_at < GHOST_S


def _wait_after_status(error: InvalidStatus) -> float:
    status = error.response.status_code
    if status < 500 and status not in _RETRIED_STATUS:
        raise ClientClosed(status, error.response.reason_phrase) from error
    return told_to_wait_s(error.response.headers)
