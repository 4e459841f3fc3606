"""Data keys in memory, and a sealer on them."""

from __future__ import annotations

from actors.store.seal import Sealer
from tests.kit.warehouse import MASTER


class Shelf:
    """Wrapped keys in memory."""

    def __init__(self) -> None:
        self.keys: dict[int, bytes] = {}

    def add_key(self, wrapped: bytes) -> int:
        self.keys[len(self.keys) + 1] = wrapped
        return len(self.keys)

    def wrapped_key(self, key_id: int) -> bytes | None:
        return self.keys.get(key_id)


SEALER = Sealer(MASTER, Shelf())
"""For tests of one thread."""
