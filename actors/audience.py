"""Who hears of a post: two small strategies behind one interface.

*By member* (small rooms): the room follows its members' routes and sends one envelope to each edge cell.
*By edge* (large rooms): relays subscribe, and the room sends to each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Sequence
from typing import Protocol

from actors.edge import LocalSessions
from actors.messages.delivery import AdoptSessions, Fanout, HeadTold, Relayed, RelayHead, SessionsGone
from actors.messages.routes import Follow, Followed, Route, Unfollow, Withdraw
from actors.places import Kept, Peers, Places
from actors.routes import RouteTable
from actors.runtime.actor import ActorId, Context, actor_id, life_of, name_of, pinned_id


class Audience(Protocol):
    """Those who are online."""

    def fan_out(
        self, first: int, texts: Sequence[bytes], senders: Sequence[str], left: Sequence[str], numbers: Sequence[int], at: int
    ) -> Collection[str]:
        """Hand over the texts of `first` and on; `senders[i]`, a session, does not get `texts[i]`.

        Some of them may be told along with it that their posts `numbers[i]` were stored `at` that time (0: nothing to
        tell); returns the lives of their edges.
        """

    def edges(self) -> int:
        """To how many edge cells `fan_out` hands over."""

    def show(self, text: bytes, sender: str) -> None:
        """Hand over something that carries no seq and may be lost."""

    def tell_head(self, head: int) -> None:
        """Tell everybody where the room stands; who is behind pulls."""

    def owe(self, life: str, head: int) -> None:
        """What was sent to this life may be lost: tell it the head."""


class ByMember:
    """Follows the routes of the members, wherever their tables are."""

    def __init__(self, ctx: Context, places: Places, table: RouteTable, here: LocalSessions, peers: Peers) -> None:
        self._ctx = ctx
        self._here = here
        self._peers = peers
        self._room = name_of(ctx.me)
        self._places = places
        self._table = table
        self._sessions: dict[str, dict[ActorId, None]] = {}
        self._edges: dict[str, list[ActorId]] = {}
        """life of an edge -> sessions there."""
        self._table_of: dict[str, Kept] = {}
        """user -> the table that follows the user for us."""
        self._waiting: dict[str, None] = {}

    # --- following ---------------------------------------------------------------------------------------------------

    @property
    def incomplete(self) -> bool:
        """Whether some member's routes are not known yet: ask again with `follow_missing`."""
        return bool(self._waiting)

    def follow(self, users: Iterable[str]) -> list[ActorId]:
        """Follow users; returns the sessions that are known at once (those of this cell's own table)."""
        by_life: dict[str, list[str]] = {}
        for user in users:
            self._waiting[user] = None
            life = self._places.life_for(actor_id("user", user))
            if life is not None:
                by_life.setdefault(life, []).append(user)
        found: list[ActorId] = []
        for life, there in by_life.items():
            if life == self._places.life:
                owned = [user for user in there if self._places.owns(actor_id("user", user))]
                routes = self._table.follow(self._ctx.me, owned, life)
                found += self._follows(Followed(life, owned, routes, self._places.version), owned)
            else:
                self._ctx.tell(pinned_id("routes", life), Follow(self._ctx.me, there, self._places.life))
        return found

    def follow_missing(self) -> list[ActorId]:
        """Ask again for those who were not answered for."""
        return self.follow(list(self._waiting))

    def followed(self, answer: Followed, members: Container[str]) -> list[ActorId]:
        """A table answered; returns the sessions that are new here. Who has left meanwhile is not followed."""
        strangers = [user for user in answer.users if user not in members]
        if strangers:
            self._ctx.tell(pinned_id("routes", answer.life), Unfollow(self._ctx.me, strangers, self._places.life))
        return self._follows(answer, [user for user in answer.users if user in members])

    def _follows(self, answer: Followed, users: Sequence[str]) -> list[ActorId]:
        known = set(users)
        for user in users:
            self._waiting.pop(user, None)
            self._table_of[user] = Kept(answer.life, answer.version)
        return [route.session for route in answer.routes if route.user in known and self.add(route)]

    def unfollow(self, users: Iterable[str]) -> None:
        """These users are no longer members."""
        for user in users:
            self._waiting.pop(user, None)
            for session in list(self._sessions.get(user, ())):
                self.remove(user, session)
            kept = self._table_of.pop(user, None)
            if kept is not None:
                self._ctx.tell(pinned_id("routes", kept.life), Unfollow(self._ctx.me, [user], self._places.life))

    def leave_tables(self) -> None:
        """The room retires."""
        by_life: dict[str, list[str]] = {}
        for user, kept in self._table_of.items():
            by_life.setdefault(kept.life, []).append(user)
        for life, users in by_life.items():
            self._ctx.tell(pinned_id("routes", life), Unfollow(self._ctx.me, users, self._places.life))
        self._table_of.clear()
        self._waiting.clear()

    def moved(self, dead: Collection[str]) -> list[ActorId]:
        """The view changed: forget dead edges, follow where tables moved; returns sessions that are new here."""
        for user, sessions in list(self._sessions.items()):
            for session in [s for s in sessions if life_of(s) in dead]:
                self.remove(user, session)
        astray = [user for user, kept in self._table_of.items() if not kept.stands(self._places, actor_id("user", user))]
        return self.follow(astray) if astray else []

    def add(self, route: Route) -> bool:
        """A session of a member; False where it was known."""
        sessions = self._sessions.setdefault(route.user, {})
        if route.session in sessions:
            return False
        sessions[route.session] = None
        self._edges.setdefault(life_of(route.session) or "", []).append(route.session)
        return True

    def remove(self, user: str, session: ActorId) -> None:
        """A session is gone."""
        sessions = self._sessions.get(user)
        if sessions is None or session not in sessions:
            return
        del sessions[session]
        if not sessions:
            del self._sessions[user]
        life = life_of(session) or ""
        self._edges[life].remove(session)
        if not self._edges[life]:
            del self._edges[life]

    def forget(self, session: ActorId) -> None:
        """Its edge does not have it; the table of routes may not know that."""
        user = self.owner_of(session)
        if user is not None:
            self.remove(user, session)
            life = self._places.life_for(actor_id("user", user))
            if life is not None:
                self._ctx.tell(pinned_id("routes", life), Withdraw(user, session))

    def owner_of(self, session: ActorId) -> str | None:
        """The user of a session."""
        return next((user for user, sessions in self._sessions.items() if session in sessions), None)

    # --- sending -----------------------------------------------------------------------------------------------------

    def fan_out(
        self, first: int, texts: Sequence[bytes], senders: Sequence[str], left: Sequence[str], numbers: Sequence[int], at: int
    ) -> Collection[str]:
        """One envelope per edge cell; sessions of this cell are a call away."""
        head = first + len(texts) - 1
        own = self._places.life
        gone: list[ActorId] = []
        told: list[str] = []
        for life, sessions in self._edges.items():
            if life == own:
                gone = self._here.deliver(sessions, self._room, head, texts, senders)
            elif len(sessions) > 1 or senders.count(sessions[0]) < len(senders):  # else it wrote all of it
                takes_answers = bool(numbers) and self._peers.take_answers(life)
                if takes_answers:
                    told.append(life)
                answers = list(numbers) if takes_answers else []
                message = Fanout(self._ctx.me, self._room, head, list(texts), list(senders), list(sessions), answers, at)
                self._ctx.tell(pinned_id("edge", life), message)
        if gone:
            self._ctx.tell(self._ctx.me, SessionsGone(gone))
        return told

    def edges(self) -> int:
        """Edges with members online."""
        return len(self._edges)

    def show(self, text: bytes, sender: str) -> None:
        """One envelope per edge cell, without a seq."""
        for life, sessions in self._edges.items():
            self._ctx.tell(pinned_id("edge", life), Fanout(self._ctx.me, self._room, 0, [text], [sender], list(sessions)))

    def tell_head(self, head: int) -> None:
        """To every session."""
        self.tell_head_to([session for sessions in self._edges.values() for session in sessions], head)

    def tell_head_to(self, sessions: Sequence[ActorId], head: int) -> None:
        """To these sessions."""
        if sessions and head:
            self._ctx.tell_many(sessions, HeadTold(self._room, head, self._ctx.me))

    def owe(self, life: str, head: int) -> None:
        """To the sessions of one edge."""
        self.tell_head_to(self._edges.get(life, ()), head)

    def hand_over(self, head: int) -> list[ActorId]:
        """The room has become large: relays take these sessions over; returns the relays."""
        users = {session: user for user, sessions in self._sessions.items() for session in sessions}
        relays = []
        for life, sessions in self._edges.items():
            relay = pinned_id("relay", life, self._room)
            self._ctx.tell(relay, AdoptSessions(head, list(sessions), [users[s] for s in sessions]))
            relays.append(relay)
        self.leave_tables()
        return relays


class InterestTable:
    """large room -> relays that subscribed. Kept by the cell beside its slots: a subscription activates no room."""

    def __init__(self) -> None:
        self._relays: dict[str, dict[ActorId, None]] = {}

    def add(self, room: str, relay: ActorId) -> None:
        """A relay wants the room's payloads."""
        self._relays.setdefault(room, {})[relay] = None

    def remove(self, room: str, relay: ActorId) -> None:
        """A relay does not, any more."""
        relays = self._relays.get(room)
        if relays is not None:
            relays.pop(relay, None)
            if not relays:
                del self._relays[room]

    def relays(self, room: str) -> Collection[ActorId]:
        """The relays of a room."""
        return self._relays.get(room, {}).keys()

    def keep(self, owned: Callable[[str], bool]) -> None:
        """Forget the rooms whose slots are no longer here."""
        for room in [room for room in self._relays if not owned(room)]:
            del self._relays[room]

    def drop_lives(self, dead: Collection[str]) -> None:
        """Forget the relays of dead cells."""
        for room, relays in list(self._relays.items()):
            for relay in [r for r in relays if life_of(r) in dead]:
                self.remove(room, relay)


class ByEdge:
    """Sends to the relays that subscribed."""

    def __init__(self, ctx: Context, interest: InterestTable) -> None:
        self._ctx = ctx
        self._room = name_of(ctx.me)
        self._interest = interest

    def fan_out(
        self, first: int, texts: Sequence[bytes], senders: Sequence[str], left: Sequence[str], numbers: Sequence[int], at: int
    ) -> Collection[str]:
        """One envelope per edge cell with interest; answers do not ride along."""
        relays = self._interest.relays(self._room)
        if relays:
            self._ctx.tell_many(list(relays), Relayed(first, list(texts), list(senders), list(left), self._ctx.me))
        return ()

    def edges(self) -> int:
        """Edges with interest."""
        return len(self._interest.relays(self._room))

    def show(self, text: bytes, sender: str) -> None:
        """Large rooms show nothing that may be lost."""

    def tell_head(self, head: int) -> None:
        """To every relay."""
        self.tell_head_to(list(self._interest.relays(self._room)), head)

    def tell_head_to(self, targets: Sequence[ActorId], head: int) -> None:
        """To these relays."""
        if targets and head:
            self._ctx.tell_many(targets, RelayHead(head, self._ctx.me))

    def owe(self, life: str, head: int) -> None:
        """To the relay of one edge."""
        for relay in self._interest.relays(self._room):
            if life_of(relay) == life:
                self._ctx.tell(relay, RelayHead(head, self._ctx.me))


class Owed:
    """Sessions and relays that were too busy to take what was sent: they hear the head a little later."""

    def __init__(self) -> None:
        self._sessions: dict[ActorId, None] = {}
        self._relays: dict[ActorId, None] = {}

    def __bool__(self) -> bool:
        return bool(self._sessions or self._relays)

    def note(self, to: ActorId, message: object) -> None:
        """This came back from there."""
        if isinstance(message, Fanout):
            self._sessions.update(dict.fromkeys(message.sessions))
        elif isinstance(message, Relayed):
            self._relays[to] = None

    def tell(self, members: ByMember, edges: ByEdge, head: int) -> None:
        """Tell them where the room stands."""
        sessions, relays = list(self._sessions), list(self._relays)
        self._sessions.clear()
        self._relays.clear()
        members.tell_head_to(sessions, head)
        edges.tell_head_to(relays, head)
