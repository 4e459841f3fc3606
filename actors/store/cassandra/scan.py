"""Every room and every account of a keyspace, in the order of their tokens: the order in which partitions lie."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from actors.store.cassandra.steps import Ask, Port, Rows, Steps, run

PAGE = 1000
BEGIN = -(2**63)
"""Below every token."""


class Found(NamedTuple):
    """One of them."""

    token: int
    id: str


def rooms(port: Port, after: Found = Found(BEGIN, "")) -> Iterator[Found]:  # noqa: B008
    """Every room that has a row of its own, or a message, behind this one. Raises `StoreError`."""
    last = after
    for found in heapq.merge(_scan(port, "SCAN ROOMS", after), _scan(port, "SCAN HEADS", after)):
        if found > last:
            yield found
            last = found


def users(port: Port, after: Found = Found(BEGIN, "")) -> Iterator[Found]:  # noqa: B008
    """Every account behind this one. Raises `StoreError`."""
    return (found for found in _scan(port, "SCAN USERS", after) if found > after)


def _scan(port: Port, statement: str, after: Found) -> Iterator[Found]:
    # From the token itself on: two of one token are not likely, and not impossible.
    token = max(BEGIN, after.token - 1)
    while True:
        rows = run(_page(statement, token), port)
        yield from sorted(Found(row[0], row[1]) for row in rows)
        if len(rows) < PAGE:
            return
        token = rows[-1][0]


def _page(statement: str, token: int) -> Steps[Rows]:
    (rows,) = yield [Ask(statement, (token, PAGE))]
    return rows
