"""Bugs of the store on Cassandra, each a small function that plants one: see `planting`."""

from __future__ import annotations

from collections.abc import Sequence

from actors.store.cassandra import chain, lives, records, store, writer
from actors.store.cassandra.chain import Chain, Position
from actors.store.cassandra.flusher import Flusher
from actors.store.cassandra.schema import DRAINED, KNOWN, OPEN
from actors.store.cassandra.steps import Ask, Rows, Steps
from actors.store.cassandra.unflushed import Owner, Pile, Unflushed
from actors.store.rows import EntryRow
from actors.store.store import OutcomeUnknown, StoreError
from tests.kit.ledgers import Ledgers
from tests.simulation.planting import Patch, Table, into

PLANTED_ON_CASSANDRA: Table = {}
planted = into(PLANTED_ON_CASSANDRA)


@planted
def an_append_asks_only_whether_the_ledger_is_open(patch: Patch) -> None:
    """A late copy writes over what has been put there meanwhile."""

    def append(self: Ledgers, now: int, stamp: bytes, data: bytes, life: str, part: int, k: int, next_k: int, before: bytes) -> Rows:
        found = self.ledgers.get((life, part))
        if found is None or found.state != OPEN:
            return [(False,)] if found is None else [(False, found.state, found.next, found.stamp)]
        found.next, found.stamp = now, stamp
        found.rows[k] = data
        return [(True,)]

    patch.setattr(Ledgers, "_append", append)


@planted
def an_append_without_an_answer_is_taken_for_done(patch: Patch) -> None:
    """It may never arrive."""
    settle = Chain.settle

    def believe(self: Chain) -> Steps[None]:
        try:
            yield from settle(self)
        except OutcomeUnknown:
            assert self._doubt is not None
            self._stamp, self.at = self._doubt.stamp, Position(self.at.part, self.at.k + 1)
            self._doubt, self.in_doubt = None, False

    patch.setattr(Chain, "settle", believe)


@planted
def the_seal_stops_at_a_ledger_that_was_rolled(patch: Patch) -> None:
    """The life goes on in the next one."""

    def seal(life: str, start: int) -> Steps[int]:
        ((answer,),) = yield [Ask("SEAL", (life, start))]
        if len(answer) == 1 and not answer[0]:
            yield [Ask("SEALED LEDGER", (life, start))]
        return start

    patch.setattr(lives, "seal", seal)


@planted
def a_group_is_taken_from_a_life_that_is_not_drained(patch: Patch) -> None:
    """It is sealed: what more?"""
    state_of = lives.state_of

    def nearly(life: str) -> Steps[int]:
        state = yield from state_of(life)
        return DRAINED if state != KNOWN else KNOWN

    take = lives.take_group

    def take_group(life: str, group: int, *, is_seat: bool = False) -> Steps[int]:
        with Patch.context() as inside:
            inside.setattr(lives, "state_of", nearly)
            steps = take(life, group, is_seat=is_seat)
            asks = next(steps)
        while True:
            try:
                answers = yield asks
            except StoreError as error:
                failed: StoreError | None = error
            else:
                failed = None
            try:
                with Patch.context() as inside:
                    inside.setattr(lives, "state_of", nearly)
                    asks = steps.throw(failed) if failed is not None else steps.send(answers)
            except StopIteration as ended:
                return int(ended.value)

    patch.setattr(store, "take_group", take_group)


@planted
def write_timestamps_know_no_epoch(patch: Patch) -> None:
    """Those of the next owner begin again."""
    stamped = records.stamped

    def low(base: int, parts: Sequence[records.Part]) -> list[records.Change]:
        return stamped(base, [part._replace(epoch=0) for part in parts])

    patch.setattr(records, "stamped", low)
    patch.setattr(writer, "stamped", low)


@planted
def what_is_only_in_the_ledger_is_not_read(patch: Patch) -> None:
    """It will be in the tables soon."""

    def nothing(self: Unflushed, room: str) -> list[EntryRow]:
        return []

    patch.setattr(Unflushed, "entries", nothing)


@planted
def a_flush_that_failed_counts(patch: Patch) -> None:
    """Most of it will have arrived."""
    flush = Flusher._flush

    def once(self: Flusher, piles: dict[Owner, Pile], reaches: Position) -> bool:
        if not flush(self, piles, reaches):
            self._floor = reaches
        return True

    patch.setattr(Flusher, "_flush", once)


@planted
def a_roll_names_no_successor(patch: Patch) -> None:
    """A full ledger is left open: a taker seals it and looks no further."""
    ready = Chain._ready

    def skip(self: Chain) -> Steps[None]:
        if self._is_open and self.at.k >= chain.ROLL_APPENDS:
            self.at = Position(self.at.part + 1)
            self._stamp, self._bytes, self._is_open = b"", 0, False
        yield from ready(self)

    patch.setattr(Chain, "_ready", skip)
