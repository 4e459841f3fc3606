"""The ends of lives, and who owns a group of slots: rows that change by compare-and-set.

    take a group:  owned by nobody, or by a life that is sealed and drained  ->  mine, epoch + 1

So a group changes hands only when all that its owner has committed is where the next one reads.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.store.cassandra.chain import Position, seal
from actors.store.cassandra.records import Change
from actors.store.cassandra.schema import DRAINED, ENDED, KNOWN
from actors.store.cassandra.steps import Ask, Rows, Steps
from actors.store.shards import NotReleased
from actors.store.store import Sealed

DRAIN_ROWS = 8
"""Ledger rows read at once."""
NOBODY = ""


def seal_life(life: str) -> Steps[None]:
    """The fence: when this returns, no commit of that life succeeds any more. Safe to repeat, by several at once."""
    floor = yield from _floor(life)
    yield from seal(life, floor.part)
    yield from _advance(life, ENDED)


def drain_life(life: str, opened: Callable[[bytes], list[Change]], put: Callable[[list[Change]], None]) -> Steps[None]:
    """Bring all that a sealed life has committed into the tables. Safe to repeat, by several at once.

    `opened(data)` reads a ledger's row, `put` writes what is in it.
    """
    if (yield from state_of(life)) == DRAINED:
        return  # what it was sealed with may be gone by now
    part, k = yield from _floor(life)
    last = yield from seal(life, part)
    while part <= last:
        rows = yield from _read(life, part, k)
        for k_found, data in rows:
            put(opened(data))
            k = k_found + 1
        if len(rows) < DRAIN_ROWS:
            part, k = part + 1, 0
    yield from _advance(life, DRAINED)


def state_of(life: str) -> Steps[int]:
    """`schema.KNOWN`, `ENDED` or `DRAINED`."""
    (rows,) = yield [Ask("LIFE", (life,))]
    return rows[0][0] if rows else KNOWN


def take_group(life: str, group: int, *, is_seat: bool = False) -> Steps[int]:
    """Own a group; its epoch. Safe to repeat. Raises `Sealed`, `NotReleased` (seal and drain its owner first; a seat has to be filled)."""
    while True:
        rows, mine = yield [Ask("OWNER", (group,)), Ask("LIFE", (life,))]
        if mine and mine[0][0] != KNOWN:
            raise Sealed(f"life {life} is sealed")
        if is_seat and not rows:
            raise NotReleased(f"group {group} is not filled yet")
        owner, epoch = rows[0] if rows else (NOBODY, 0)
        if owner == life:
            return int(epoch)
        if owner != NOBODY and (yield from state_of(owner)) != DRAINED:
            raise NotReleased(f"life {owner} owns group {group}")
        if (yield from _change_owner(rows, group, life, epoch + 1)):
            return int(epoch) + 1


def release_group(life: str, group: int) -> Steps[None]:
    """Nobody owns a group any more, where `life` did; all that it has committed there must be in the tables. Safe to repeat."""
    (rows,) = yield [Ask("OWNER", (group,))]
    if rows and rows[0][0] == life:
        yield from _change_owner(rows, group, NOBODY, rows[0][1])


def note_floor(life: str, before: Position, now: Position) -> Steps[None]:
    """All before `now` is in the tables; whole ledgers before it lose their rows. `before` is what was noted last."""
    # A number that grows as the floor does, so that a late copy of an older note changes nothing.
    yield [Ask("PUT FLOOR", (life, now.part, now.k, now.part << 32 | now.k))]
    if now.part > before.part:
        yield [Ask("DROP LEDGER ROWS", (life, part)) for part in range(before.part, now.part)]


def _change_owner(rows: Rows, group: int, life: str, epoch: int) -> Steps[bool]:
    if not rows:
        ((answer,),) = yield [Ask("FIRST OWNER", (group, life, epoch))]
    else:
        ((answer,),) = yield [Ask("CHANGE OWNER", (life, epoch, group, *rows[0]))]
    return bool(answer[0])


def _advance(life: str, state: int) -> Steps[None]:
    """Note a state of a life, unless a later one is noted."""
    while (now := (yield from state_of(life))) < state:
        if now == KNOWN:
            yield [Ask("ADD LIFE", (life,))]  # one that nobody wrote down
        ((answer,),) = yield [Ask("SET LIFE", (state, life, now))]
        if answer[0]:
            return


def _floor(life: str) -> Steps[Position]:
    (rows,) = yield [Ask("FLOOR", (life,))]
    return Position(*rows[0]) if rows else Position()


def _read(life: str, part: int, k: int) -> Steps[list[tuple[int, bytes]]]:
    (rows,) = yield [Ask("LEDGER ROWS", (life, part, k, DRAIN_ROWS))]
    # A ledger without rows still answers with its static columns.
    return [(number, data) for number, data in rows if number is not None]
