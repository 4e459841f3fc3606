"""From changes to rows of the tables: which statements to send, each with the timestamp that its change has for ever.

So they may be sent twice, late, or in any order. Entries are packed many to a row and sealed together (`actors.store.chunks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from actors.store.cassandra.records import Change, owner_of
from actors.store.cassandra.schema import BUCKET, key_of, span_of
from actors.store.cassandra.steps import Ask, Steps
from actors.store.cassandra.unflushed import Owner, Pile, apply
from actors.store.chunks import CHUNK_ENTRIES, cut, pack, unpack
from actors.store.rows import ActiveRow, EntryRow, Gone, KeyRow, MarkRow, Row, SagaRow
from actors.store.seal import Sealer


def piles_of(changes: Iterable[Change]) -> dict[Owner, Pile]:
    """Changes by whose they are, in order."""
    piles: dict[Owner, Pile] = {}
    for change in changes:
        pile = piles.setdefault(owner_of(change.what), Pile())
        pile.changes.append(change)
        if isinstance(change.what, EntryRow):
            pile.entries.append(change.what)
    return piles


def statements(piles: Mapping[Owner, Pile], sealer: Sealer, heads: Mapping[str, int]) -> Iterator[Ask]:
    """All writes of these piles but those that take entries away; `heads`: entries up to these are in the table already."""
    for (is_user, owner), pile in piles.items():
        yield from _changes(pile.changes)
        if pile.entries and not is_user:
            yield from entry_writes(pile.changes, sealer, heads.get(owner, 0))


def forgets(pile: Pile) -> bool:
    """Whether entries are taken away in it."""
    return any(isinstance(change.what, Gone) and change.what.table == EntryRow.table for change in pile.changes)


def put_forgets(piles: Mapping[Owner, Pile], sealer: Sealer) -> Steps[None]:
    """Take away the entries that these piles take away; what was committed before must be in the table."""
    for pile in piles.values():
        for change in pile.changes:
            if isinstance(change.what, Gone) and change.what.table == EntryRow.table:
                yield from forget(change, sealer)


def entry_writes(changes: Sequence[Change], sealer: Sealer, above: int) -> Iterator[Ask]:
    """The entries of one room among these changes, where they lie above a number, and the room's head."""
    stamps = {change.what.seq: change.stamp for change in changes if isinstance(change.what, EntryRow)}
    rows = [change.what for change in changes if isinstance(change.what, EntryRow) and change.what.seq > above]
    for bucket, inside in groupby(rows, lambda row: row.seq // BUCKET):
        for piece in cut(list(inside)):
            yield put_piece(piece, bucket, stamps[piece[-1].seq], sealer)
    if rows:
        last = rows[-1]
        yield Ask("PUT HEAD", (last.room, last.seq, last.at, stamps[last.seq]))


def put_piece(piece: Sequence[EntryRow], bucket: int, stamp: int, sealer: Sealer) -> Ask:
    """Entries of one room as one row."""
    last = piece[-1]
    return _put_row(last.seq, last, piece, bucket, stamp, sealer)


def is_full(key: int) -> bool:
    """Whether a row is the last that a bucket can have: only behind it can there be another bucket."""
    return key % BUCKET == BUCKET - 1


def _put_row(key: int, last: EntryRow, piece: Sequence[EntryRow], bucket: int, stamp: int, sealer: Sealer) -> Ask:
    return Ask("PUT ENTRIES", (last.room, bucket, key, last.at, sealer.seal(pack(piece), _where(last.room, key)), stamp))


def entries_of(room: str, seq: int, body: bytes, sealer: Sealer) -> list[EntryRow]:
    """The entries of a row, ascending. Raises `CannotUnseal`."""
    return unpack(sealer.unseal(body, _where(room, seq)))


def forget(change: Change, sealer: Sealer) -> Steps[None]:
    """Take entries of a room away: one, or all. Everything of the room that was committed before must be in the table."""
    gone = change.what
    assert isinstance(gone, Gone)
    room = str(gone.key[0])
    ((*found,),) = yield [Ask("HEAD", (room,))]
    head = found[0][1] if found else 0
    if len(gone.key) == 1:
        yield [
            Ask("GONE HEAD", (change.stamp, room)),
            *(Ask("GONE ENTRIES BUCKET", (change.stamp, room, bucket)) for bucket in range(head // BUCKET + 1)),
        ]
        return
    seq = int(gone.key[1])
    yield from _forget_one(room, seq, change.stamp, sealer)
    if seq == head:
        before = yield from last_before(room, seq, sealer)
        yield [Ask("PUT HEAD", (room, before.seq, before.at, change.stamp)) if before else Ask("GONE HEAD", (change.stamp, room))]


def covering(room: str, bucket: int, seq: int) -> Ask:
    """Rows that end at or above a number and may hold lower ones: all of them, since where two wrote the same, one may lie inside another."""
    return Ask("ENTRIES COVERING", (room, bucket, seq, seq + CHUNK_ENTRIES))


def last_before(room: str, seq: int, sealer: Sealer) -> Steps[EntryRow | None]:
    """The last entry in the table below a number."""
    for bucket in range(seq // BUCKET, -1, -1):
        upper, lower = yield [covering(room, bucket, seq), Ask("ENTRIES BELOW", (room, bucket, seq, 2))]
        entries = [entry for key, body in (*lower, *upper) for entry in entries_of(room, key, body, sealer) if entry.seq < seq]
        if entries:
            return max(entries, key=lambda entry: entry.seq)
    return None


def _forget_one(room: str, seq: int, stamp: int, sealer: Sealer) -> Steps[None]:
    bucket = seq // BUCKET
    (rows,) = yield [covering(room, bucket, seq)]
    for key, body in rows:
        entries = entries_of(room, key, body, sealer)
        left = [entry for entry in entries if entry.seq != seq]
        if len(left) == len(entries):
            continue
        if left and left[-1].seq == key:
            yield [put_piece(left, bucket, stamp, sealer)]  # in its place
        elif is_full(key):
            yield [
                _put_row(key, entries[-1], left, bucket, stamp, sealer)
            ]  # stays, empty if need be: by it readers know of the next bucket
        else:
            yield [Ask("GONE ENTRIES ROW", (stamp, room, bucket, key)), *([put_piece(left, bucket, stamp, sealer)] if left else [])]


def _changes(changes: Sequence[Change]) -> Iterator[Ask]:
    """Rows other than entries: of what was put several times the last, and what was taken away."""
    last: dict[type[Row], dict[tuple[Any, ...], Row]] = {}
    stamps: dict[int, Change] = {}
    for change in changes:
        what = change.what
        if isinstance(what, EntryRow):
            continue
        if isinstance(what, Gone):
            yield from _gone(change, what)
            for kind, rows in last.items():
                apply(rows, what, kind)
        else:
            rows = last.setdefault(type(what), {})
            rows[key_of(what)] = what
            stamps[id(what)] = change
    for rows in last.values():
        for row in rows.values():
            yield from _put(stamps[id(row)], row)


def _put(change: Change, row: Row) -> Iterator[Ask]:
    stamp, slot = change.stamp, change.slot
    if isinstance(row, ActiveRow):
        yield Ask("PUT ACTIVE", (span_of(slot), slot, row.room, stamp))
        return
    yield Ask(f"PUT {row.table.upper()}", (*msgspec.structs.astuple(row), stamp))
    if isinstance(row, KeyRow):
        yield Ask("PUT KEY TIME", (span_of(slot), row.at, slot, row.room, row.user, row.post_key, stamp))
    if isinstance(row, SagaRow):
        yield Ask("PUT RUNNING", (span_of(slot), slot, row.saga, stamp))
    if isinstance(row, MarkRow):
        place = (span_of(slot), slot, row.room, row.user)
        yield Ask("GONE UNTOLD 2", (stamp, *place)) if row.told else Ask("PUT UNTOLD", (*place, row.seq, row.member, stamp))


def _gone(change: Change, gone: Gone) -> Iterator[Ask]:
    stamp, slot = change.stamp, change.slot
    if gone.table == EntryRow.table:
        return  # `forget` does that
    if gone.table == ActiveRow.table:
        yield Ask("GONE ACTIVE", (stamp, span_of(slot), slot, *gone.key))
        return
    yield Ask(f"GONE {gone.table.upper()} {len(gone.key)}", (stamp, *gone.key))
    if gone.table == SagaRow.table:
        yield Ask("GONE RUNNING", (stamp, span_of(slot), slot, *gone.key))
    if gone.table == MarkRow.table:
        yield Ask(f"GONE UNTOLD {len(gone.key)}", (stamp, span_of(slot), slot, *gone.key))


def _where(room: str, seq: int) -> bytes:
    return f"entries {room} {seq}".encode()
