"""Rows of one group's rooms that are sealed anew by its owner, a bounded piece at a time, in the writer's thread.

Each is written over with a timestamp above all that was ever written there, and all that was committed before is in the tables then: so
it covers nothing that is newer, and what an earlier owner writes late does not cover it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.store.cassandra.flushing import entries_of, put_piece
from actors.store.cassandra.scan import heads
from actors.store.cassandra.schema import BUCKET
from actors.store.cassandra.steps import Ask, Port, Rows, Steps, run
from actors.store.seal import Sealer, key_id_of
from actors.store.shards import SLOTS, shard_of

PIECE_ROWS = 16


class Place(NamedTuple):
    """A partition of a room."""

    room: str
    slot: int
    bucket: int


class GroupResealing:
    """Of one group, from its first room to its last one."""

    def __init__(self, port: Port, groups: int, group: int, old: frozenset[int]) -> None:
        self._port = port
        self._old = old
        self._places = _places(port, groups, group)
        self._place: Place | None = None
        self._after = 0

    def step(self, sealer: Sealer, stamp: Callable[[int], int], flush: Callable[[], None]) -> tuple[bool, int]:
        """The next piece: whether it was the last one, and how many rows were changed. `flush` brings all that is committed into the
        tables. Raises `StoreError`; then the group is begun anew."""
        if self._place is None:
            self._place = next(self._places, None)
            self._after = 0
            if self._place is None:
                return True, 0
        room, slot, bucket = self._place
        flush()
        rows = run(_one(Ask("ENTRIES FROM", (room, bucket, self._after, PIECE_ROWS))), self._port)
        changed = [(seq, body) for seq, body in rows if key_id_of(body) in self._old]
        if changed:
            run(_write([put_piece(entries_of(room, seq, body, sealer), bucket, stamp(slot), sealer) for seq, body in changed]), self._port)
        if len(rows) < PIECE_ROWS:
            self._place = None
        else:
            self._after = rows[-1][0] + 1
        return False, len(changed)


def holds_any(port: Port, groups: int, old: frozenset[int]) -> bool:
    """Whether a row of any room is sealed with one of these keys. Reads everything."""
    for room, head in heads(port):
        for bucket in range(head // BUCKET + 1):
            rows = run(_one(Ask("ENTRIES FROM", (room, bucket, 0, BUCKET))), port)
            if any(key_id_of(body) in old for _, body in rows):
                return True
    return False


def _places(port: Port, groups: int, group: int) -> Iterator[Place]:
    if group >= groups:
        number = group - groups
        seats = run(_all([Ask("SEATS", (home,)) for home in range(groups)]), port)
        for room in [room for rows in seats for seat, room in rows if seat == number]:
            rows = run(_one(Ask("HEAD", (room,))), port)
            yield from _buckets(room, SLOTS + number, rows[0][1] if rows else 0)
        return
    seated = {room for _, room in run(_one(Ask("SEATS", (group,))), port)}
    for room, head in heads(port):
        slot = slot_of(actor_id("room", room))
        if shard_of(slot, groups) == group and room not in seated:
            yield from _buckets(room, slot, head)


def _buckets(room: str, slot: int, head: int) -> Iterator[Place]:
    return (Place(room, slot, bucket) for bucket in range(head // BUCKET + 1))


def _one(ask: Ask) -> Steps[Rows]:
    (rows,) = yield [ask]
    return rows


def _all(asks: list[Ask]) -> Steps[list[Rows]]:
    return (yield asks)


def _write(asks: list[Ask]) -> Steps[None]:
    yield asks
