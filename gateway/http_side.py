"""HTTP on the public port: uvicorn's protocol class with our bounds on time, and the true address of the client.

uvicorn waits without end for the rest of a request that has begun; here the listener's wheel ends it. Its way of handing
a later request of a kept connection to a WebSocket is used as it is: a proxy may upgrade a connection it has used before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from email.utils import formatdate
from typing import Any

from uvicorn.config import Config
from uvicorn.lifespan.on import LifespanOn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.connection import Connection, peer_of
from gateway.hub import Hub
from gateway.proxies import Proxies

REQUEST_TIMEOUT_S = 60.0
"""From the first byte of a request to the last of its body."""
KEEP_ALIVE_S = 15
"""A connection without a request is kept this long."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class StartupFailed(Exception):
    """The HTTP application did not start."""


class HttpConnection(HttpToolsProtocol):
    """One HTTP connection; a `Timed` to the wheel while a request is being received."""

    def __init__(self, hub: Hub, side: HttpSide) -> None:
        super().__init__(side.config, side.state, side.app_state)
        self._hub = hub
        self._side = side
        self._peer = ""
        self.slot = -1

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request's head follows by `data_received`."""
        self._peer = peer_of(transport)
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._hub.wheel.move(self, REQUEST_TIMEOUT_S)
        self._side.refresh_date()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._hub.wheel.forget(self)
        super().on_message_complete()

    def on_time(self) -> float:
        """The request did not come to its end in time."""
        self.transport.abort()
        return 0.0

    def handle_websocket_upgrade(self) -> None:
        """The transport goes on to a `Connection`."""
        self._hub.wheel.forget(self)
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._hub.wheel.forget(self)
        super().connection_lost(exc)
        self._hub.leave(self._peer)


class TrueClient:
    """ASGI: puts the client's address and scheme into the scope where a trusted proxy names them."""

    def __init__(self, app: App, proxies: Proxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with a truer scope."""
        peer = scope.get("client")
        if scope["type"] == "http" and peer and self._proxies.trusts(peer[0]):
            headers = scope["headers"]
            client = self._proxies.client_of(peer[0], _values(headers, b"forwarded"), _values(headers, b"x-forwarded-for"))
            scheme = next(iter(_values(headers, b"x-forwarded-proto")), scope["scheme"]).strip().lower()
            scope["client"] = (client, 0)
            scope["scheme"] = scheme if scheme in ("http", "https") else scope["scheme"]
        await self._app(scope, receive, send)


class HttpSide:
    """What all HTTP connections of a listener share, and the life of the ASGI application."""

    def __init__(self, app: App, hub: Hub) -> None:
        self._hub = hub
        self.config = Config(
            TrueClient(app, hub.proxies),
            http=HttpToolsProtocol,
            ws="none",
            lifespan="auto",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            interface="asgi3",
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self.config.load()
        self.config.ws_protocol_class = self._upgraded  # type: ignore[assignment]
        self.state = ServerState()
        self.app_state: dict[str, Any] = {}
        self._lifespan: LifespanOn | None = None
        self._dated_at = 0

    async def start(self) -> None:
        """Start the application. Raises `StartupFailed`."""
        self._lifespan = LifespanOn(self.config)
        await self._lifespan.startup()
        if self._lifespan.should_exit:
            raise StartupFailed("the HTTP application did not start; its log says why")
        self.app_state = self._lifespan.state

    async def stop(self) -> None:
        """End the application, if it was started (safe to repeat)."""
        lifespan, self._lifespan = self._lifespan, None
        if lifespan is not None:
            await lifespan.shutdown()

    def connection(self) -> HttpConnection:
        """The protocol for one more connection."""
        self._hub.counters.http += 1
        return HttpConnection(self._hub, self)

    def shutdown_connections(self) -> None:
        """End idle connections now and busy ones after their answer."""
        for connection in list(self.state.connections):
            connection.shutdown()

    def abort_connections(self) -> None:
        """End all connections without a word."""
        for connection in list(self.state.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def refresh_date(self) -> None:
        """Keep the `Date` of answers right to the second."""
        now_s = int(self._hub.scheduler.wall())
        if now_s != self._dated_at:
            self._dated_at = now_s
            self.state.default_headers = [(b"date", formatdate(now_s, usegmt=True).encode())]

    def _upgraded(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> Connection:
        self._hub.counters.http -= 1
        return Connection(self._hub)


def _values(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in headers if name.lower() == wanted]
