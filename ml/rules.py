"""The first and cheapest part of the spam filter: what newcomers may spread, and how widely.

Nobody is judged by one text. What is counted is how many rooms one account reaches in a short time: with anything,
with links, and with the same words. People who only talk where they have talked before never notice it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from actors.ports import Refusal, Sender


@dataclass(frozen=True, slots=True)
class RuleLimits:
    """How many different rooms one account may reach."""

    newcomer_s: float = 86_400.0
    """An account younger than this is a newcomer."""
    newcomer_rooms: int = 30
    """Rooms in which a newcomer may post within `window_s`."""
    newcomer_link_rooms: int = 5
    """Rooms to which a newcomer may send links within `window_s`."""
    same_text_rooms: int = 10
    """Rooms to which anybody may send the same words within `window_s`; texts of a few characters do not count."""
    same_text_min_chars: int = 12
    window_s: float = 600.0
    """Seconds after which counting starts anew."""
    accounts: int = 50_000
    """Accounts that are remembered; beyond it the one that was quiet for longest is forgotten."""


class _Spread:
    """Where one account has posted in its current window."""

    __slots__ = ("ends_at", "is_new", "link_rooms", "rooms", "texts")

    def __init__(self, ends_at: float, is_new: bool) -> None:
        self.ends_at = ends_at
        self.is_new = is_new
        """Whether the account was a newcomer when the window began."""
        self.rooms: set[str] = set()
        self.link_rooms: set[str] = set()
        # hash of a text -> rooms, of the last texts only
        self.texts: OrderedDict[int, set[str]] | None = None


_KEPT_TEXTS = 8
"""Different texts of one account that are compared."""


class Rules:
    """Implements `actors.ports.Verdicts`. One for each cell; a spread over several cells is seen by each in part."""

    def __init__(self, limits: RuleLimits | None = None, *, wall_offset_s: float = 0.0) -> None:
        """`wall_offset_s`: wall clock minus monotonic clock, so that the age of an account costs no look at a clock."""
        self._limits = limits or RuleLimits()
        self._offset_s = wall_offset_s
        self._spreads: OrderedDict[str, _Spread] = OrderedDict()
        self.refused = 0

    def judge(self, sender: Sender, room: str, body: str, now: float) -> Refusal | None:
        """None where the post may pass."""
        spread = self._spreads.get(sender.user)
        if spread is None or spread.ends_at <= now:
            spread = self._begin(sender, now)
        rooms = spread.rooms
        if room not in rooms:
            if len(rooms) < self._limits.newcomer_rooms:
                rooms.add(room)
            elif spread.is_new:
                return self._refuse("a new account may write in few rooms at first", spread, now)
        if spread.is_new and ("://" in body or "www." in body) and self._spreads_links(spread, room):
            return self._refuse("a new account may send links to few rooms at first", spread, now)
        if len(rooms) > 1 and len(body) >= self._limits.same_text_min_chars and self._repeats(spread, room, body):
            return self._refuse("the same text was sent to many rooms", spread, now)
        return None

    def _begin(self, sender: Sender, now: float) -> _Spread:
        is_new = now + self._offset_s - sender.created_at / 1000 < self._limits.newcomer_s
        self._spreads.pop(sender.user, None)
        spread = self._spreads[sender.user] = _Spread(now + self._limits.window_s, is_new)
        if len(self._spreads) > self._limits.accounts:
            self._spreads.popitem(last=False)
        return spread

    def _spreads_links(self, spread: _Spread, room: str) -> bool:
        if room not in spread.link_rooms and len(spread.link_rooms) >= self._limits.newcomer_link_rooms:
            return True
        spread.link_rooms.add(room)
        return False

    def _repeats(self, spread: _Spread, room: str, body: str) -> bool:
        if spread.texts is None:
            spread.texts = OrderedDict()
        key = hash(body)
        rooms = spread.texts.get(key)
        if rooms is None:
            rooms = spread.texts[key] = set()
            if len(spread.texts) > _KEPT_TEXTS:
                spread.texts.popitem(last=False)
        if room not in rooms and len(rooms) >= self._limits.same_text_rooms:
            return True
        rooms.add(room)
        return False

    def _refuse(self, reason: str, spread: _Spread, now: float) -> Refusal:
        self.refused += 1
        return Refusal(reason, max(1.0, spread.ends_at - now))
