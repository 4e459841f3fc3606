"""Drains a sealed life: what its ledgers hold goes into the tables, with the timestamps that its own flusher would have used."""

from __future__ import annotations

from collections.abc import Sequence

from actors.store.cassandra.flusher import write_all
from actors.store.cassandra.flushing import forgets, piles_of, put_forgets, statements
from actors.store.cassandra.lives import drain_life
from actors.store.cassandra.records import Change, decode
from actors.store.cassandra.steps import Ask, Port, Rows, Steps, run
from actors.store.cassandra.unflushed import Owner, Pile
from actors.store.seal import Sealer


def drain(life: str, port: Port, sealer: Sealer) -> None:
    """Blocks. Safe to repeat, by several at once. `sealer` belongs to this thread. Raises `StoreError`."""
    where = f"ledger {life}".encode()

    def put(changes: list[Change]) -> None:
        piles = piles_of(changes)
        if any(forgets(pile) for pile in piles.values()):
            run(put_forgets(piles, sealer), port)
            heads: dict[str, int] = {}
        else:
            heads = run(_heads(piles), port)
        write_all(statements(piles, sealer, heads), port)

    run(drain_life(life, lambda data: decode(data, sealer, where), put), port)


def _heads(piles: dict[Owner, Pile]) -> Steps[dict[str, int]]:
    """Where the rooms' entries in the table end: what lies below is there already."""
    rooms = [owner for (is_user, owner), pile in piles.items() if pile.entries and not is_user]
    answers: Sequence[Rows] = yield [Ask("HEAD", (room,)) for room in rooms]
    return {room: rows[0][1] for room, rows in zip(rooms, answers, strict=True) if rows}
