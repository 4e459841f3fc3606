"""Tickets of devices that move from one edge to another, under a secret that all edges share.

A ticket is ``expiry, device, HMAC`` in URL-safe base64, the HMAC over the user's name too. It opens nothing: whoever shows
it still has to show the device's token. It says that an edge asked this device to move a moment ago, so it is let in before
strangers and is not told again what it was told there. Nothing is stored: a ticket may be shown twice while it is good.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256

TICKET_S = 120.0
"""How long a ticket is good: longer than the time that clients are given to move, and clocks of machines differ."""
MIN_SECRET_BYTES = 16
_PURPOSE = b"warbler resume ticket 1"
_EXPIRY_BYTES, _TAG_BYTES = 5, 16


class EdgeTickets:
    """Implements `actors.session_ports.Tickets`. `wall`: seconds since 1970."""

    def __init__(self, secret: bytes, wall: Callable[[], float]) -> None:
        """`secret`: the cluster's; a key of its own is derived from it. Raises `ValueError` where it is too short to be one."""
        if len(secret) < MIN_SECRET_BYTES:
            raise ValueError(f"the cluster secret needs at least {MIN_SECRET_BYTES} bytes")
        self._key = hmac.digest(secret, _PURPOSE, sha256)
        self._wall = wall

    def issue(self, user: str, device: str) -> str:
        """A ticket for this device, good for a short time at every edge."""
        body = int(self._wall() + TICKET_S).to_bytes(_EXPIRY_BYTES, "big") + device.encode()
        return urlsafe_b64encode(body + self._tag(body, user)).decode().rstrip("=")

    def device_of(self, ticket: str, user: str) -> str:
        """The device of a ticket that is good for this user; empty for any other text."""
        try:
            raw = urlsafe_b64decode(ticket.encode("ascii") + b"=" * (-len(ticket) % 4))
        except ValueError:  # no ASCII, or no base64
            return ""
        body, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
        if len(body) <= _EXPIRY_BYTES or not hmac.compare_digest(tag, self._tag(body, user)):
            return ""
        if int.from_bytes(body[:_EXPIRY_BYTES], "big") < self._wall():
            return ""
        return body[_EXPIRY_BYTES:].decode()

    def _tag(self, body: bytes, user: str) -> bytes:
        return hmac.digest(self._key, user.encode() + b"\0" + body, sha256)[:_TAG_BYTES]
