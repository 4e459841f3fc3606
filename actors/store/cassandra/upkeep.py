"""What is removed when its time is over."""

from __future__ import annotations

from collections.abc import Callable, Collection

from actors.store.cassandra.schema import get_name, span_of
from actors.store.cassandra.steps import Ask, Steps
from actors.store.rows import KeyRow

AT_ONCE = 100


def forget_keys(before: int, slots: Collection[int], stamp: Callable[[int], int]) -> Steps[int]:
    """Take away `KeyRow`s of these slots that are older than `before`; returns how many. All of them must be in the tables.

    `stamp(slot)` is a write timestamp above those of all that is in the slot.
    """
    count = 0
    wanted = set(slots)
    for span in sorted({span_of(slot) for slot in wanted}):
        (rows,) = yield [Ask("KEYS BEFORE", (span, before))]
        found = [row for row in rows if row[1] in wanted]
        for start in range(0, len(found), AT_ONCE):
            count += yield from _forget(span, found[start : start + AT_ONCE], before, stamp)
    return count


def _forget(span: int, found: list[tuple[int, int, str, str, str]], before: int, stamp: Callable[[int], int]) -> Steps[int]:
    answers = yield [Ask(get_name(KeyRow, 3), row[2:]) for row in found]
    asks: list[Ask] = []
    count = 0
    for (at, slot, *key), rows in zip(found, answers, strict=True):
        now = stamp(slot)
        asks.append(Ask("GONE KEY TIME", (now, span, at, slot, *key)))
        if rows and KeyRow(*rows[0]).at < before:
            asks.append(Ask("GONE POST_KEYS 3", (now, *key)))
            count += 1
    if asks:
        yield asks
    return count
