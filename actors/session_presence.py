"""A session's place in the world: the table of routes that has it, and how far it knows its user's list of rooms.

Both can be missed: a table moves, a telling is lost. The session finds out (a change of view, a hole in the versions of
the list, a lost link) and repairs it by asking.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.events import RoomInfo
from actors.messages.routes import Announce, Route, ViewChanged, Withdraw
from actors.messages.session import ChangedSince, RoomsTold
from actors.places import Kept, Places
from actors.runtime.actor import ActorId, Context, actor_id, name_of, pinned_id
from actors.runtime.aside import run_aside

ANNOUNCE_AGAIN_S = 0.2
"""An announcement that was not taken is repeated after this time: the next owner has not opened the slot yet."""
COMPARE_AGAIN_S = 2.0
"""A comparison that was not answered is asked for again after this time."""
SPREAD_S = 5.0
"""After a change of owner the sessions of an edge compare their lists over this time, not all at once."""


class Presence:
    """Announces one session and follows the list of its user."""

    __slots__ = ("_announcing", "_be_due", "_compare_at", "_ctx", "_kept", "_places", "_route", "_told", "_user", "since")

    def __init__(self, ctx: Context, places: Places, route: Route, kept: Kept, since: int, be_due: Callable[[], None]) -> None:
        """`be_due`: asks for a `tick` in a second, while it `waits`."""
        self._ctx = ctx
        self._places = places
        self._route = route
        self._user: ActorId = actor_id("user", route.user)
        self._kept = kept
        """The table that has this session."""
        self._announcing = False
        self._be_due = be_due
        self._compare_at: float | None = None
        """When to ask for what changed in the list; None while nothing is missing."""
        self.since = since
        """The version up to which the list was told."""
        self._told: dict[str, int] | None = None
        """Of the rooms that changed since this session began: their versions."""

    # --- the table of routes -----------------------------------------------------------------------------------------

    def follow_view(self, message: ViewChanged) -> None:
        """Announce the session where its user's table is now, unless that table has it."""
        life, version = self._places.life_for(self._user), self._places.version
        if self._announcing or self._kept.stands(self._places, self._user):
            return
        if life is None:
            self._ctx.after(ANNOUNCE_AGAIN_S, message)
            return

        def answered(_: None, error: Exception | None) -> None:
            self._announcing = False
            if error is not None:
                self._ctx.after(ANNOUNCE_AGAIN_S, message)
                return
            self._kept = Kept(life, version)
            self._compare_by(_spread(self._ctx.me))
            self.follow_view(message)

        self._announcing = True
        run_aside(self._announce(life, version), answered)

    async def _announce(self, life: str, version: int) -> None:
        await self._ctx.ask(pinned_id("routes", life), Announce([self._route], version))

    def withdraw(self) -> None:
        """The session is gone."""
        withdraw(self._ctx, self._places, self._route.user)

    # --- the list of rooms -------------------------------------------------------------------------------------------

    def follows(self, room: str, version: int) -> bool:
        """Whether a telling of this version of a room is to be shown: the next one, or one that is told again. What lies between is
        asked for."""
        if version > self.since + 1:
            self.compare()
            return False
        return self.is_news(room, version)

    def is_news(self, room: str, version: int) -> bool:
        """Whether nothing newer of the room was told; noted, where it is new. What a former owner of the user told may come late."""
        told = self._told
        if told is not None and version < told.get(room, 0):
            return False
        if version > self.since:
            if told is None:
                told = self._told = {}
            told[room] = version
            self.since = version
        return True

    def news_of(self, message: RoomsTold) -> list[tuple[RoomInfo, bool]]:
        """The rooms of an answer of which nothing newer was told, each with whether it is large."""
        found = zip(message.infos, message.large, message.versions or [0] * len(message.infos), strict=True)
        return [(info, large) for info, large, version in found if not version or self.is_news(info.room, version)]

    def compare(self) -> None:
        """Ask the user for what changed since."""
        self._compare_by(COMPARE_AGAIN_S)
        self._ctx.tell(self._user, ChangedSince(self._ctx.me, self.since))

    def compared(self, since: int, more: bool) -> None:
        """The answer was told to the client."""
        self._compare_at = None
        self.since = max(self.since, since)
        if more:
            self.compare()

    def _compare_by(self, seconds: float) -> None:
        self._compare_at = self._ctx.now() + seconds
        self._be_due()

    @property
    def waits(self) -> bool:
        """Whether a comparison is to be asked for, or was and has no answer yet."""
        return self._compare_at is not None

    def tick(self, now: float) -> None:
        """A second has passed."""
        if self._compare_at is not None and self._compare_at <= now:
            self.compare()


def withdraw(ctx: Context, places: Places, user: str) -> None:
    """Take a session out of its user's table of routes."""
    life = places.life_for(actor_id("user", user))
    if life is not None:
        ctx.tell(pinned_id("routes", life), Withdraw(user, ctx.me))


def _spread(session: ActorId) -> float:
    return int.from_bytes(name_of(session).encode()[-2:], "big") % 50 / 50 * SPREAD_S
