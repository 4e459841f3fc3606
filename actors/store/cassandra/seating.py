"""Rooms that get a process, and so a group of slots, of their own: their rows stay where they are, in partitions of the room.

What moves is what is looked for by slot, and the epoch: the seat's begins above the one of the group that the room came from, and on
the way back that one is raised above the seat's. So write timestamps of a room only ever grow.

A seat's row among the owners is there while its room is in it, and only then can it be taken: it comes last on the way in, and goes when
the room is back, so that the number can be given to another room.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from actors.store.cassandra.lives import NOBODY, take_group
from actors.store.cassandra.schema import span_of
from actors.store.cassandra.steps import Ask, Steps
from actors.store.rows import MarkRow
from actors.store.shards import SLOTS, NotReleased

Stamp = Callable[[int], int]
"""A write timestamp above all that was ever written in a slot."""


def fill_seat(groups: int, group: int, epoch: int, number: int, room: str, slot: int, stamp: Stamp) -> Steps[None]:
    """A room leaves its group, which is owned by the caller with that epoch and flushed, for a seat, which can be taken afterwards.
    `slot` is the room's hash bucket. Safe to repeat."""
    (found,) = yield [Ask("OWNER", (groups + number,))]
    if found:
        return
    yield [Ask("PUT SEAT", (group, number, room, stamp(slot)))]
    yield from _move(room, slot, SLOTS + number, stamp(slot))
    yield [Ask("FIRST OWNER", (groups + number, NOBODY, epoch))]


def empty_seats(
    life: str, groups: int, group: int, taken: Collection[int], slot_of_room: Callable[[str], int], raised: Callable[[int], Stamp]
) -> Steps[None]:
    """Rooms of this group, which is owned by `life`, come back from seats that are not `taken` any more. Safe to repeat.

    `raised(epoch)` notes the group's new epoch and gives timestamps of it. Raises `NotReleased` where a seat's owner lives.
    """
    (seats,) = yield [Ask("SEATS", (group,))]
    for number, room in seats:
        if number in taken:
            continue
        (found,) = yield [Ask("OWNER", (groups + number,))]
        # Without an owner its filling, or this, was cut off.
        above = (yield from take_group(life, groups + number)) if found else 0
        epoch = yield from _raise(life, group, above)
        stamp = raised(epoch)
        slot = slot_of_room(room)
        yield from _move(room, SLOTS + number, slot, stamp(slot))
        if found:
            yield [Ask("DROP OWNER", (groups + number, life, above))]
        yield [Ask("GONE SEAT", (stamp(slot), group, number))]


def _raise(life: str, group: int, above: int) -> Steps[int]:
    """A higher epoch for a group that is this life's."""
    (rows,) = yield [Ask("OWNER", (group,))]
    if not rows or rows[0][0] != life:
        raise NotReleased(f"life {life} does not own group {group}")
    epoch = max(above, int(rows[0][1])) + 1
    ((answer,),) = yield [Ask("CHANGE OWNER", (life, epoch, group, *rows[0]))]
    if not answer[0]:
        raise NotReleased(f"group {group} changed hands")
    return epoch


def _move(room: str, old: int, new: int, stamp: int) -> Steps[None]:
    """What is looked for by slot."""
    marks, active = yield [Ask("GET MARKS 1", (room,)), Ask("ACTIVE", (span_of(old), old, old))]
    untold = [mark for mark in (MarkRow(*values) for values in marks) if not mark.told]
    asks = [Ask("PUT UNTOLD", (span_of(new), new, room, mark.user, mark.seq, mark.member, stamp)) for mark in untold]
    if any(name == room for _, name in active):
        asks.append(Ask("PUT ACTIVE", (span_of(new), new, room, stamp)))
    if asks:
        yield asks
    yield [Ask("GONE UNTOLD 1", (stamp, span_of(old), old, room)), Ask("GONE ACTIVE", (stamp, span_of(old), old, room))]
