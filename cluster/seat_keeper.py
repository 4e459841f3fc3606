"""Rooms that change between their hash bucket and a seat of their own, in the cell that owns the bucket.

    filling   copied piece by piece while the room goes on in its bucket; then the view says that it lives in its seat (`open_seat`)
    own       the last piece, while no actor of the room lives (`Slots.hold_back`): now the seat can be taken
    back      when seat and bucket are this life's, the view says that the room lives in its bucket (`leave_seat`)
    gone      brought back piece by piece, while no actor of the room lives; then the number is free (`free_seat`)

Whoever asks for a room that is held back is refused and asks again. A cell that dies in the middle leaves it to the next owner of the
bucket. Each seat is looked after by one coroutine, which goes by the newest view after every step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping
from functools import partial
from typing import Protocol

from actors.chat_cell import ChatCell
from actors.runtime.actor import ActorId, name_of
from actors.runtime.driving import drive, pause
from actors.runtime.promise import Promise
from actors.runtime.ring import group_of, slot_of
from actors.runtime.scheduler import Scheduler
from actors.runtime.seating import free_seat, leave_seat, may_leave_seat, open_seat
from actors.runtime.seats import Seat
from actors.runtime.view import View
from actors.store.store import StoreError
from gateway.logs import event_log

RETRY_S = 0.05
STEP_S = 0.01
"""Between two steps of copying: about as long as one takes, so that posts of the other rooms wait for one at most."""

_log = event_log("cluster.seats")

Use = tuple[int, int]
"""(number, since): one use of a seat."""
ChangeView = Callable[[Callable[[View], View]], Promise[View]]
"""Stores the view that the function makes of the stored one, by compare and set."""


class SeatStore(Protocol):
    """What moves rows, a bounded step at a time. All of it may be repeated."""

    def copy_seat(self, number: int, room: str, since: int) -> Promise[bool]:
        """Copy some rows of a room that goes on in its hash bucket's group; True where only little is left for `fill_seat`."""

    def fill_seat(self, number: int, room: str, since: int) -> Promise[None]:
        """Copy the rest; no actor of the room lives. The seat can be taken from then on."""

    def tidy_seat(self, number: int, room: str, since: int) -> Promise[bool]:
        """Clear some of what the group still holds of a room that is in its seat; True where nothing is left."""

    def empty_seats(self, shard: int, taken: Collection[Use]) -> Promise[bool]:
        """Bring some rows of this group's rooms back from seats whose use is not `taken` any more, while no actor of these rooms lives.
        True where all are back, and nothing is left of those seats."""


class SeatKeeper:
    """The seats whose hash buckets one life owns."""

    def __init__(self, chat: ChatCell, store: SeatStore, scheduler: Scheduler, held: Mapping[int, int], change: ChangeView) -> None:
        self._chat = chat
        self._store = store
        self._scheduler = scheduler
        self._held = held
        """Groups that the store holds for this life; its owner changes it."""
        self._change = change
        self._busy: set[int] = set()
        # Uses that are known to be filled, to have left nothing behind, or to be empty again.
        self._filled: set[Use] = set()
        self._tidied: set[Use] = set()
        self._emptied: set[Use] = set()
        self._held_back: dict[int, ActorId] = {}
        self._closed = False
        self._waiting: list[Promise[None]] = []

    def look(self) -> None:
        """A view is new, and nothing was activated by it yet; or a bucket was taken, and is not open yet."""
        view = self._chat.view
        for number, seat in enumerate(view.seats if view is not None else ()):
            if seat.address and self._next(number) is not None:
                self._hold(number)
                self._begin(number)

    def close(self) -> None:
        """Nothing is begun any more."""
        self._closed = True
        self._tell_idle()

    def idle(self) -> Promise[None]:
        """Settled when nothing is under way."""
        done: Promise[None] = Promise()
        self._waiting.append(done)
        self._tell_idle()
        return done

    # --- one seat ----------------------------------------------------------------------------------------------------

    def _begin(self, number: int) -> None:
        if number in self._busy or self._closed:
            return
        self._busy.add(number)
        drive(self._settle(number)).when_settled(lambda ended: self._ended(number, ended))

    def _ended(self, number: int, ended: Promise[None]) -> None:
        self._busy.discard(number)
        self._let_go(number)
        self._tell_idle()
        if ended.error is not None:
            raise ended.error

    def _tell_idle(self) -> None:
        if self._closed or not self._busy:
            waiting, self._waiting = self._waiting, []
            for promise in waiting:
                promise.resolve(None)

    async def _settle(self, number: int) -> None:
        """Step by step, until there is nothing to do here, or it is another cell's affair."""
        while not self._closed and (step := self._next(number)) is not None:
            self._hold(number)
            try:
                wait_s = await step(number, self._seat(number))
            except StoreError as error:
                _log.warning("seat_not_changed", number=number, reason=str(error))
                wait_s = RETRY_S
            self._hold(number)
            if wait_s:
                await pause(self._scheduler, wait_s)

    def _next(self, number: int) -> Callable[[int, Seat], Coroutine[None, None, float]] | None:
        """What is to be done for a seat here, by the newest view."""
        view = self._chat.view
        if view is None or not view.seats[number].address:
            return None
        seat = view.seats[number]
        use, bucket = (number, seat.since), self._bucket(view, seat.address)
        if bucket not in self._held or view.owner_lives[bucket] != self._chat.life:
            return None
        if not seat.is_wanted:
            return self._free if use in self._emptied else self._empty
        if any(move.group == bucket for move in view.moves):
            return None
        if seat.filling:
            return None if self._is_leaving(view, seat.address) else self._copy
        if use not in self._filled:
            return self._fill
        if may_leave_seat(view, number):
            return self._leave
        return None if use in self._tidied else self._tidy

    # The steps; each returns how long to wait before the next.

    async def _copy(self, number: int, seat: Seat) -> float:
        if not await self._store.copy_seat(number, name_of(seat.address), seat.since):
            return STEP_S
        await self._change(partial(open_seat, number=number, since=seat.since, life=self._chat.life))
        return RETRY_S

    async def _fill(self, number: int, seat: Seat) -> float:
        await self._chat.cell.hold_back(seat.address)
        name = name_of(seat.address)
        if not await self._store.copy_seat(number, name, seat.since):
            return STEP_S
        if self._next(number) != self._fill:
            return 0.0
        await self._store.fill_seat(number, name, seat.since)
        self._filled.add((number, seat.since))
        _log.info("seat_filled", room=seat.address)
        return 0.0

    async def _tidy(self, number: int, seat: Seat) -> float:
        if await self._store.tidy_seat(number, name_of(seat.address), seat.since):
            self._tidied.add((number, seat.since))
        return STEP_S

    async def _leave(self, number: int, seat: Seat) -> float:
        await self._change(partial(leave_seat, number=number, since=seat.since, life=self._chat.life))
        return RETRY_S

    async def _empty(self, number: int, seat: Seat) -> float:
        await self._chat.cell.hold_back(seat.address)
        view = self._chat.view
        if view is None or self._next(number) != self._empty or view.groups + number in self._held:
            return RETRY_S  # it is still being given back
        if await self._store.empty_seats(self._bucket(view, seat.address), taken_seats(view)):
            self._emptied.add((number, seat.since))
            _log.info("seat_left", room=seat.address)
            return 0.0
        return STEP_S

    async def _free(self, number: int, seat: Seat) -> float:
        await self._change(partial(free_seat, number=number, since=seat.since, life=self._chat.life))
        return RETRY_S

    # --- inside ------------------------------------------------------------------------------------------------------

    def _seat(self, number: int) -> Seat:
        view = self._chat.view
        assert view is not None
        return view.seats[number]

    def _hold(self, number: int) -> None:
        """No actor of the room begins here while its rows change files; and one may as soon as they have."""
        address = self._seat(number).address if self._next(number) in (self._fill, self._empty) else None
        if self._held_back.get(number) != address:
            self._let_go(number)
            if address is not None:
                self._held_back[number] = address
                self._chat.cell.slots.hold_back(address)

    def _let_go(self, number: int) -> None:
        address = self._held_back.pop(number, None)
        if address is not None and address not in self._held_back.values():
            self._chat.cell.slots.let_go(address)

    @staticmethod
    def _is_leaving(view: View, address: ActorId) -> bool:
        """Whether the room's rows are not yet back from its last seat."""
        return any(seat.address == address and not seat.is_wanted for seat in view.seats)

    @staticmethod
    def _bucket(view: View, address: ActorId) -> int:
        return group_of(slot_of(address), view.groups)


def taken_seats(view: View) -> list[Use]:
    """Uses of the seats that have a room, or are about to."""
    return [(number, seat.since) for number, seat in enumerate(view.seats) if seat.is_wanted]
