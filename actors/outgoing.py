"""Posts of one session that are without an answer: kept, and repeated until the room has said something.

Nothing between session and room keeps order or delivers twice: a post whose room moved, whose link broke or whose
predecessor got lost is simply sent again, and its number restores the order.
"""

from __future__ import annotations

import re
from collections import deque

from actors.commands import MAX_UNANSWERED, ROOM_PATTERN
from actors.errors import ChatError
from actors.messages.delivery import Submit
from actors.ports import Refusal
from actors.runtime.actor import actor_id

_IS_ROOM = re.compile(ROOM_PATTERN).fullmatch
REPEAT_S = 2.0
"""A post without an answer is sent again after this time."""
HURRY_S = 0.05
"""A post that is known to be lost is sent again after this time; twice as long each time, up to `REPEAT_S`."""
EARLY_S = 0.001
"""A timer may fire so much before its time, by its loop's clock: that counts whole milliseconds, and times are sums of fractions. A
repeat that was not due then would wait for the session's next tick, a second later."""
GIVE_UP_S = 30.0
"""After this time the client is told to try again itself."""


Waiting = tuple[Submit, float]
"""A post on its way, and when the client sent it (seconds of the monotonic clock). A plain tuple: one for every post."""


class Held:
    """A post that waits for its verdict, or behind one that does."""

    __slots__ = ("decided", "refusal", "submit")

    def __init__(self, submit: Submit) -> None:
        self.submit = submit
        self.decided = False
        self.refusal: Refusal | None = None


class Window:
    """The unanswered posts to one room."""

    __slots__ = ("address", "held", "posts", "resend_at", "tries")

    def __init__(self, room: str) -> None:
        self.address = actor_id("room", room)
        self.posts: dict[int, Waiting] = {}
        self.held: deque[Held] | None = None
        """Posts that were not sent to the room yet, in the order of the client; None where there is none."""
        self.resend_at = 0.0
        self.tries = 0
        """Repeats since the last answer: the pause before the next one doubles with each."""

    def find(self, n: int) -> Submit | None:
        """The unanswered post of that number."""
        waiting = self.posts.get(n)
        if waiting is not None:
            return waiting[0]
        return next((held.submit for held in self.held or () if held.submit.n == n), None)

    @property
    def is_full(self) -> bool:
        """Whether the device has to wait for answers."""
        return len(self.posts) + (len(self.held) if self.held is not None else 0) >= MAX_UNANSWERED

    def hold(self, submit: Submit) -> Held:
        """Keep a post back until it is decided, and all before it are."""
        if self.held is None:
            self.held = deque()
        held = Held(submit)
        self.held.append(held)
        return held

    def release(self) -> list[Held]:
        """The decided ones at the front: those whose turn has come."""
        ready: list[Held] = []
        while self.held and self.held[0].decided:
            ready.append(self.held.popleft())
        if not self.held:
            self.held = None
        return ready


class Outgoing:
    """Unanswered posts by room. A room's window stays when it is empty, until `tidy`."""

    __slots__ = ("rooms",)

    def __init__(self) -> None:
        self.rooms: dict[str, Window] = {}
        """The windows; read by the session for every post."""

    def __bool__(self) -> bool:
        return bool(self.rooms)

    def count(self) -> int:
        """How many posts are without an answer."""
        return sum(len(window.posts) + len(window.held or ()) for window in self.rooms.values())

    def window(self, room: str) -> Window:
        """The window of a room. `no_such_room` where that cannot be a room's name."""
        window = self.rooms.get(room)
        if window is None:
            if _IS_ROOM(room) is None:
                raise ChatError("no_such_room")
            window = self.rooms[room] = Window(room)
        return window

    def find(self, room: str, n: int) -> Submit | None:
        """An unanswered post."""
        window = self.rooms.get(room)
        return window.find(n) if window is not None else None

    @staticmethod
    def add(window: Window, submit: Submit, now: float) -> None:
        """A post goes out."""
        if not window.posts:
            window.resend_at = now + REPEAT_S
        window.posts[submit.n] = (submit, now)

    def answered(self, room: str, n: int) -> bool:
        """An answer came; False where nobody waits for it (it was repeated, and answered before)."""
        window = self.rooms.get(room)
        if window is None or window.posts.pop(n, None) is None:
            return False
        window.tries = 0
        return True

    def hurry(self, room: str, now: float, wait: float = 0.0) -> float | None:
        """Something was surely lost: repeat before the usual time, but not before `wait` seconds.

        Returns the seconds until then; None where a repeat is due by then anyway, so that many losses are one repeat.
        """
        window = self.rooms.get(room)
        if window is None:
            return None
        pause: float = max(wait, min(HURRY_S * 2**window.tries, REPEAT_S))
        if window.resend_at <= now + pause:
            return None
        window.resend_at = now + pause
        return pause

    def due(self, now: float) -> list[str]:
        """Rooms whose posts have to be sent again."""
        return [room for room, window in self.rooms.items() if window.posts and window.resend_at <= now + EARLY_S]

    def resend(self, room: str, now: float) -> list[Submit]:
        """The posts to send again, in their order."""
        window = self.rooms[room]
        window.resend_at = now + REPEAT_S
        window.tries = min(window.tries + 1, 16)
        return [window.posts[n][0] for n in sorted(window.posts)]

    def given_up(self, now: float) -> list[tuple[str, int]]:
        """Posts that waited too long; they are no longer repeated."""
        late = [(room, n) for room, window in self.rooms.items() for n, (_, since) in window.posts.items() if now - since >= GIVE_UP_S]
        for room, n in late:
            self.answered(room, n)
        return late

    def tidy(self) -> None:
        """Forget empty windows."""
        self.rooms = {room: window for room, window in self.rooms.items() if window.posts or window.held}
