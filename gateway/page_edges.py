"""The page and the edges at other addresses than its own: where its policy lets it connect, and which pages an edge lets in.

Both follow from the edges that are known, so that nothing has to be set where the server itself names them. A page may
connect to any port of a host at which an edge is: ports change while it is open. An edge lets in pages of the shared port
of any host at which an edge is, and origins that are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

MAX_SOURCES = 64
"""Hosts named in one policy: a header has to stay short. A page uses its own origin where it may not go."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PAGES = {"ws": "http", "wss": "https"}
_DEFAULT_PORTS = {"http": 80, "https": 443}


def connect_sources(urls: Iterable[str]) -> tuple[str, ...]:
    """What a page's `connect-src` names besides its own origin, for WebSockets at `urls`."""
    found = set()
    for url in urls:
        parts = urlsplit(url)
        # An address of IPv6 cannot be written there.
        if parts.scheme in _PAGES and parts.hostname and ":" not in parts.hostname:
            found.add(f"{parts.scheme}://{parts.hostname}:*")
    return tuple(sorted(found)[:MAX_SOURCES])


class PageOrigins:
    """A container of the origins whose pages may connect, as `is_allowed_origin` takes it."""

    def __init__(self, listed: Sequence[str], shared: Callable[[], Sequence[str]], edges: Callable[[], Sequence[str]]) -> None:
        """`shared`: WebSocket addresses at which the page is served, too; `edges`: those of all edges."""
        self._listed = frozenset(origin.lower() for origin in listed)
        self._shared = shared
        self._edges = edges

    def __contains__(self, origin: object) -> bool:
        return origin in self._listed or (isinstance(origin, str) and self._is_own(origin))

    def _is_own(self, origin: str) -> bool:
        try:
            parts = urlsplit(origin)
            port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        except ValueError:
            return False
        shared = [urlsplit(url) for url in self._shared()]
        places = {(_PAGES.get(url.scheme), url.port or _DEFAULT_PORTS.get(_PAGES.get(url.scheme, ""))) for url in shared}
        if (parts.scheme, port) not in places or parts.path or parts.query:
            return False
        hosts = {urlsplit(url).hostname for url in [*self._shared(), *self._edges()]}
        return parts.hostname in (hosts | LOOPBACK if hosts & LOOPBACK else hosts)
