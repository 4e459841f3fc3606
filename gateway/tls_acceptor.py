"""Accepts connections that begin with a TLS handshake, and counts each before the handshake costs anything. Where many come at
once, handshakes wait at the entrance (`gateway.entrance`); a connection that finds no place there is closed.

`loop.create_server(ssl=...)` tells of a connection only when its handshake is over: a flood of connections that never
speak would be bounded by nothing but time.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from abc import abstractmethod
from collections.abc import Callable

from gateway.entrance import HANDSHAKE, Entrance

logger = logging.getLogger("warbler.gateway")

ACCEPT_PAUSE_S = 0.5
"""After the system had no descriptor for one more connection."""


class Entering(asyncio.Protocol):
    """A connection that may be turned away, and ended while its handshake is under way."""

    __slots__ = ("end_handshake",)

    def __init__(self) -> None:
        self.end_handshake: Callable[[], object] = lambda: None
        """Ends the handshake; set while there is one."""

    @abstractmethod
    def enter(self, peer: str) -> bool:
        """Count it; False at a bound."""

    @abstractmethod
    def leave(self) -> None:
        """It did not come to be: count it no more."""


class TlsAcceptor:
    """One listening socket. `close` ends accepting and the handshakes under way; connections that stand stay."""

    def __init__(
        self,
        listener: socket.socket,
        tls: ssl.SSLContext,
        make: Callable[[], Entering],
        entrance: Entrance,
        *,
        handshake_s: float,
        shutdown_s: float,
    ) -> None:
        """`listener` is bound, listening and not blocking; it belongs to this object from now on."""
        self._listener = listener
        self._tls = tls
        self._make = make
        self._entrance = entrance
        self._handshake_s = handshake_s
        self._shutdown_s = shutdown_s
        self._handshakes: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    def close(self) -> None:
        """Take nobody any more (safe to repeat)."""
        self._accepting.cancel()
        for handshake in list(self._handshakes):
            handshake.cancel()
        self._listener.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, address = await loop.sock_accept(self._listener)
            except OSError as error:
                logger.warning("accept failed: %s", error)
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            protocol = self._make()
            if not protocol.enter(str(address[0])):
                client.close()
                continue
            self._take_turn(client, protocol)

    def _take_turn(self, client: socket.socket, protocol: Entering) -> None:
        protocol.end_handshake = lambda: _drop(client, protocol)
        if self._entrance.takes():
            self._begin((client, protocol))
        elif not self._entrance.wait(HANDSHAKE, self._begin, (client, protocol)):
            _drop(client, protocol)

    def _begin(self, who: tuple[socket.socket, Entering]) -> bool:
        client, protocol = who
        if client.fileno() < 0:  # it waited for too long
            return False
        if self._accepting.done():
            _drop(client, protocol)
            return False
        handshake = asyncio.get_running_loop().create_task(self._shake_hands(client, protocol))
        protocol.end_handshake = handshake.cancel
        self._handshakes.add(handshake)
        handshake.add_done_callback(self._handshakes.discard)
        return True

    async def _shake_hands(self, client: socket.socket, protocol: Entering) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol,
                client,
                ssl=self._tls,
                ssl_handshake_timeout=self._handshake_s,
                ssl_shutdown_timeout=self._shutdown_s,
            )
        except OSError:
            # no TLS, not in time, or gone: nobody but us has heard of it
            protocol.leave()
        except asyncio.CancelledError:
            protocol.leave()
            client.close()
            raise


def _drop(client: socket.socket, protocol: Entering) -> None:
    protocol.leave()
    client.close()


async def listening_sockets(host: str, port: int, *, reuse_port: bool, backlog: int) -> list[socket.socket]:
    """Sockets that listen on all addresses of a host. Raises `OSError` where one of them is taken."""
    infos = await asyncio.get_running_loop().getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(infos):
            listener = socket.create_server((address[0], address[1]), family=family, backlog=backlog, reuse_port=reuse_port)
            listener.setblocking(False)
            sockets.append(listener)
    except OSError:
        for listener in sockets:
            listener.close()
        raise
    return sockets
