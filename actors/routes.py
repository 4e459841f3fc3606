"""Where users are online: one table a cell, for the users of its slots.

The table lives in memory, apart from the `User` actors: nobody is activated to be found. Edges announce their
sessions, again to the next owner after a change of view; rooms follow their members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from actors.errors import Unavailable
from actors.messages.routes import Announce, Follow, Followed, Route, Routed, Unfollow, Unrouted, ViewChanged, Withdraw
from actors.messages.session import LinkLost
from actors.places import Places
from actors.runtime.actor import Actor, ActorId, Context, actor_id, handles, life_of


class RouteTable:
    """user -> live sessions, and user -> rooms that want to know. Bounded by what is live in the cluster."""

    def __init__(self) -> None:
        self._sessions: dict[str, dict[ActorId, str]] = {}
        self._followers: dict[str, dict[ActorId, str]] = {}
        """user -> room -> life from which it follows."""

    def sessions(self, user: str) -> dict[ActorId, str]:
        """session -> device, of one user."""
        return self._sessions.get(user, {})

    def add(self, route: Route) -> bool:
        """Note a live session; False where it was known."""
        sessions = self._sessions.setdefault(route.user, {})
        if route.session in sessions:
            return False
        sessions[route.session] = route.device
        return True

    def remove(self, user: str, session: ActorId) -> bool:
        """Forget a session; False where it was not known."""
        sessions = self._sessions.get(user)
        if sessions is None or sessions.pop(session, None) is None:
            return False
        if not sessions:
            del self._sessions[user]
        return True

    def followers(self, user: str) -> Iterable[ActorId]:
        """The rooms that follow a user."""
        return self._followers.get(user, ())

    def follow(self, room: ActorId, users: Iterable[str], life: str) -> list[Route]:
        """Follow users for a room that lives there; where they are online now."""
        found = []
        for user in users:
            self._followers.setdefault(user, {})[room] = life
            found += [Route(user, session, device) for session, device in self.sessions(user).items()]
        return found

    def unfollow(self, room: ActorId, users: Iterable[str], life: str) -> None:
        """The room that lived there no longer wants to know of these users. It may live elsewhere by now, and want to."""
        for user in users or [user for user, rooms in self._followers.items() if room in rooms]:
            rooms = self._followers.get(user)
            if rooms is not None and rooms.get(room) == life:
                del rooms[room]
                if not rooms:
                    del self._followers[user]

    def followed(self) -> list[tuple[ActorId, Route]]:
        """Every live session of a followed user, with each room that follows."""
        return [
            (room, Route(user, session, device))
            for user, rooms in self._followers.items()
            for session, device in self.sessions(user).items()
            for room in rooms
        ]

    def drop_lives(self, dead: set[str]) -> list[tuple[str, ActorId]]:
        """Forget the sessions of dead edges; returns them."""
        lost = [(user, s) for user, sessions in self._sessions.items() for s in sessions if life_of(s) in dead]
        for user, session in lost:
            self.remove(user, session)
        return lost

    def keep(self, owned: Callable[[str], bool]) -> None:
        """Forget the users whose slots are no longer here."""
        for table in (self._sessions, self._followers):
            for user in [user for user in table if not owned(user)]:
                del table[user]


class Routes(Actor):
    """The table's mailbox: ``routes:LIFE~``."""

    rank = 9

    def __init__(self, ctx: Context, table: RouteTable, places: Places) -> None:
        self._ctx = ctx
        self._table = table
        self._places = places

    def _owned(self, user: str) -> bool:
        return self._places.owns(actor_id("user", user))

    @handles(Announce)
    def on_announce(self, message: Announce) -> None:
        """Note sessions, and tell the rooms that follow their users."""
        if message.version > self._places.version:
            raise Unavailable(retry_after=0.2)
        for route in message.routes:
            if not self._owned(route.user):
                raise Unavailable(retry_after=0.2)
        for route in message.routes:
            announce(self._ctx, self._table, route)

    @handles(Withdraw)
    def on_withdraw(self, message: Withdraw) -> None:
        """Forget a session."""
        if self._table.remove(message.user, message.session):
            gone = Unrouted(message.user, message.session)
            self._ctx.tell_many(list(self._table.followers(message.user)), gone)

    @handles(Follow)
    def on_follow(self, message: Follow) -> None:
        """Answer with the users that are in this table; the room asks again for the rest."""
        users = [user for user in message.users if self._owned(user)]
        found = self._table.follow(message.origin, users, message.life)
        self._ctx.tell(message.origin, Followed(self._places.life, users, found, self._places.version))

    @handles(Unfollow)
    def on_unfollow(self, message: Unfollow) -> None:
        """Forget a room."""
        self._table.unfollow(message.origin, message.users, message.life)

    @handles(ViewChanged)
    def on_view(self, message: ViewChanged) -> None:
        """Dead edges have no sessions; what moved away is another table's."""
        self._table.drop_lives(set(message.dead))
        # By the view and not by what is open: slots may be closed for a move that is withdrawn, and nobody announces anew then.
        self._table.keep(lambda user: self._places.life_for(actor_id("user", user)) == self._places.life)

    @handles(LinkLost)
    def on_link_lost(self, message: LinkLost) -> None:
        """News of sessions may be lost: the rooms of that life hear of all sessions that they follow."""
        for room, route in self._table.followed():
            if self._places.life_for(room) == message.life:
                self._ctx.tell(room, Routed(route))


def announce(ctx: Context, table: RouteTable, route: Route) -> None:
    """Note one session of this table and tell the rooms that follow its user."""
    if table.add(route):
        followers = list(table.followers(route.user))
        if followers:
            ctx.tell_many(followers, Routed(route))
