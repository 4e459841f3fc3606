"""The public port: reads a request head, within bounds, and hands the transport on, to a WebSocket connection or to HTTP.

Beyond its bounds: a connection too many, in all or from one address, is answered with 503 and ended; a head that is too
long with 431; one that takes too long is ended without an answer. First requests wait at the entrance (`gateway.entrance`) where
many come at once; one that finds no place there, or waits too long, is answered with 503. What operators and balancers ask
(`AT_ONCE`) waits for nobody.
"""

from __future__ import annotations

import asyncio
import math
import re
import ssl
from collections.abc import Awaitable, Callable, Container, Sequence
from functools import partial

from actors.closing import CLOSES, GOING_AWAY
from actors.commands import Command
from actors.ports import Sessions
from actors.runtime.scheduler import Scheduler
from gateway.admission import Admission
from gateway.connection import Connection, peer_of
from gateway.connection_upgrade import PATH
from gateway.counters import Counters
from gateway.entrance import MOST_WAITING, REQUEST, SHARE, UPGRADE, Entrance
from gateway.http_side import App, HttpSide
from gateway.hub import Hub
from gateway.loop_clock import LoopClock
from gateway.proxies import Proxies
from gateway.tls_acceptor import Entering, TlsAcceptor, listening_sockets

MAX_HEAD_BYTES = 16 * 1024
"""Request line and headers together."""
HEAD_TIMEOUT_S = 10.0
"""From the connection to the end of the head; for a TLS handshake before it, the same again."""
WAIT_S = 10.0
"""How long a first request waits for its turn; clients give up in about that time."""
TLS_SHUTDOWN_S = 5.0
"""For the end of a TLS connection."""
CLOSE_WAIT_S = 5.0
"""How long `Front.close` waits for clients to go by themselves."""
ABORT_WAIT_S = 2.0
"""How long it waits for aborted connections to be gone."""
LISTEN_BACKLOG = 2048
"""Connections that the kernel keeps until they are taken."""

_END_OF_HEAD = b"\r\n\r\n"
_WEBSOCKET = re.compile(rb"GET " + re.escape(PATH.encode()) + rb"(?:\?[^ ]*)? HTTP/1\.1\r\n")
_UPGRADE = re.compile(rb"\r\nupgrade:[ \t]*websocket[ \t]*\r\n", re.IGNORECASE)
AT_ONCE = re.compile(rb"GET /(?:healthz|metrics) ")
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Door(Entering):
    """A connection that has not yet shown what it is: it is counted, and its request head is read."""

    __slots__ = ("_entered", "_head", "_http", "_hub", "_peer", "_transport", "_waits", "slot")

    def __init__(self, hub: Hub, http: HttpSide) -> None:
        super().__init__()
        self._hub = hub
        self._http = http
        self._head = bytearray()
        self._peer = ""
        # whether it counts against the bounds
        self._entered = False
        # whether its head is there and waits for its turn
        self._waits = False
        # None before the connection is made, which with TLS is after its handshake
        self._transport: asyncio.Transport | None = None
        self.slot = -1

    def enter(self, peer: str) -> bool:
        """Count it, and the time for its head; False at a bound."""
        hub = self._hub
        if hub.closing or not hub.admission.enter_from(peer):
            hub.counters.refused += 1
            return False
        if not hub.admission.enter():
            hub.admission.leave_from(peer)
            hub.counters.refused += 1
            return False
        self._entered, self._peer = True, peer
        hub.doors.add(self)
        hub.wheel.move(self, HEAD_TIMEOUT_S)
        return True

    def leave(self) -> None:
        """Gone before its head was there (safe to repeat)."""
        if self._entered:
            self._leave_door()
            self._hub.leave(self._peer)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, where that was not done before, or turn it away."""
        self._transport = transport  # type: ignore[assignment]
        if self._entered:
            self._hub.wheel.move(self, HEAD_TIMEOUT_S)
        elif not self.enter(peer_of(transport)):
            self._refuse()

    def data_received(self, data: bytes) -> None:
        """One more piece of the head."""
        if self._entered:
            self._head += data
            if not self._waits:
                self._look()
            elif len(self._head) > 2 * MAX_HEAD_BYTES and self._transport is not None:
                self._transport.pause_reading()

    def on_time(self) -> float:
        """The head, or the TLS handshake before it, did not come in time, or its turn did not."""
        if self._waits:
            self._refuse()
        else:
            self.abort()
        return 0.0

    def abort(self) -> None:
        """End without a word."""
        if self._transport is not None:
            self._transport.abort()
        else:
            self.end_handshake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self.leave()

    def _look(self) -> None:
        stop = self._head.find(_END_OF_HEAD)
        if 0 <= stop <= MAX_HEAD_BYTES - len(_END_OF_HEAD):
            self._take_turn(stop + len(_END_OF_HEAD))
        elif stop >= 0 or len(self._head) > MAX_HEAD_BYTES:
            self._hub.counters.refused += 1
            self._end_with(_TOO_LONG)

    def _take_turn(self, stop: int) -> None:
        entrance = self._hub.entrance
        if AT_ONCE.match(self._head) or entrance.takes():
            self._hand_on(stop)
        elif entrance.wait(UPGRADE if _WEBSOCKET.match(self._head) else REQUEST, self._hand_on, stop):
            self._waits = True
            self._hub.wheel.move(self, WAIT_S)
        else:
            self._hub.counters.refused += 1
            self._refuse()

    def _refuse(self) -> None:
        self._end_with(_BUSY % math.ceil(self._hub.entrance.retry_after_s()))

    def _end_with(self, answer: bytes) -> None:
        transport = self._transport
        if transport is not None:
            transport.write(answer)
            transport.close()

    def _hand_on(self, stop: int) -> bool:
        transport = self._transport
        if transport is None or not self._entered or transport.is_closing():
            return False
        self._leave_door()
        if self._waits:
            transport.resume_reading()
        head, rest = bytes(self._head[:stop]), bytes(self._head[stop:])
        if _WEBSOCKET.match(head) and _UPGRADE.search(head):
            connection = Connection(self._hub)
            transport.set_protocol(connection)
            connection.connection_made(transport)
            connection.data_received(head)
            if rest and not transport.is_closing():
                connection.data_received(rest)
        else:
            http = self._http.connection()
            transport.set_protocol(http)
            http.connection_made(transport)
            http.data_received(head + rest)
        return True

    def _leave_door(self) -> None:
        self._entered = False
        self._hub.wheel.forget(self)
        self._hub.doors.discard(self)


class Front:
    """One public TCP port, and everybody who came in through it. Belongs to the running loop."""

    def __init__(
        self,
        sessions: Sessions,
        app: App,
        *,
        scheduler: Scheduler | None = None,
        origins: Container[str] = (),
        trusted_proxies: Sequence[str] = (),
        max_connections: int = 200_000,
        max_connections_per_address: int = 2_000,
        admit: Callable[[Command], None] = lambda hello: None,
        share: float = SHARE,
        most_waiting: int = MOST_WAITING,
        on_crowd: Callable[[bool], None] = lambda waits: None,
    ) -> None:
        """`app`: the ASGI application. `trusted_proxies`: CIDR texts; raises `ValueError` for one that is none.
        `admit`: raises `ChatError` for a `hello` that is to come later. `share`, `most_waiting`, `on_crowd`: see `gateway.entrance`."""
        proxies = Proxies(trusted_proxies)
        admission = Admission(max_connections, max_connections_per_address, proxies.trusts)
        clock = scheduler or LoopClock(asyncio.get_running_loop())
        entrance = Entrance(clock, share=share, most_waiting=most_waiting, on_crowd=on_crowd)
        self._hub = Hub(sessions, clock, origins=origins, proxies=proxies, admission=admission, admit=admit, entrance=entrance)
        self._http = HttpSide(app, self._hub)
        self._listeners: list[asyncio.Server | TlsAcceptor] = []
        self._port = 0
        self._own_port = 0
        self._closing: asyncio.Task[None] | None = None
        self._again: Callable[[], Awaitable[None]] | None = None
        """How it listened; None before it did."""

    @property
    def is_listening(self) -> bool:
        """Whether it takes new connections."""
        return bool(self._listeners)

    @property
    def counters(self) -> Counters:
        """Counts for metrics."""
        return self._hub.counters

    @property
    def sockets(self) -> int:
        """TCP connections now, of all kinds."""
        return self._hub.admission.total

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if not self._port:
            raise RuntimeError("not started")
        return self._port

    @property
    def own_port(self) -> int:
        """The port that no other cell shares; 0 where there is none."""
        return self._own_port

    async def start(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        reuse_port: bool = False,
        own_port: int | None = None,
    ) -> None:
        """Start the application and listen, on `own_port` (0: a free one) too where it is given. Raises `OSError` (a port is
        taken) and `StartupFailed`."""
        await self._http.start()
        try:
            await self._listen_on_all(host, port, ssl_context, reuse_port, own_port)
        except OSError:
            await self._http.stop()
            raise
        self._again = partial(self._listen_on_all, host, self._port, ssl_context, reuse_port, self._own_port or None)
        self._hub.wheel.start()

    async def listen_again(self) -> None:
        """Take clients again, on the same ports, after `stop_listening`. Raises `OSError`."""
        if self._again is not None and self._closing is None and not self._listeners:
            await self._again()

    async def _listen_on_all(self, host: str, port: int, tls: ssl.SSLContext | None, reuse_port: bool, own_port: int | None) -> None:
        try:
            self._port = await self._listen(host, port, tls, reuse_port)
            if own_port is not None:
                self._own_port = await self._listen(host, own_port, tls, reuse_port)
        except OSError:
            self.stop_listening()
            raise

    async def _listen(self, host: str, port: int, tls: ssl.SSLContext | None, reuse_port: bool) -> int:
        loop = asyncio.get_running_loop()
        for listener in await listening_sockets(host, port, reuse_port=reuse_port, backlog=LISTEN_BACKLOG):
            port = port or int(listener.getsockname()[1])
            if tls is None:
                self._listeners.append(await loop.create_server(self._door, sock=listener, backlog=LISTEN_BACKLOG))
            else:
                self._listeners.append(
                    TlsAcceptor(listener, tls, self._door, self._hub.entrance, handshake_s=HEAD_TIMEOUT_S, shutdown_s=TLS_SHUTDOWN_S)
                )
        return port

    def _door(self) -> Door:
        return Door(self._hub, self._http)

    def stop_listening(self) -> None:
        """Take nobody any more; who is here stays (safe to repeat)."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.close()

    async def close(self) -> None:
        """Take nobody any more, tell everybody to go elsewhere, wait, end who is left. Safe to repeat; all calls wait."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        hub = self._hub
        hub.closing = True
        self.stop_listening()
        for connection in list(hub.connections):
            connection.close(GOING_AWAY, CLOSES[GOING_AWAY])
        self._http.shutdown_connections()
        for door in list(hub.doors):
            door.abort()
        if not await self._emptied(CLOSE_WAIT_S):
            for connection in list(hub.connections):
                connection.abort()
            self._http.abort_connections()
            await self._emptied(ABORT_WAIT_S)
        hub.wheel.stop()
        await self._http.stop()

    async def _emptied(self, limit_s: float) -> bool:
        """Wait until nobody is left, for so long at most."""
        empty = asyncio.Event()
        self._hub.on_empty = empty.set
        if self._hub.admission.total == 0:
            return True
        try:
            await asyncio.wait_for(empty.wait(), limit_s)
        except TimeoutError:
            return False
        return True
