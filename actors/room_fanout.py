"""A room's entries on their way to those who are online, joined where more are about to follow.

While posts wait in the room's mailbox, their commit is a moment away: what is already durable then waits for them, and
everybody gets both in one write. Nothing waits for longer than what was in the mailbox at that time, and answers to
senders never wait. A sender on another cell gets its answer with what is handed to its edge anyway, where that edge can read it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.audience import Audience
from actors.events import Entry
from actors.messages.delivery import Submit
from actors.ports import Encode, Trace
from actors.runtime.actor import life_of
from actors.store.rows import EntryRow

MAX_JOINED = 256
"""Entries after which nothing waits any more."""


Stored = tuple[Submit, int]
"""A post of another cell's session, and its seq."""


class FanOut:
    """Entries that are durable and not yet handed to the audience."""

    __slots__ = ("_answer", "_at", "_encode", "_far", "_first", "_senders", "_texts", "_trace", "is_due")

    def __init__(self, encode: Encode, answer: Callable[[Sequence[Stored], int], None], trace: Trace | None) -> None:
        self._encode = encode
        self._answer = answer
        self._trace = trace
        self._first = 0
        self._texts: list[bytes] = []
        self._senders: list[str] = []
        # The last that were added, until their senders are told.
        self._far: Sequence[Stored] = ()
        self._at = 0
        self.is_due = False
        """Whether the room has told itself to hand them over."""

    def add(self, rows: Sequence[EntryRow], senders: Sequence[str], far: Sequence[Stored] = (), at: int = 0) -> None:
        """Committed entries, in order; `senders[i]`, a session, does not get `rows[i]`. Those of `far` are to be told that they
        were stored `at` that time: hand over or `answer` before more is added."""
        encode = self._encode
        if not self._texts:
            self._first = rows[0].seq
        # `entry_of` by hand: this runs for every post
        self._texts += [encode(Entry(row.room, row.seq, row.at, row.user, row.kind, row.body, row.device, row.n, row.id)) for row in rows]
        self._senders += senders
        self._far, self._at = far, at
        if self._trace is not None:
            for row in rows:
                self._trace.committed(row.room, row.seq, row.n, row.device)

    @property
    def is_full(self) -> bool:
        """Whether enough has gathered."""
        return len(self._texts) >= MAX_JOINED

    def answer(self) -> None:
        """Tell the senders by themselves."""
        far, self._far = self._far, ()
        if far:
            self._answer(far, self._at)

    def hand_over(self, audience: Audience, room: str, left: Sequence[str] = ()) -> None:
        """All that has gathered goes out."""
        texts, senders = self._texts, self._senders
        if not texts:
            return
        self._texts, self._senders = [], []
        if self._trace is not None:
            edges = audience.edges()
            for seq in range(self._first, self._first + len(texts)):
                self._trace.fanned_out(room, seq, edges)
        far, self._far = self._far, ()
        told = audience.fan_out(self._first, texts, senders, left, self._numbers(far, len(texts)) if far else (), self._at)
        rest = [stored for stored in far if life_of(stored[0].origin) not in told] if told else far
        if rest:
            self._answer(rest, self._at)

    def _numbers(self, far: Sequence[Stored], count: int) -> list[int]:
        numbers = [0] * count
        for post, seq in far:
            numbers[seq - self._first] = post.n
        return numbers
