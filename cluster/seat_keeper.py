"""Rooms that change between their hash bucket and a seat of their own, in the cell that owns both at that moment.

Their rows change files while no actor of them lives: `Slots.hold_back`, rows moved durably, `let_go`. Whoever asks meanwhile is
refused and asks again. A cell that dies in the middle leaves it to the next owner of the bucket.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from actors.chat_cell import ChatCell
from actors.runtime.actor import ActorId, name_of
from actors.runtime.driving import drive, pause
from actors.runtime.promise import Promise
from actors.runtime.ring import group_of, slot_of
from actors.runtime.scheduler import Scheduler
from actors.runtime.view import View
from actors.store.store import StoreError
from gateway.logs import event_log

RETRY_S = 0.05

_log = event_log("cluster.seats")


class SeatStore(Protocol):
    """What moves rows; see `GroupStore`."""

    def fill_seat(self, number: int, room: str) -> Promise[None]:
        """Move a room's rows into its seat."""

    def empty_seats(self, shard: int, taken: Collection[int]) -> Promise[None]:
        """Bring rows back from seats that are not taken any more."""


class SeatKeeper:
    """The seats whose hash buckets one life owns."""

    def __init__(self, chat: ChatCell, store: SeatStore, scheduler: Scheduler, held: Mapping[int, int]) -> None:
        self._chat = chat
        self._store = store
        self._scheduler = scheduler
        self._held = held
        """Groups that the store holds for this life; its owner changes it."""
        self._busy: set[int] = set()
        # Seats that are known to be filled, or empty again.
        self._filled: set[int] = set()
        self._closed = False

    def follow(self, before: View | None, view: View) -> None:
        """A new view, before anything is activated by it: rooms that come back wait for their rows."""
        if not view.seats:
            return
        known = before.seats if before is not None else ()
        for number, seat in enumerate(view.seats):
            returned = seat.state == "gone" and number < len(known) and known[number].state != "gone"
            if returned and self._bucket(view, seat.address) in self._held:
                self._begin(number, seat.address, returns=True)
        self.look()

    def look(self) -> None:
        """A bucket was taken, or a view is new: fill what is to be filled here."""
        view = self._chat.view
        for number, seat in enumerate(view.seats if view is not None else ()):
            if seat.state != "gone" and number not in self._filled and self._may_fill(number):
                self._begin(number, seat.address, returns=False)

    def close(self) -> None:
        """Nothing is begun any more."""
        self._closed = True

    def _begin(self, number: int, address: ActorId, *, returns: bool) -> None:
        if number in self._busy or self._closed:
            return
        self._busy.add(number)
        self._chat.cell.slots.hold_back(address)
        drive(self._change(number, address, returns)).when_settled(lambda ended: self._ended(number, address, ended))

    def _ended(self, number: int, address: ActorId, ended: Promise[None]) -> None:
        self._busy.discard(number)
        self._chat.cell.slots.let_go(address)
        if ended.error is not None:
            raise ended.error

    async def _change(self, number: int, address: ActorId, returns: bool) -> None:
        """Until it is done, or is another cell's affair."""
        await self._chat.cell.hold_back(address)
        while not self._closed and (self._may_empty(number) if returns else self._may_fill(number)):
            try:
                if not returns:
                    await self._store.fill_seat(number, name_of(address))
                    self._filled.add(number)
                    _log.info("seat_filled", room=address)
                    return
                if await self._emptied(number, address):
                    _log.info("seat_left", room=address)
                    return
            except StoreError as error:
                _log.warning("seat_not_changed", room=address, reason=str(error))
            await pause(self._scheduler, RETRY_S)

    async def _emptied(self, number: int, address: ActorId) -> bool:
        view = self._chat.view
        assert view is not None
        if view.groups + number in self._held:
            return False  # it is being given back
        await self._store.empty_seats(self._bucket(view, address), taken_seats(view))
        return True

    def _may_fill(self, number: int) -> bool:
        view = self._chat.view
        if view is None or view.seats[number].state == "gone":
            return False
        bucket = self._bucket(view, view.seats[number].address)
        moving = any(move.group == bucket for move in view.moves)
        return bucket in self._held and view.owner_lives[bucket] == self._chat.life and not moving

    def _may_empty(self, number: int) -> bool:
        view = self._chat.view
        return view is not None and view.owner_lives[self._bucket(view, view.seats[number].address)] == self._chat.life

    @staticmethod
    def _bucket(view: View, address: ActorId) -> int:
        return group_of(slot_of(address), view.groups)


def taken_seats(view: View) -> list[int]:
    """Numbers of the seats that have a room."""
    return [number for number, seat in enumerate(view.seats) if seat.state != "gone"]
