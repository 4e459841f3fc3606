"""Data keys, kept wrapped in the database."""

from __future__ import annotations

import secrets

from actors.store.cassandra.steps import Ask, Port, Rows, Steps, run
from actors.store.store import StoreUnavailable

TRIES = 20


class Shelf:
    """Implements `seal.KeyShelf`. Any thread may call, but for the driver's own; calls wait for the database."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def add_key(self, wrapped: bytes) -> int:
        """Keep a wrapped key durably; its id is drawn, and taken by a condition, so that it is never given twice."""
        for _ in range(TRIES):
            number = secrets.randbelow(2**32 - 1) + 1
            if run(_one(Ask("ADD DATA KEY", (number, wrapped))), self._port)[0][0]:
                return number
        raise StoreUnavailable("no number of a data key is free")

    def wrapped_key(self, key_id: int) -> bytes | None:
        """The wrapped key of that id."""
        rows = run(_one(Ask("DATA KEY", (key_id,))), self._port)
        return bytes(rows[0][0]) if rows else None


def _one(ask: Ask) -> Steps[Rows]:
    (rows,) = yield [ask]
    return rows
