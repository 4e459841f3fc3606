"""Reads that activate nothing: heads and pages for those who connect, and subscriptions of relays.

One desk a cell, ``desk:LIFE~``, for the rooms of its slots. It looks into active rooms of its own cell and else reads
the store.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.audience import InterestTable
from actors.errors import ChatError, Unavailable
from actors.messages.delivery import EntryPage, ReadHeads, ReadPage, RoomHeads, Subscribe, Subscribed, Unsubscribe
from actors.messages.routes import ViewChanged
from actors.places import Places
from actors.room import Room
from actors.room_pages import page_from_back, page_from_front
from actors.roster import BANNED
from actors.runtime.actor import Actor, ActorId, actor_id, handles, reads
from actors.store.store import Store, StoreError
from actors.unreadable import unread

FindRoom = Callable[[ActorId], Actor | None]
"""The instance of an active room of this cell."""


class Desk(Actor):
    """Answers beside the rooms."""

    rank = 8

    def __init__(self, places: Places, store: Store, interest: InterestTable, find: FindRoom) -> None:
        self._places = places
        self._store = store
        self._interest = interest
        self._find = find

    def _active(self, room: str) -> Room | None:
        found = self._find(actor_id("room", room))
        return found if isinstance(found, Room) and found.log.exists else None

    def _check_owned(self, rooms: list[str]) -> None:
        for room in rooms:
            if not self._places.owns(actor_id("room", room)):
                raise Unavailable(retry_after=0.2)

    @reads(ReadHeads)
    async def on_read_heads(self, request: ReadHeads) -> RoomHeads:
        """The committed heads; `unavailable` where a room's slot is not here."""
        self._check_owned(request.rooms)
        known: dict[str, tuple[int, int]] = {}
        asked: list[tuple[int, str]] = []
        for room in request.rooms:
            active = self._active(room)
            if active is not None and active.log.last_at:
                known[room] = (active.log.head, active.log.last_at)
            else:  # one that has just been loaded does not know when its head was stored
                asked.append((self._places.slot_of(actor_id("room", room)), room))
        if asked:
            known.update(await self._read(asked))
        found = [known.get(room, (0, 0)) for room in request.rooms]
        return RoomHeads([head for head, _ in found], [at for _, at in found])

    async def _read(self, asked: list[tuple[int, str]]) -> dict[str, tuple[int, int]]:
        try:
            return await self._store.heads(asked)
        except StoreError as error:
            raise unread(error) from None

    @reads(ReadPage)
    async def on_read_page(self, request: ReadPage) -> EntryPage:
        """A page from the store. Membership is checked after it was read: whoever is a member then was one when all of it was said."""
        self._check_owned([request.room])
        slot = self._places.slot_of(actor_id("room", request.room))
        page = await self._page(slot, request)
        if request.user:
            await self._first(slot, request.room, request.user)
        return page

    async def _page(self, slot: int, request: ReadPage) -> EntryPage:
        limit = request.limit
        try:
            if request.after >= 0:
                after = max(request.after, request.first - 1)
                rows = await self._store.entries_after(slot, request.room, after, limit + 1)
                return EntryPage(*page_from_front(rows, limit))
            rows = await self._store.entries_before(slot, request.room, 2**62, limit + 1)
        except StoreError as error:
            raise unread(error) from None
        return EntryPage(*page_from_back(rows, limit, request.first))

    @handles(Subscribe)
    async def on_subscribe(self, request: Subscribe) -> Subscribed:
        """Let a relay have a room's payloads, if the user is a member. The head is read after the interest stands."""
        if request.version > self._places.version:
            raise Unavailable(retry_after=0.2)
        self._check_owned([request.room])
        slot = self._places.slot_of(actor_id("room", request.room))
        first = await self._first(slot, request.room, request.user)
        self._interest.add(request.room, request.relay)
        heads = await self._read([(slot, request.room)]) if self._active(request.room) is None else {}
        active = self._active(request.room)  # it may have woken and gone on while the store was read
        return Subscribed(active.log.head if active is not None else heads.get(request.room, (0, 0))[0], first)

    async def _first(self, slot: int, room: str, user: str) -> int:
        """The first seq that a member may read. Raises `no_such_room` for others."""
        active = self._active(room)
        if active is not None:
            return active.log.roster.member(user).first
        try:
            member = await self._store.member(slot, room, user)
        except StoreError as error:
            raise unread(error) from None
        if member is None or member.role == BANNED:
            raise ChatError("no_such_room")
        return member.first

    @handles(Unsubscribe)
    def on_unsubscribe(self, message: Unsubscribe) -> None:
        """The relay has nobody left."""
        self._interest.remove(message.room, message.relay)

    @handles(ViewChanged)
    def on_view(self, message: ViewChanged) -> None:
        """Relays of dead cells are gone; those of rooms that moved away subscribe there."""
        self._interest.drop_lives(message.dead)
        # By the view and not by what is open: slots may be closed for a move that is withdrawn.
        self._interest.keep(lambda room: self._places.life_for(actor_id("room", room)) == self._places.life)
