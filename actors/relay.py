"""A large room's branch at one edge cell: subscribes once, fans out to the sessions here, repairs gaps, joins reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from contextlib import suppress

from actors.edge import LocalSessions
from actors.errors import ChatError
from actors.events import Entry
from actors.messages.delivery import (
    AdoptSessions,
    HeadTold,
    Interest,
    NoInterest,
    ReadPage,
    Relayed,
    RelayHead,
    Subscribe,
    Subscribed,
    Unsubscribe,
)
from actors.messages.room import History, HistoryPage
from actors.messages.routes import ViewChanged
from actors.messages.session import LinkLost, Tick, Wake
from actors.places import Kept, Places
from actors.ports import Encode
from actors.runtime.actor import Actor, ActorId, Context, StopReason, actor_id, handles, name_of, pinned_id, reads
from actors.runtime.promise import Promise

RETRY_S = 1.0
"""A subscription that could not be made is tried again after this time."""
REPAIR_ENTRIES = 200
"""A longer gap is not repaired here: the sessions hear the head and pull."""
_ENDINGS = frozenset({"leave", "kick"})
"""Entries that end a membership."""


class Relay(Actor):
    """``relay:LIFE~ROOM``."""

    rank = 1

    def __init__(self, ctx: Context, places: Places, sessions: LocalSessions, encode: Encode) -> None:
        self._ctx = ctx
        self._places = places
        self._here = sessions
        self._encode = encode
        self._room = name_of(ctx.me)
        self._address = actor_id("room", self._room)
        self._users: dict[ActorId, str] = {}
        """session -> user, of those whose membership was granted."""
        self._targets: list[ActorId] = []
        self._waiting: dict[ActorId, str] = {}
        """Sessions whose membership could not be checked yet."""
        self._owner: Kept | None = None
        """Where our subscription is."""
        self._head = 0
        self._first: dict[str, int] = {}
        """user -> first seq that may be read, as granted."""
        self._granted: dict[str, int] = {}
        """user -> head of the room when the membership was checked: what was told of before does not end it."""
        self._reads: dict[tuple[int, int, int | None, int], Promise[HistoryPage]] = {}
        self._tick_is_due = False

    async def on_start(self) -> None:
        """After a crash the sessions here still count on it: they are admitted anew."""
        self._waiting = {address: user for address, session in self._here.items() if (user := session.listens_to(self._room))}
        if self._waiting:
            self._tick_later()

    @handles(Wake)
    def on_wake(self, message: Wake) -> None:
        """Starting has done what was owed."""

    async def on_stop(self, reason: StopReason) -> None:
        """Take the subscription back, also one that an instance before this made."""
        life = self._owner.life if self._owner is not None else self._places.life_for(self._address)
        if life is not None:
            self._ctx.tell(pinned_id("desk", life), Unsubscribe(self._ctx.me, self._room))

    def stays(self) -> bool:
        """Somebody here listens."""
        return bool(self._users or self._waiting)

    # --- who listens -------------------------------------------------------------------------------------------------

    @handles(Interest)
    async def on_interest(self, message: Interest) -> None:
        """Grant after the room's cell has checked the membership; the answer carries the head."""
        if message.session not in self._users:
            with suppress(ChatError):  # it waits
                await self._admit(message.session, message.user)

    async def _admit(self, session: ActorId, user: str) -> None:
        try:
            owner, answer = await self._subscribe(user)
        except ChatError as error:
            self._waiting.pop(session, None)
            if error.retry:
                self._waiting[session] = user
                self._tick_later()
                raise
            self._dismiss([user])
            self._wait_for([(session, user)])
            return
        self._waiting.pop(session, None)
        self._owner = owner
        if session not in self._here:
            return
        self._first[user] = answer.first
        self._add(session, user)
        self._granted[user] = answer.head
        await self._come_to(answer.head)
        self._ctx.tell(session, HeadTold(self._room, self._head))

    async def _subscribe(self, user: str) -> tuple[Kept, Subscribed]:
        life, version = self._places.life_for(self._address), self._places.version
        if life is None:
            raise ChatError("unavailable")
        answer = await self._ctx.ask(pinned_id("desk", life), Subscribe(self._ctx.me, self._room, user, version))
        return Kept(life, version), answer

    def _add(self, session: ActorId, user: str) -> None:
        if session not in self._users:
            self._users[session] = user
            self._targets.append(session)

    def _remove(self, sessions: Sequence[ActorId]) -> None:
        for session in sessions:
            self._waiting.pop(session, None)
            user = self._users.pop(session, None)
            if user is not None:
                self._targets.remove(session)
                self._first.pop(user, None)  # another device of the user reads by itself
                self._granted.pop(user, None)

    def _dismiss(self, users: Collection[str], at: int | None = None) -> None:
        """These are no longer members, as of the entry `at`."""
        gone = {user for user in users if at is None or at > self._granted.get(user, 0)}
        if gone:
            removed = [(session, user) for session, user in self._users.items() if user in gone]
            self._remove([session for session, _ in removed])
            self._wait_for(removed)

    def _wait_for(self, removed: Sequence[tuple[ActorId, str]]) -> None:
        """A session whose list still has the room may never hear that its user left, where the user is back at once: it is asked for
        again until it hears."""
        for address, user in removed:
            session = self._here.get(address)
            if session is not None and session.listens_to(self._room):
                self._waiting[address] = user
                self._tick_later()

    def _check_again(self) -> None:
        """Entries were not seen here, and who left by them is not known: every membership is checked anew."""
        one_of_each = {user: session for session, user in self._users.items()}
        self._waiting.update({session: user for user, session in one_of_each.items()})
        if self._waiting:
            self._tick_later()

    @handles(NoInterest)
    def on_no_interest(self, message: NoInterest) -> None:
        """A session leaves."""
        self._remove([message.session])

    @handles(AdoptSessions)
    def on_adopt(self, message: AdoptSessions) -> None:
        """The room has just become large: it knows these sessions and has noted our interest itself. It handed them what came up to
        its head, this relay handed those that it knew what came up to its own: who had the lesser of both hears of the rest."""
        life = self._places.life_for(self._address)
        self._owner = Kept(life, self._places.version) if life is not None else None
        known, new = list(self._targets), [session for session in message.sessions if session not in self._users]
        behind = new if message.head < self._head else known if message.head > self._head else []
        self._head = max(self._head, message.head)
        for session, user in zip(message.sessions, message.users, strict=True):
            self._add(session, user)
        self._ctx.tell_many(behind, HeadTold(self._room, self._head))

    # --- what is heard -----------------------------------------------------------------------------------------------

    @handles(Relayed)
    async def on_relayed(self, message: Relayed) -> None:
        """Hand on what is new; pull what is missing before it."""
        if message.first > self._head + 1 and self._head:
            await self._come_to(message.first - 1)
        known = self._head + 1 - message.first if self._head else 0
        texts, senders = message.texts[max(known, 0) :], message.senders[max(known, 0) :]
        if texts:
            self._head = message.first + len(message.texts) - 1
            self._hand_on(texts, senders)
        if message.left:
            self._dismiss(message.left, self._head)

    @handles(RelayHead)
    async def on_head(self, message: RelayHead) -> None:
        """The room says where it stands."""
        await self._come_to(message.head)

    async def _come_to(self, head: int) -> None:
        """Pull the gap up to `head` and hand it on; where that cannot be, the sessions hear the head and pull."""
        if self._head == 0 or head <= self._head:
            self._head = max(self._head, head)
            return
        before = self._head
        if head - before <= REPAIR_ENTRIES and self._targets and self._owner is not None:
            try:
                page = await self._ctx.ask(
                    pinned_id("desk", self._owner.life), ReadPage(self._room, before, 1, REPAIR_ENTRIES), timeout=3.0
                )
            except ChatError:
                page = None
            if page is not None and page.entries and page.entries[0].seq == before + 1:
                self._hand_on_page(page.entries)
        if self._head < head:
            self._head = head
            self._check_again()
            self._ctx.tell_many(self._targets, HeadTold(self._room, head))

    def _hand_on_page(self, entries: Sequence[Entry]) -> None:
        """Whoever left by one of them is shown that one, and nothing behind it."""
        stretch: list[bytes] = []
        for entry in entries:
            stretch.append(self._encode(entry))
            self._head = entry.seq
            if entry.kind in _ENDINGS:
                self._hand_on(stretch, [""] * len(stretch))
                self._dismiss([str(json.loads(entry.body)["user"])], entry.seq)
                stretch = []
        if stretch:
            self._hand_on(stretch, [""] * len(stretch))

    def _hand_on(self, texts: list[bytes], senders: list[str]) -> None:
        if self._here.trace is not None:
            for seq in range(self._head + 1 - len(texts), self._head + 1):
                self._here.trace.relayed(self._room, seq)
        gone = self._here.deliver(self._targets, self._room, self._head, texts, senders)
        if gone:
            self._remove(gone)

    # --- reads -------------------------------------------------------------------------------------------------------

    @reads(History)
    async def on_history(self, request: History) -> HistoryPage:
        """The same page wanted by many at once is read once. Only listeners are served: their membership was checked."""
        first = self._first.get(request.by)
        if first is None:
            return await self._ctx.ask(self._address, request)
        key = (first, request.after, request.before, request.limit)
        promise = self._reads.get(key)
        if promise is None:
            promise = self._reads[key] = Promise()
            try:
                promise.resolve(await self._ctx.ask(self._address, request))
            except ChatError as error:
                promise.reject(error)
            except Exception:
                promise.reject(ChatError("internal"))  # for those who joined
                raise
            finally:
                del self._reads[key]
        page = await promise
        if request.by in self._first:
            return page
        return await self._ctx.ask(self._address, request)  # gone meanwhile, or with another device alone: the room knows

    # --- changes around it -------------------------------------------------------------------------------------------

    @handles(ViewChanged)
    async def on_view(self, message: ViewChanged) -> None:
        """The room may have moved: its new cell has no subscription of ours."""
        if self._owner is None or not self._owner.stands(self._places, self._address):
            await self._subscribe_again()

    @handles(LinkLost)
    async def on_link_lost(self, message: LinkLost) -> None:
        """What the room sent may be lost."""
        if self._owner is not None and message.life == self._owner.life:
            await self._subscribe_again()

    async def _subscribe_again(self) -> None:
        self._owner = None
        for user in list(dict.fromkeys(self._users.values()))[:3]:  # the first may have left meanwhile
            try:
                self._owner, answer = await self._subscribe(user)
            except ChatError as error:
                if error.retry:
                    break
                continue
            await self._come_to(answer.head)
            return
        if self._users:
            self._tick_later()

    def _tick_later(self) -> None:
        if not self._tick_is_due:
            self._tick_is_due = True
            self._ctx.after(RETRY_S, Tick())

    @handles(Tick)
    async def on_tick(self, message: Tick) -> None:
        """Try again what did not succeed."""
        self._tick_is_due = False
        if self._owner is None and self._users:
            await self._subscribe_again()
        for session, user in list(self._waiting.items()):
            here = self._here.get(session)
            if here is None or (session not in self._users and not here.listens_to(self._room)):
                self._waiting.pop(session, None)
            elif session in self._waiting:
                try:
                    await self._admit(session, user)
                except ChatError:
                    break  # the room's cell does not answer now: the others would only wait for it one by one
