"""Opaque tokens: how they look, how they are made, when they end.

    wbl:<user>:<43 characters>              a device's token, shown with every request
    wbr:<user>:<device>:<43 characters>     its refresh token, shown once, for the next pair

The 43 characters are 32 random bytes in URL-safe base64. The user's name says which actor to ask; it proves
nothing. Only the SHA-256 of the whole text is ever stored or sent between cells: 256 random bits need no slow hash.
"""

from __future__ import annotations

import re
import secrets
from base64 import b32encode
from hashlib import sha256
from typing import NamedTuple

from actors.commands import MAX_NUMBER
from actors.errors import ChatError
from actors.messages.user import Grant

NO_END_MS = MAX_NUMBER
"""The end of a token that never ends (service accounts): the largest time that JSON readers keep exactly."""
SECRET_BYTES = 32
MAX_TOKEN_CHARS = 160
"""No token is longer; longer texts are refused before a pattern looks at them."""

_USER = r"([a-z0-9][a-z0-9._-]{1,31})"
_SECRET = r"[A-Za-z0-9_-]{43}"
_TOKEN = re.compile(rf"wbl:{_USER}:{_SECRET}")
_REFRESH = re.compile(rf"wbr:{_USER}:([a-z0-9]{{8,40}}):{_SECRET}")
TOKEN_LIKE = re.compile(r"wb[lr](?::|%3[aA])[^\s\"'&]*")
"""Whatever could be one of our tokens, percent-encoded or not: for those who must hide or refuse it."""


class Lifetimes(NamedTuple):
    """How long tokens live, in seconds."""

    token_s: float = 30 * 86_400.0
    refresh_s: float = 180 * 86_400.0


class Claim(NamedTuple):
    """What a token says; nothing is proved before its user's actor has compared the digest."""

    user: str
    digest: bytes
    device: str = ""
    """Named by refresh tokens only."""


class Issued(NamedTuple):
    """A new pair of tokens, and the digests for the user's actor."""

    token: str
    refresh: str
    expires_in: int | None
    """Seconds until the token ends; None for one that does not."""
    grant: Grant


def digest(text: str) -> bytes:
    """SHA-256 of a token's text."""
    return sha256(text.encode()).digest()


def parse_token(text: str) -> Claim:
    """Whose token it claims to be. Raises `bad_token` for any other text."""
    match = _TOKEN.fullmatch(text) if len(text) <= MAX_TOKEN_CHARS else None
    if match is None:
        raise ChatError("bad_token")
    return Claim(match[1], digest(text))


def parse_refresh(text: str) -> Claim:
    """Whose refresh token it claims to be. Raises `bad_token` for any other text."""
    match = _REFRESH.fullmatch(text) if len(text) <= MAX_TOKEN_CHARS else None
    if match is None:
        raise ChatError("bad_token")
    return Claim(match[1], digest(text), match[2])


def new_device() -> str:
    """A device id: 16 lower-case base32 characters, 80 random bits."""
    return b32encode(secrets.token_bytes(10)).decode().lower()


def issue(user: str, device: str, name: str, wall: float, lifetimes: Lifetimes) -> Issued:
    """A token and a refresh token for a device. `wall` is seconds since 1970; an empty `name` keeps the device's name."""
    token = f"wbl:{user}:{secrets.token_urlsafe(SECRET_BYTES)}"
    refresh = f"wbr:{user}:{device}:{secrets.token_urlsafe(SECRET_BYTES)}"
    grant = Grant(
        device=device,
        name=name,
        token=digest(token),
        token_ends_at=int((wall + lifetimes.token_s) * 1000),
        refresh=digest(refresh),
        refresh_ends_at=int((wall + lifetimes.refresh_s) * 1000),
    )
    return Issued(token, refresh, int(lifetimes.token_s), grant)


def issue_for_service(user: str, device: str, name: str) -> Issued:
    """A token without an end, for a program. Nobody knows its refresh secret, and it has ended already."""
    token = f"wbl:{user}:{secrets.token_urlsafe(SECRET_BYTES)}"
    grant = Grant(
        device=device,
        name=name,
        token=digest(token),
        token_ends_at=NO_END_MS,
        refresh=secrets.token_bytes(SECRET_BYTES),
        refresh_ends_at=0,
    )
    return Issued(token, "", None, grant)
