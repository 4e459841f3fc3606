"""How a client changes its connection when the server asks it to: the new one is welcomed before the old one is left."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from actors import events as e
from actors.errors import ChatError
from gateway.client_edges import told_to_wait_s
from gateway.client_talk import Talk, decode_event, error_of

QUIET_LIMIT_S = 5.0
"""How long requests that cannot be repeated are waited for before the connection is changed all the same."""
WELCOME_LIMIT_S = 20.0
ATTEMPTS = 3
"""With so many refusals the client stays where it is, until it is sent away."""
AGAIN_S = 1.0
SPREAD = 0.8
"""The part of the given time within which a client draws its moment: the rest is for the change itself."""

Dial = Callable[[str], Awaitable[ClientConnection]]


class Mover:
    """Takes up the moves that a `Talk` hears of. One for each connection."""

    def __init__(self, talk: Talk, token: str, dial: Dial, chance: random.Random) -> None:
        self._talk = talk
        self._token = token
        self._dial = dial
        self._chance = chance
        self._news = asyncio.Event()
        self.answered = asyncio.Event()
        """Whether no other connection has said hello and waits for its welcome: the server may end the present one for it."""
        self.answered.set()
        self.was_greeting = False
        """Whether there ever was one."""

    def look(self) -> None:
        """A frame came, or something was answered."""
        self._news.set()

    async def successor(self) -> ClientConnection:
        """Wait until the server wants a move, and for its success. The talk goes on over what is returned."""
        talk = self._talk
        while True:
            while talk.wanted_move is None:
                await self._next_news()
            move, talk.wanted_move = talk.wanted_move, None
            await asyncio.sleep(self._chance.random() * SPREAD * move.within)
            socket = await self._follow(move)
            if socket is not None:
                return socket

    async def _follow(self, move: e.Move) -> ClientConnection | None:
        for attempt in range(ATTEMPTS):
            for url in move.urls:
                found = await self._try(url, move.ticket)
                if isinstance(found, ClientConnection):
                    return found
                await asyncio.sleep(found)
            await asyncio.sleep(AGAIN_S * 2**attempt * self._chance.random())
        return None

    async def _try(self, url: str, ticket: str) -> ClientConnection | float:
        """The welcomed connection; or the seconds to wait before the next attempt."""
        try:
            socket = await self._dial(url)
        except InvalidStatus as refusal:
            return told_to_wait_s(refusal.response.headers)
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError):
            return 0.0
        try:
            await self._become_quiet()
            refused = await self._greet(socket, ticket)
            if refused is not None and self._talk.speaks_as(refused):
                return 0.0
            if refused is None:
                return socket
            await socket.close()
            return refused.retry_after or 0.0
        except (ConnectionClosed, TimeoutError):
            await socket.close()
            return 0.0
        except BaseException:
            socket.transport.abort()
            raise
        finally:
            self._talk.holds_requests = False
            self.answered.set()

    async def _become_quiet(self) -> None:
        self._talk.holds_requests = True
        try:
            async with asyncio.timeout(QUIET_LIMIT_S):
                while not self._talk.may_change:
                    await self._next_news()
        except TimeoutError:
            return  # what is still unanswered then ends as it does when a connection is lost

    async def _greet(self, socket: ClientConnection, ticket: str) -> ChatError | None:
        """Say hello; None once the talk has taken the welcome, else the refusal. Raises `ConnectionClosed`, `TimeoutError`."""
        await socket.send(self._talk.hello(self._token, ticket), text=True)
        self.was_greeting = True
        self.answered.clear()
        async with asyncio.timeout(WELCOME_LIMIT_S):
            while True:
                event = decode_event(await socket.recv())
                if isinstance(event, e.Failed):
                    return error_of(event)
                if isinstance(event, e.Welcome):
                    # The one moment at which the old connection stops counting: no frame of either lies between.
                    self._talk.moved(event, time.monotonic())
                    return None

    async def _next_news(self) -> None:
        self._news.clear()
        await self._news.wait()
