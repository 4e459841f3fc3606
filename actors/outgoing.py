"""Posts of one session that are without an answer: kept, and repeated until the room has said something.

Nothing between session and room keeps order or delivers twice: a post whose room moved, whose link broke or whose
predecessor got lost is simply sent again, and its number restores the order.
"""

from __future__ import annotations

from typing import NamedTuple

from actors.commands import MAX_UNANSWERED
from actors.messages.delivery import Submit

REPEAT_S = 2.0
"""A post without an answer is sent again after this time."""
GIVE_UP_S = 30.0
"""After this time the client is told to try again itself."""


class Waiting(NamedTuple):
    """A post on its way."""

    submit: Submit
    since: float
    """When the client sent it; seconds of the monotonic clock."""


class Outgoing:
    """Unanswered posts by room."""

    __slots__ = ("_resend_at", "_rooms")

    def __init__(self) -> None:
        self._rooms: dict[str, dict[int, Waiting]] = {}
        self._resend_at: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._rooms)

    def find(self, room: str, n: int) -> Waiting | None:
        """A post that waits."""
        waiting = self._rooms.get(room)
        return waiting.get(n) if waiting is not None else None

    def is_full(self, room: str) -> bool:
        """Whether the device has to wait for answers."""
        waiting = self._rooms.get(room)
        return waiting is not None and len(waiting) >= MAX_UNANSWERED

    def add(self, room: str, submit: Submit, now: float) -> None:
        """A post goes out."""
        waiting = self._rooms.get(room)
        if waiting is None:
            waiting = self._rooms[room] = {}
            self._resend_at[room] = now + REPEAT_S
        waiting[submit.n] = Waiting(submit, now)

    def answered(self, room: str, n: int) -> bool:
        """An answer came; False where nobody waits for it (it was repeated, and answered before)."""
        waiting = self._rooms.get(room)
        if waiting is None or waiting.pop(n, None) is None:
            return False
        if not waiting:
            del self._rooms[room]
            del self._resend_at[room]
        return True

    def hurry(self, room: str, now: float) -> None:
        """Something was surely lost: repeat soon, not at once, so that one loss leads to one repeat."""
        if room in self._resend_at:
            self._resend_at[room] = min(self._resend_at[room], now)

    def due(self, now: float) -> list[str]:
        """Rooms whose posts have to be sent again."""
        return [room for room, at in self._resend_at.items() if at <= now]

    def resend(self, room: str, now: float) -> list[Submit]:
        """The posts to send again, in their order."""
        self._resend_at[room] = now + REPEAT_S
        waiting = self._rooms[room]
        return [waiting[n].submit for n in sorted(waiting)]

    def given_up(self, now: float) -> list[tuple[str, int]]:
        """Posts that waited too long; they are no longer repeated."""
        late = [(room, n) for room, waiting in self._rooms.items() for n, w in waiting.items() if now - w.since >= GIVE_UP_S]
        for room, n in late:
            self.answered(room, n)
        return late
