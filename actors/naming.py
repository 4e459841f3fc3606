"""Names that follow from what they are for: the same request, repeated, names the same room.

Pure and stable for ever: the ids stand in stored rows, so the functions below never change.
"""

from __future__ import annotations

from base64 import b32encode
from hashlib import blake2b

ROOM_LETTERS = 20
"""Base32 characters behind the first letter: 100 bits, so that two requests never meet."""


def room_for(user: str, key: str) -> str:
    """The id of the room that `user` makes under an idempotency key: ``r`` and 20 lower-case base32 characters."""
    return "r" + _letters(b"room", user, key)


def direct_room(a: str, b: str) -> str:
    """The id of the direct chat of two users, whoever opens it: ``d`` and 20 lower-case base32 characters."""
    first, second = sorted((a, b))
    return "d" + _letters(b"direct", first, second)


def saga_for(what: str, user: str, key: str) -> str:
    """The id of an operation of several steps that `user` begins under a key: ``s`` and 20 lower-case base32 characters."""
    return "s" + _letters(b"saga", f"{what} {user}", key)


def _letters(person: bytes, first: str, second: str) -> str:
    # The length in front keeps ("ab", "c") and ("a", "bc") apart whatever characters the parts hold.
    head = first.encode()
    digest = blake2b(len(head).to_bytes(4, "big") + head + second.encode(), digest_size=13, person=person).digest()
    return b32encode(digest).decode().lower()[:ROOM_LETTERS]
