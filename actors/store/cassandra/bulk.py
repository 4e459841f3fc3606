"""Loading many rows fast, past the ledgers, into a keyspace whose cells do not run: for load tests and imports, not for the serving path."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from actors.store.cassandra.flusher import write_all
from actors.store.cassandra.flushing import piles_of, statements
from actors.store.cassandra.records import Change
from actors.store.cassandra.steps import Port
from actors.store.rows import Row
from actors.store.seal import Sealer

AT_ONCE = 8192
"""Rows that are in memory together."""


def bulk_load(port: Port, sealer: Sealer, rows: Iterable[tuple[int, Row]]) -> int:
    """Store (slot, row) pairs; returns how many. The entries of a room come together and ascend.

    Their timestamps are below those of every owner: what a cell has ever written stays. Raises `StoreError`; it may be begun again then.
    """
    count = 0
    pairs = iter(rows)
    while some := list(islice(pairs, AT_ONCE)):
        changes = [Change(number, slot, row) for number, (slot, row) in enumerate(some, start=count + 1)]
        write_all(statements(piles_of(changes), sealer, {}), port)
        count += len(some)
    return count
