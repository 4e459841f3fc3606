"""A keyspace as an archive. All that is in ledgers has to be drained before: then the tables are all there is.

What is put gets timestamps below those of every owner of a group (an owner's epoch is at least 1), so that it covers nothing that a cell
ever writes; those of a later attempt are higher. Pieces are packed one by one: who repeats them writes the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from actors.store.archive import PIECE_ENTRIES, Owner, Piece, at_home, in_pieces, kinds_of
from actors.store.cassandra.draining import drain
from actors.store.cassandra.flusher import write_all
from actors.store.cassandra.flushing import piles_of, statements
from actors.store.cassandra.lives import seal_life
from actors.store.cassandra.reads import Reads
from actors.store.cassandra.records import Change
from actors.store.cassandra.scan import Found, heads, rooms, sagas, users
from actors.store.cassandra.schema import DRAINED, get_name
from actors.store.cassandra.steps import Answers, Ask, Port, Steps, run
from actors.store.cassandra.unflushed import Unflushed
from actors.store.rows import ActiveRow, EntryRow, Row
from actors.store.seal import Sealer
from actors.store.shards import SLOTS

MOST_ATTEMPTS = 250
"""More do not fit below the first epoch."""
_SEQ_BITS = 32


class CassandraArchive:
    """Implements `Archive`."""

    def __init__(self, port: Port, groups: int, sealer: Sealer) -> None:
        """`groups`: of slots, as the keyspace was made."""
        self._port = port
        self._groups = groups
        self._sealer = sealer
        self._reads = Reads(Unflushed(), sealer)
        self._seats: dict[str, int] | None = None

    def close(self) -> None:
        """There is nothing to close: the port is another one's."""

    def settle(self) -> None:
        """Seal and drain every life: from here on no cell commits, and the tables have everything. Safe to repeat."""
        for life, state in run(_all([Ask("LIVES")]), self._port)[0]:
            if state != DRAINED:
                run(seal_life(life), self._port)
                drain(life, self._port, self._sealer)

    def owners(self, after: Owner | None = None) -> Iterator[Owner]:
        """See `Archive`."""
        for kind, scan in (("room", rooms), ("saga", sagas), ("user", users)):
            if after is None or kind > after.kind:
                yield from (Owner(kind, *found) for found in scan(self._port))
            elif kind == after.kind:
                yield from (Owner(kind, *found) for found in scan(self._port, Found(after.part, after.id)))

    def pieces(self, owner: Owner) -> Iterator[Piece]:
        """See `Archive`."""
        kinds = [kind for kind in kinds_of(owner.kind) if kind is not ActiveRow]
        answers = run(_all([Ask(get_name(kind, 1), (owner.id,)) for kind in kinds]), self._port)
        rows: list[Row] = [kind(*values) for kind, found in zip(kinds, answers, strict=True) for values in found]
        if owner.kind == "room" and self._is_active(owner):
            rows.append(ActiveRow(owner.id, owner.slot))
        if rows:
            yield at_home(owner, rows)
        if owner.kind == "room":
            yield from in_pieces(owner, self._entries(owner.id))

    def put(self, pieces: Sequence[Piece], attempt: int) -> None:
        """See `Archive`."""
        write_all(chain.from_iterable(statements(piles_of(_stamped(piece, attempt)), self._sealer, {}) for piece in pieces), self._port)

    def weight(self) -> int:
        """See `Archive`: the last numbers of all rooms, and a few rows for each of them and each account."""
        return sum(head for _, head in heads(self._port)) + 10 * sum(1 for _ in self.owners())

    # --- inside ---

    def _entries(self, room: str) -> Iterator[Sequence[EntryRow]]:
        after = 0
        while entries := run(self._reads.entries_after(room, after, PIECE_ENTRIES), self._port):
            yield entries
            after = entries[-1].seq

    def _is_active(self, owner: Owner) -> bool:
        seat = self._seated().get(owner.id)
        slots = [owner.slot] if seat is None else [owner.slot, SLOTS + seat]
        return owner.id in run(self._reads.active(slots), self._port)

    def _seated(self) -> dict[str, int]:
        if self._seats is None:
            answers = run(_all([Ask("SEATS", (group,)) for group in range(self._groups)]), self._port)
            self._seats = {room: number for rows in answers for number, room in rows}
        return self._seats


def _stamped(piece: Piece, attempt: int) -> list[Change]:
    base = attempt << _SEQ_BITS
    # A room's head goes with its last entry, of whatever piece: so numbers ascend within the attempt.
    return [Change(base + row.seq if isinstance(row, EntryRow) else base, slot, row) for slot, row in piece]


def _all(asks: list[Ask]) -> Steps[Answers]:
    return (yield asks)
