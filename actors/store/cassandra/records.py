"""What one group commit is: changes, each with the write timestamp that it has for ever, and their form in the ledger.

A timestamp is (epoch of the group of slots, number of the change within this life). The epoch grows with every owner, so that what an
earlier owner wrote never covers what a later one did, whatever clocks say, however late it is written, and however often.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from actors.store.rows import ROWS, Gone, Row
from actors.store.seal import Sealer

COUNTER_BITS = 40
"""10**12 changes of a life; leaves 8 million owners of a group."""
LEAST, MOST = -(2**63), 2**63 - 1
_KINDS = {kind: number for number, kind in enumerate(ROWS)}
_GONE = -1
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[int, list[tuple[int, int, list[tuple[int, list[Any]]]]]]).decode
_TABLES = {kind.table: kind for kind in ROWS}
OWNED_BY_USER = frozenset(kind.table for kind in ROWS if kind.key[0] == "user")


class Change(NamedTuple):
    """One row put, or rows taken away."""

    stamp: int
    slot: int
    what: Row | Gone


class Part(NamedTuple):
    """The changes of one commit."""

    slot: int
    epoch: int
    changes: Sequence[Row | Gone]


def stamped(base: int, parts: Sequence[Part]) -> list[Change]:
    """The changes of a group whose first one has the number `base`."""
    found = []
    for part in parts:
        high = part.epoch << COUNTER_BITS
        for what in part.changes:
            found.append(Change(high | base, part.slot, what))
            base += 1
    return found


def encode(base: int, parts: Sequence[Part], sealer: Sealer, where: bytes) -> bytes:
    """The ledger's row. Raises `ValueError` for text that is no Unicode, `StoreError` where no key can be kept."""
    return sealer.seal(_pack((base, [(part.slot, part.epoch, [_operation(what) for what in part.changes]) for part in parts])), where)


def decode(data: bytes, sealer: Sealer, where: bytes) -> list[Change]:
    """The changes in a ledger's row. Raises `CannotUnseal`."""
    base, parts = _unpack(sealer.unseal(data, where))
    return stamped(base, [Part(slot, epoch, [_what(*operation) for operation in operations]) for slot, epoch, operations in parts])


def owner_of(what: Row | Gone) -> tuple[bool, str]:
    """Whose it is: (whether a user's, the id of the room or user)."""
    if isinstance(what, Gone):
        return what.table in OWNED_BY_USER, str(what.key[0])
    return what.table in OWNED_BY_USER, str(getattr(what, what.key[0]))


def _operation(what: Row | Gone) -> tuple[int, Sequence[Any]]:
    if isinstance(what, Gone):
        return _GONE, (what.table, *what.key)
    fields = msgspec.structs.astuple(what)
    for field in fields:
        if type(field) is int and not LEAST <= field <= MOST:
            # Acknowledged, it could never be written to its place.
            raise OverflowError(f"{field} is no number of 64 bits")
    return _KINDS[type(what)], fields


def _what(kind: int, fields: list[Any]) -> Row | Gone:
    if kind == _GONE:
        return Gone(fields[0], tuple(fields[1:]))
    return ROWS[kind](*fields)
