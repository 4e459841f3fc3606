"""A room's entries on their way to those who are online, joined where more are about to follow.

While posts wait in the room's mailbox, their commit is a moment away: what is already durable then waits for them, and
everybody gets both in one write. Nothing waits for longer than what was in the mailbox at that time, and answers to
senders never wait.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.audience import Audience
from actors.ports import Encode, Trace
from actors.room_log import entry_of
from actors.store.rows import EntryRow

MAX_JOINED = 256
"""Entries after which nothing waits any more."""


class FanOut:
    """Entries that are durable and not yet handed to the audience."""

    __slots__ = ("_encode", "_first", "_senders", "_texts", "_trace", "is_due")

    def __init__(self, encode: Encode, trace: Trace | None) -> None:
        self._encode = encode
        self._trace = trace
        self._first = 0
        self._texts: list[bytes] = []
        self._senders: list[str] = []
        self.is_due = False
        """Whether the room has told itself to hand them over."""

    def add(self, rows: Sequence[EntryRow], senders: Sequence[str]) -> None:
        """Committed entries, in order; `senders[i]`, a session, does not get `rows[i]`."""
        encode = self._encode
        if not self._texts:
            self._first = rows[0].seq
        self._texts += [encode(entry_of(row)) for row in rows]
        self._senders += senders
        if self._trace is not None:
            for row in rows:
                self._trace.committed(row.room, row.seq, row.n, row.device)

    @property
    def is_full(self) -> bool:
        """Whether enough has gathered."""
        return len(self._texts) >= MAX_JOINED

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
        audience.fan_out(self._first, texts, senders, left)
