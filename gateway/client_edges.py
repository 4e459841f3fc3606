"""Where a client connects: the edges that the server names, best first, and the address that it was given as the last."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

LOOK_S = 5.0
"""How long the answer to `GET /connect` is waited for; without one the given address is used."""
MAX_EDGES = 4
"""Named edges that are tried before the given address."""
_MAX_ANSWER_BYTES = 64 * 1024


def edges_of(url: str, tls: ssl.SSLContext | None) -> list[str]:
    """The addresses to try, in order; `url` is among them. Blocks: call it in a thread."""
    return sorted_out(_named(url, tls), url)


def sorted_out(named: list[str], url: str) -> list[str]:
    """The named edges that may be used, then `url`. A token that came over TLS never goes over a line without."""
    schemes = ("wss://",) if url.startswith("wss://") else ("ws://", "wss://")
    usable = [edge for edge in named if edge.startswith(schemes)]
    return list(dict.fromkeys([*usable[:MAX_EDGES], url]))


def _named(url: str, tls: ssl.SSLContext | None) -> list[str]:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
        connection = (
            HTTPSConnection(host, port, timeout=LOOK_S, context=tls)
            if parts.scheme == "wss"
            else HTTPConnection(host, port, timeout=LOOK_S)
        )
    except ValueError:  # no port of ours to ask at: what connects says what is wrong with the address
        return []
    try:
        connection.request("GET", "/connect")
        response = connection.getresponse()
        answer = json.loads(response.read(_MAX_ANSWER_BYTES)) if response.status == 200 else None
    except (OSError, HTTPException, ValueError):  # a server or proxy that does not know it: the given address will do
        return []
    finally:
        connection.close()
    edges = answer.get("edges") if isinstance(answer, dict) else None
    return [edge for edge in edges if isinstance(edge, str)] if isinstance(edges, list) else []


def told_to_wait_s(headers: Mapping[str, str]) -> float:
    """The seconds after which a server that refused the WebSocket wants to be asked again; 0 where its answer does not say."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
