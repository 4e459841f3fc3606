"""The tokens that follow a refresh token: always the same ones for a short while, so that a refresh can be repeated.

An answer may be lost when the tokens in it are stored already. So they are not drawn but derived: from the refresh token that
was shown, the present stretch of time, and a secret that all edges share. Whoever repeats the request within a stretch or
the next, at any edge, gets the same pair. Without the secret nobody can tell one token from another.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256

from actors.messages.user import Grant
from gateway.auth.tokens import Issued, Lifetimes, digest

STRETCH_S = 120
"""A refresh can be repeated for so long at least, and for twice that at most."""
_PURPOSE = b"warbler refresh 1"


class Successors:
    """Makes the pairs that follow refresh tokens."""

    def __init__(self, secret: bytes) -> None:
        """`secret`: the cluster's; a key of its own is derived from it."""
        self._key = hmac.digest(secret, _PURPOSE, sha256)

    def after(self, refresh: str, user: str, device: str, wall: float, lifetimes: Lifetimes) -> tuple[Issued, Issued]:
        """The pair for now, and the one that was given in the stretch before. `wall`: seconds since 1970."""
        stretch = int(wall) // STRETCH_S
        now, before = (self._pair(refresh, user, device, number, lifetimes, wall) for number in (stretch, stretch - 1))
        return now, before

    def _pair(self, refresh: str, user: str, device: str, stretch: int, lifetimes: Lifetimes, wall: float) -> Issued:
        token = f"wbl:{user}:{self._secret(b'token', refresh, stretch)}"
        following = f"wbr:{user}:{device}:{self._secret(b'refresh', refresh, stretch)}"
        # They end by their stretch, so that a repeat gives the same times, too.
        start = (stretch + 1) * STRETCH_S
        grant = Grant(
            device=device,
            name="",
            token=digest(token),
            token_ends_at=int((start + lifetimes.token_s) * 1000),
            refresh=digest(following),
            refresh_ends_at=int((start + lifetimes.refresh_s) * 1000),
        )
        return Issued(token, following, int(start + lifetimes.token_s - wall), grant)

    def _secret(self, what: bytes, refresh: str, stretch: int) -> str:
        text = b"\0".join((what, str(stretch).encode(), refresh.encode()))
        return urlsafe_b64encode(hmac.digest(self._key, text, sha256)).decode().rstrip("=")
