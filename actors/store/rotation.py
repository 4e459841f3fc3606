"""How far the renewal of all data keys has come: one row that all cells and the command share, changed by compare-and-set.

begun: the keys that are to go  ──> every life seals under a new one  ──> owners seal their rows anew  ──> looked for  ──> keys gone
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from actors.store.store import StoreUnavailable

NAME = "rotation"
ATTEMPTS = 50


class Shelf(Protocol):
    """Where the row is: the record of the cluster."""

    def setting(self, name: str) -> bytes | None:
        """What is stored."""

    def change_setting(self, name: str, before: bytes | None, after: bytes) -> bool:
        """Compare and set."""


class Rotation(msgspec.Struct, frozen=True):
    """One renewal."""

    number: int
    old: frozenset[int]
    """Data keys that are to go. Those that are drawn later are not among them."""
    renewed: frozenset[str] = frozenset()
    """Lives that seal under new keys alone."""
    done: frozenset[int] = frozenset()
    """Groups all of whose rows are under new keys."""
    rows: int = 0
    """Rows that were sealed anew."""
    ended: bool = False
    """The old keys are gone."""


def stored(shelf: Shelf) -> Rotation | None:
    """The last one; None: there never was one."""
    data = shelf.setting(NAME)
    return msgspec.msgpack.decode(data, type=Rotation) if data is not None else None


def change(shelf: Shelf, step: Callable[[Rotation | None], Rotation]) -> Rotation:
    """Store what `step` makes of the stored one. Raises `StoreUnavailable` where others keep overtaking."""
    for _ in range(ATTEMPTS):
        data = shelf.setting(NAME)
        wanted = step(msgspec.msgpack.decode(data, type=Rotation) if data is not None else None)
        after = msgspec.msgpack.encode(wanted)
        if after == data or shelf.change_setting(NAME, data, after):
            return wanted
    raise StoreUnavailable("the note of the keys' renewal is changed all the time")


def changed(rotation: Rotation, **fields: Any) -> Rotation:
    """The same with other fields."""
    return msgspec.structs.replace(rotation, **fields)


def begin(shelf: Shelf, keys: frozenset[int]) -> Rotation:
    """One of these keys, unless one is under way."""

    def step(now: Rotation | None) -> Rotation:
        if now is not None and not now.ended:
            return now
        return Rotation(now.number + 1 if now is not None else 1, keys)

    return change(shelf, step)


def amend(shelf: Shelf, number: int, step: Callable[[Rotation], Rotation]) -> Rotation | None:
    """Change this one, unless it has ended; None where it has."""

    def only_this(now: Rotation | None) -> Rotation:
        if now is None or now.number != number or now.ended:
            raise _Over
        return step(now)

    try:
        return change(shelf, only_this)
    except _Over:
        return None


class _Over(Exception):
    """There is another one by now."""
