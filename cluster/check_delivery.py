"""`warbler doctor` asks a running server whether it delivers."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

ANSWER_LIMIT_S = 5.0
"""Longer than the server's own bound on its probe."""


def ask_health(url: str) -> dict[str, Any]:
    """What ``/healthz`` of the server at this URL says, well or not. Raises `OSError` where nothing like it answers."""
    place = urlsplit(url)
    connection: http.client.HTTPConnection
    if place.scheme == "https":
        # Our own server on this machine: its certificate need not name 127.0.0.1.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(place.netloc, timeout=ANSWER_LIMIT_S, context=context)
    else:
        connection = http.client.HTTPConnection(place.netloc, timeout=ANSWER_LIMIT_S)
    try:
        connection.request("GET", "/healthz")
        told = json.loads(connection.getresponse().read(100_000))
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"it does not speak as a Warbler server does: {type(error).__name__}") from error
    finally:
        connection.close()
    if not isinstance(told, dict) or not isinstance(told.get("ok"), bool):
        raise OSError("another program answers there")
    return told
