"""The chain of ledgers of one life: where its commits become durable, one conditional append after the other.

    part 0  rolled at k = 4096 ──> part 1  rolled ──> part 2  open: state, next k, stamp of the last append

Every append asks that the ledger is open, that `k` is free and that the stamp is the one of the append before. Where the
outcome of one is not known it is sent again *unchanged*: the first copy may still arrive. Once `k` is taken, the stamp found there says
by which; once the ledger is sealed, neither copy is ever taken any more. Reading `k` as free would prove nothing.

A ledger's static row stays when its rows are dropped: what is not there was never opened, and a taker may seal it as such.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from actors.store.cassandra.schema import OPEN, ROLLED, SEALED
from actors.store.cassandra.steps import Ask, Steps
from actors.store.store import OutcomeUnknown, Sealed, StoreError, StoreUnavailable

ROLL_APPENDS = 4096
ROLL_BYTES = 16 * 1024 * 1024
"""A ledger is closed after so much, so that its partition stays small and can be dropped as a whole."""


class Position(NamedTuple):
    """A place in a chain; the next one to be written, or to be read."""

    part: int = 0
    k: int = 0


class _Doubt(NamedTuple):
    stamp: bytes
    data: bytes


class Chain:
    """The chain as its own life writes it. One append at a time."""

    def __init__(self, life: str, new_stamp: Callable[[], bytes]) -> None:
        """`new_stamp` makes ids that never come again."""
        self.life = life
        self.at = Position()
        """Where the next append goes."""
        self._new_stamp = new_stamp
        self._stamp = b""
        self._bytes = 0
        self._is_open = False
        self._doubt: _Doubt | None = None
        """The append under way, or in doubt."""
        self.in_doubt = False
        """Whether the outcome of the last append is not known; not while its first answer is waited for."""

    def append(self, data: bytes) -> Steps[None]:
        """Make it durable. Raises `Sealed`; `OutcomeUnknown`: call `settle` until it says what became of it; `StoreUnavailable`: surely not done."""
        assert self._doubt is None, "settle the append before this one first"
        try:
            yield from self._ready()
        except Sealed:
            raise
        except StoreError as error:
            raise StoreUnavailable(str(error)) from error
        self._doubt = _Doubt(self._new_stamp(), data)
        yield from self.settle()

    def settle(self) -> Steps[None]:
        """Send the append in doubt (again, unchanged). Raises as `append`."""
        if self._doubt is None:
            return
        stamp, data = self._doubt
        part, k = self.at
        try:
            ((answer,),) = yield [Ask("APPEND", (k + 1, stamp, data, self.life, part, k, k, self._stamp))]
        except Exception as error:
            self.in_doubt = True
            if isinstance(error, StoreError):
                raise OutcomeUnknown(str(error)) from error
            raise
        self._doubt, self.in_doubt = None, False
        if not answer[0] and answer[2:] != (k + 1, stamp):
            raise Sealed(f"life {self.life} is sealed")
        self._stamp = stamp
        self._bytes += len(data)
        self.at = Position(part, k + 1)

    def _ready(self) -> Steps[None]:
        """An open ledger with room in it. Safe to repeat after any failure."""
        if self._is_open and (self.at.k >= ROLL_APPENDS or self._bytes >= ROLL_BYTES):
            ((answer,),) = yield [Ask("ROLL", (self.life, self.at.part, self.at.k))]
            if not answer[0] and answer[1] != ROLLED:
                raise Sealed(f"life {self.life} is sealed")
            self.at = Position(self.at.part + 1)
            self._stamp, self._bytes, self._is_open = b"", 0, False
        if not self._is_open:
            ((answer,),) = yield [Ask("OPEN LEDGER", (self.life, self.at.part))]
            if not answer[0] and _state_of_found(answer) != OPEN:
                raise Sealed(f"life {self.life} is sealed")
            self._is_open = True


def seal(life: str, start: int) -> Steps[int]:
    """Seal a chain from outside, beginning with a ledger that is surely there or the first of all; returns the last part.
    When this returns no append of that life succeeds any more. Safe to repeat, by several at once."""
    part = start
    while True:
        ((answer,),) = yield [Ask("SEAL", (life, part))]
        if answer[0] or (len(answer) > 1 and answer[1] == SEALED):
            return part
        if len(answer) > 1 and answer[1] == ROLLED:
            part += 1
            continue
        ((answer,),) = yield [Ask("SEALED LEDGER", (life, part))]
        if answer[0]:
            return part
        # It was opened in between, or another taker sealed it: look again.


def _state_of_found(answer: tuple[object, ...]) -> object:
    """The state in the answer to an insert that found something: the whole row, columns in the table's order."""
    # [applied], life, part, k, next, stamp, state, data
    return answer[6]
