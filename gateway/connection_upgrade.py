"""The opening handshake: from a request head to an agreed WebSocket, or a refusal.

websockets' `ServerProtocol` reads the head and checks what RFC 6455 asks; here is what Warbler asks besides: the path,
no query (a token in an address ends up in logs), and the origin.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from gateway.wire import MAX_FRAME_BYTES

PATH = "/ws"
"""Where WebSockets are accepted."""
SUBPROTOCOL = Subprotocol("warbler.v1")
"""Chosen where the client offers it; a client that offers none is served all the same."""

logger = logging.getLogger("warbler.websocket")
logger.setLevel(logging.WARNING)

_DEFAULT_PORTS = {"http": 80, "https": 443}


def _choose(protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def opening_protocol() -> ServerProtocol:
    """A `ServerProtocol` that waits for the request."""
    return ServerProtocol(select_subprotocol=_choose, max_size=MAX_FRAME_BYTES, logger=logger)


def open_protocol() -> ServerProtocol:
    """A `ServerProtocol` past its handshake, as it is between two messages: how one that was let go comes back."""
    return ServerProtocol(state=State.OPEN, max_size=MAX_FRAME_BYTES, logger=logger)


def answer(protocol: ServerProtocol, head: bytes, origins: Container[str]) -> Request | None:
    """Read the request head (all of it, nothing more) and write the response. The request, where the WebSocket is open."""
    protocol.receive_data(head)
    requests = [event for event in protocol.events_received() if isinstance(event, Request)]
    if not requests:
        # the head could not be parsed; the protocol has written its answer
        return None
    request = requests[0]
    refusal = _refusal(request, origins)
    protocol.send_response(protocol.reject(*refusal) if refusal else protocol.accept(request))
    return request if protocol.state is State.OPEN else None


def _refusal(request: Request, origins: Container[str]) -> tuple[HTTPStatus, str] | None:
    path, _, query = request.path.partition("?")
    if path != PATH:
        return HTTPStatus.NOT_FOUND, f"WebSockets are served at {PATH}.\n"
    if query:
        return HTTPStatus.BAD_REQUEST, f"{PATH} takes no query; the token goes into the hello frame.\n"
    found = request.headers.get_all("Origin")
    hosts = request.headers.get_all("Host")
    if len(hosts) != 1 or len(found) > 1:
        return HTTPStatus.BAD_REQUEST, "Exactly one Host and at most one Origin, please.\n"
    if found and not is_allowed_origin(found[0], hosts[0], origins):
        return HTTPStatus.FORBIDDEN, "Pages of that origin may not connect here.\n"
    return None


def is_allowed_origin(origin: str, host: str, origins: Container[str]) -> bool:
    """Whether a page of `origin` may connect: it was served under the same host and port, or is listed."""
    origin = origin.lower()
    return _is_same_place(origin, host) or origin in origins


def _is_same_place(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        default = _DEFAULT_PORTS[parts.scheme]
        own = urlsplit(f"//{host.lower()}")
        return bool(parts.hostname) and (parts.hostname, parts.port or default) == (own.hostname, own.port or default)
    except (KeyError, ValueError):
        return False
