"""What is durable in the ledger and not yet in the tables: kept in memory, by room and user, for reads to lay over what they find.

Two generations: one grows, the other is being flushed. The writer adds, the flusher turns them over, any thread reads. A reader takes
its copy *before* it asks the tables: what is flushed in between is then found twice, and never not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, TypeVar, cast

from actors.store.cassandra.chain import Position
from actors.store.cassandra.records import Change, owner_of
from actors.store.cassandra.schema import key_of
from actors.store.rows import EntryRow, Gone, Row

R = TypeVar("R", bound=Row)
Owner = tuple[bool, str]
"""(whether a user, its id)."""
CHANGE_BYTES = 400
"""What a change takes in memory, without the text of an entry, roughly."""


class Pile:
    """The changes of one room or user, in order."""

    __slots__ = ("changes", "entries")

    def __init__(self) -> None:
        self.entries: list[EntryRow] = []
        self.changes: list[Change] = []
        """All of them, entries too."""


class Unflushed:
    """The piles of one life."""

    def __init__(self) -> None:
        self._fresh: dict[Owner, Pile] = {}
        self._old: dict[Owner, Pile] = {}
        self.size = 0
        """Bytes of the fresh generation, roughly."""
        self.old_size = 0
        self.count = 0
        """Changes of the fresh generation."""
        self.reaches = Position()
        """All appended before this is in here or flushed."""

    def add(self, changes: Iterable[Change], reaches: Position) -> None:
        """These changes are durable. For the writer's thread."""
        fresh = self._fresh
        size = count = 0
        for change in changes:
            what = change.what
            owner = (False, what.room) if type(what) is EntryRow else owner_of(what)
            pile = fresh.get(owner)
            if pile is None:
                pile = fresh[owner] = Pile()
            pile.changes.append(change)
            if type(what) is EntryRow:
                pile.entries.append(what)
                size += len(what.body)
            count += 1
        self.count += count
        self.size += size + CHANGE_BYTES * count
        self.reaches = reaches

    def turn(self) -> tuple[dict[Owner, Pile], Position]:
        """Begin to flush: the fresh generation becomes the old one, which must be empty. Not while `add` runs."""
        assert not self._old
        # A reader between the two assignments sees these twice, which it allows for.
        self._old = self._fresh
        self._fresh = {}
        self.old_size, self.size, self.count = self.size, 0, 0
        return self._old, self.reaches

    def flushed(self) -> None:
        """The old generation is in the tables."""
        self._old = {}
        self.old_size = 0

    # --- for readers ---

    def entries(self, room: str) -> list[EntryRow]:
        """Entries of a room, ascending; one may appear twice."""
        return [entry for pile in self._piles((False, room)) for entry in list(pile.entries)]

    def copy(self, kind: type[R], owner: str) -> list[Change]:
        """The changes of one table and owner, to be laid over rows that are read later."""
        piles = self._piles((kind.key[0] == "user", owner))
        table = kind.table
        return [change for pile in piles for change in list(pile.changes) if change.what.table == table]

    def in_slots(self, kind: type[R], slots: Collection[int]) -> list[Change]:
        """The changes of one table in these slots, in the order of each owner."""
        # The fresh one is looked at first: it may become the old one meanwhile, and then is found twice, and never not at all.
        fresh = self._fresh
        generations = (self._old, fresh)
        table = kind.table
        return [
            change
            for generation in generations
            for pile in list(generation.values())
            for change in list(pile.changes)
            if change.what.table == table and change.slot in slots
        ]

    def _piles(self, owner: Owner) -> list[Pile]:
        fresh = self._fresh.get(owner)  # first: see above
        old = self._old.get(owner)
        return [pile for pile in (old, fresh) if pile is not None]


def apply(rows: dict[tuple[Any, ...], R], what: Row | Gone, kind: type[R]) -> None:
    """Carry out a change on rows by their keys, where it is one of that table."""
    if what.table != kind.table:
        return
    if isinstance(what, Gone):
        for key in [key for key in rows if key[: len(what.key)] == what.key]:
            del rows[key]
    else:
        rows[key_of(what)] = cast("R", what)


def overlaid(found: Iterable[R], changes: Iterable[Change], kind: type[R]) -> list[R]:
    """Rows as they are after these changes, in the order of their keys."""
    rows = {key_of(row): row for row in found}
    for change in changes:
        apply(rows, change.what, kind)
    return [rows[key] for key in sorted(rows)]
