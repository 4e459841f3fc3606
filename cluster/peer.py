"""Links between cells over WebSocket: who listens, who dials.

Each ordered pair of lives has a connection of its own. The sender of batches makes it, so that a link needs nobody's
leave to come back after a break, and an answer always finds its way: it returns where the question came from. Two cells
that talk both ways hold two connections; they cost two sockets and keep the two directions from blocking each other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from random import Random
from ssl import SSLContext, SSLError

from websockets.client import ClientProtocol
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from actors.runtime.inbound import Inbound
from actors.runtime.link import LINK_VERSION, Link
from actors.runtime.links import Links
from actors.runtime.view import CellInfo
from cluster.peer_auth import AcceptorHandshake, DialerHandshake, checked
from cluster.peer_socket import EARLY_S, MAX_FRAME_BYTES, PeerSocket

MAX_STRANGERS = 64
"""Connections at once that have not yet proved who they are. Beyond it the oldest is cut off: a cell proves itself within
milliseconds, so whoever only waits cannot keep cells out."""
REPORT_S = 1.0
"""Refusals within so long are one line of the log: strangers cannot fill it."""
BACKOFF_S = (0.05, 2.0)
"""First and longest pause before another attempt to connect; each is doubled and drawn between half and whole."""
STEADY_S = 1.0
"""A connection that lived so long starts the pauses anew when it ends."""

logger = logging.getLogger(__name__)


class PeerListener:
    """Accepts the connections of other cells on a private address."""

    def __init__(self, secret: bytes, life: str, links: Links, *, ssl: SSLContext | None = None, version: int = LINK_VERSION) -> None:
        self.links = links
        self.strangers: dict[PeerSocket, None] = {}
        """Connections that have not yet proved who they are, oldest first."""
        self.refused = 0
        """How many were turned away, for people."""
        self._secret = checked(secret)
        self._life = life
        self._ssl = ssl
        self._version = version
        self._server: asyncio.Server | None = None
        self._peers: set[PeerSocket] = set()
        self._report_at = 0.0
        self._unreported = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, advertise: str = "") -> str:
        """Listen; returns the URL for the view, with the name `advertise` where others know this host by another than
        `host`. Raises `OSError` where the address cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: self._accept(loop), host, port, ssl=self._ssl, ssl_handshake_timeout=EARLY_S if self._ssl else None
        )
        taken = self._server.sockets[0].getsockname()[1]
        name = advertise or host
        return f"{'wss' if self._ssl else 'ws'}://{f'[{name}]' if ':' in name else name}:{taken}"

    async def close(self) -> None:
        """Stop listening and end every connection (safe to repeat)."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for peer in [*self._peers, *self.strangers]:
            peer.close()
        if server is not None:
            await server.wait_closed()

    def _accept(self, loop: asyncio.AbstractEventLoop) -> PeerSocket:
        handler = Accepting(self, AcceptorHandshake(self._secret, self._life, self._version))
        return PeerSocket(loop, ServerProtocol(max_size=MAX_FRAME_BYTES), handler)

    def met(self, peer: PeerSocket) -> None:
        """A connection was made."""
        while len(self.strangers) >= MAX_STRANGERS:
            next(iter(self.strangers)).cut("too many strangers")
        self.strangers[peer] = None

    def known(self, peer: PeerSocket) -> None:
        """A connection has proved who it is."""
        self.strangers.pop(peer, None)
        self._peers.add(peer)

    def gone(self, peer: PeerSocket) -> None:
        """A connection has ended."""
        self._peers.discard(peer)
        if peer in self.strangers:
            del self.strangers[peer]
            self._refuse(peer)

    def _refuse(self, peer: PeerSocket) -> None:
        self.refused += 1
        self._unreported += 1
        now = asyncio.get_running_loop().time()
        if now >= self._report_at:
            logger.warning("peer_refused count=%d: %s", self._unreported, peer.reason)
            self._report_at, self._unreported = now + REPORT_S, 0


class Accepting:
    """The accepting side of one connection. Implements `Handler`."""

    def __init__(self, listener: PeerListener, handshake: AcceptorHandshake) -> None:
        self._listener = listener
        self._handshake = handshake
        self._greeted = False
        self._inbound: Inbound | None = None

    def began(self, peer: PeerSocket) -> bool:
        """One stranger more."""
        self._listener.met(peer)
        return True

    def opened(self, peer: PeerSocket) -> None:
        """The dialer speaks first."""

    def message(self, peer: PeerSocket, data: bytes | bytearray | memoryview) -> None:
        """A step of the handshake, then frames of the link."""
        if self._inbound is not None:
            self._inbound.received(data)
        elif not self._greeted:
            self._greeted = True
            peer.send(self._handshake.greeted(bytes(data)))
        else:
            life, welcome = self._handshake.proved(bytes(data))
            peer.send(welcome)
            peer.trust()
            self._listener.known(peer)
            self._inbound = self._listener.links.accept(life, peer, self._handshake.agreed)

    def ended(self, peer: PeerSocket) -> None:
        """Answers on their way are dropped."""
        self._listener.gone(peer)
        if self._inbound is not None:
            self._listener.links.hung_up(self._inbound)


class PeerDialer:
    """Makes this cell's connections to others. Its `dial` is the transport factory of `Links`."""

    def __init__(
        self, secret: bytes, life: str, *, ssl: SSLContext | None = None, random: Random | None = None, version: int = LINK_VERSION
    ) -> None:
        self.secret = checked(secret)
        self.life = life
        self.ssl = ssl
        self.version = version
        self.random = random or Random()
        self._dialings: set[PeerDialing] = set()

    def dial(self, cell: CellInfo, link: Link) -> PeerDialing:
        """Keep a link connected until it is closed."""
        dialing = PeerDialing(self, cell, link, self._dialings.discard)
        self._dialings.add(dialing)
        return dialing

    async def close(self) -> None:
        """End every connection and attempt; returns when they are gone."""
        dialings = list(self._dialings)
        for dialing in dialings:
            dialing.close()
        await asyncio.gather(*(dialing.finished() for dialing in dialings))


class PeerDialing:
    """Connects one link, again and again. Implements `Dialing` and `Handler`."""

    def __init__(self, dialer: PeerDialer, cell: CellInfo, link: Link, on_close: Callable[[PeerDialing], None]) -> None:
        self.attempts = 0
        """How often a connection was tried."""
        self.last_reason = ""
        """Why the last one ended or failed, for people."""
        self._dialer = dialer
        self._cell = cell
        self._link = link
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._pause = BACKOFF_S[0]
        self._retry: asyncio.TimerHandle | None = None
        self._peer: PeerSocket | None = None
        self._handshake: DialerHandshake | None = None
        self._challenged = False
        self._trusted_at = 0.0
        self._closed = False
        self._task: asyncio.Task[None] = self._start()

    def close(self) -> None:
        """End the connection and try no more (safe to repeat)."""
        self._closed = True
        self._task.cancel()
        if self._retry is not None:
            self._retry.cancel()
        if self._peer is not None:
            self._peer.close()
        if self._task.done():
            self._on_close(self)

    async def finished(self) -> None:
        """Wait until no attempt runs any more."""
        await asyncio.wait([self._task])

    # --- connecting --------------------------------------------------------------------------------------------------

    def _start(self) -> asyncio.Task[None]:
        self.attempts += 1
        task = self._loop.create_task(self._connect(), name=f"dial {self._cell.life}")
        task.add_done_callback(self._tried)
        return task

    async def _connect(self) -> None:
        uri = parse_uri(self._cell.url)
        self._handshake = DialerHandshake(self._dialer.secret, self._dialer.life, self._cell.life, self._dialer.version)
        self._challenged = False
        peer = PeerSocket(self._loop, ClientProtocol(uri, max_size=MAX_FRAME_BYTES), self)
        context = self._dialer.ssl if uri.secure else None
        async with asyncio.timeout(EARLY_S):
            await self._loop.create_connection(lambda: peer, uri.host, uri.port, ssl=context)

    def _tried(self, task: asyncio.Task[None]) -> None:
        if self._closed:
            self._on_close(self)
        if task.cancelled() or task.exception() is None:
            # Cancelled by `close`; or connected, and `ended` will hear of the rest.
            return
        error = task.exception()
        self.last_reason = f"no connection: {error or type(error).__name__}"
        if isinstance(error, SSLError) or not isinstance(error, OSError):
            # A wrong URL, a certificate that is not trusted: people must hear. A cell that is not up (yet) is normal.
            logger.error("peer_unreachable life=%s: %r", self._cell.life, error)
        self._try_later()

    def _try_later(self) -> None:
        if self._closed:
            return
        if self._retry is not None:
            self._retry.cancel()
        pause = self._pause * self._dialer.random.uniform(0.5, 1.0)
        self._pause = min(self._pause * 2, BACKOFF_S[1])
        self._retry = self._loop.call_later(pause, self._try)

    def _try(self) -> None:
        self._task = self._start()

    # --- Handler -----------------------------------------------------------------------------------------------------

    def began(self, peer: PeerSocket) -> bool:
        """Nobody wants it any more where the link was closed meanwhile."""
        self._peer = peer
        return not self._closed

    def opened(self, peer: PeerSocket) -> None:
        """Say who we are."""
        assert self._handshake is not None
        peer.send(self._handshake.hello())

    def message(self, peer: PeerSocket, data: bytes | bytearray | memoryview) -> None:
        """A step of the handshake, then frames of the link."""
        if peer.trusted:
            self._link.received(peer, data)
            return
        assert self._handshake is not None
        if not self._challenged:
            peer.send(self._handshake.challenged(bytes(data)))
            self._challenged = True
            return
        self._handshake.welcomed(bytes(data))
        peer.trust()
        self._trusted_at = self._loop.time()
        self._link.connected(peer, self._handshake.agreed)

    def ended(self, peer: PeerSocket) -> None:
        """Everything on the connection ends; try again."""
        self._peer = None
        self.last_reason = peer.reason
        if not peer.trusted:
            logger.warning("peer_refused life=%s: %s", self._cell.life, peer.reason)
        else:
            logger.info("peer_lost life=%s: %s", self._cell.life, peer.reason)
            if self._loop.time() - self._trusted_at >= STEADY_S:
                self._pause = BACKOFF_S[0]
        self._link.disconnected(peer)
        self._try_later()
