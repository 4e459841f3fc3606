"""Every room and every account of a keyspace, in the order of their tokens: the order in which partitions lie."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple

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


def sagas(port: Port, after: Found = Found(BEGIN, "")) -> Iterator[Found]:  # noqa: B008
    """Every running operation behind this one. Raises `StoreError`."""
    return (found for found in _scan(port, "SCAN SAGAS", after) if found > after)


def heads(port: Port) -> Iterator[tuple[str, int]]:
    """Every room that has a message, with the number of the last one. Raises `StoreError`."""
    return ((row[1], row[2]) for row in _rows(port, "SCAN HEADS", BEGIN))


def _scan(port: Port, statement: str, after: Found) -> Iterator[Found]:
    # From the token itself on: two of one token are not likely, and not impossible.
    return (Found(row[0], row[1]) for row in _rows(port, statement, max(BEGIN, after.token - 1)))


def _rows(port: Port, statement: str, token: int) -> Iterator[tuple[Any, ...]]:
    while True:
        rows = run(_page(statement, token), port)
        yield from sorted(rows)
        if len(rows) < PAGE:
            return
        token = rows[-1][0]


def _page(statement: str, token: int) -> Steps[Rows]:
    (rows,) = yield [Ask(statement, (token, PAGE))]
    return rows
