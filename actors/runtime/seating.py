"""The next view where a room gets a seat, or loses it: for `actors.runtime.view`, apart to keep that short.

    bucket ── seat_room ──> seat, same owner ── move ──> seat, its own cell
    bucket <── leave_seat ── seat, owner of the bucket <── move ── call_back

Rows change files only where seat and hash bucket have one owner: it alone writes to both.
"""

from __future__ import annotations

from actors.runtime.actor import ActorId, kind_of
from actors.runtime.ring import MAX_SEATS, SLOTS, group_of, slot_of
from actors.runtime.seats import Seat
from actors.runtime.view import View, ViewError, next_view


def seat_room(view: View, address: ActorId) -> View:
    """A room is to have a slot, and a process, of its own. The owner of its hash bucket has the seat at first, and moves it there."""
    if kind_of(address) != "room":
        raise ViewError(f"{address} is no room")
    number = next((number for number, seat in enumerate(view.seats) if seat.address == address and seat.state != "gone"), None)
    if number is not None:
        return next_view(view, view.cells, view.owner_lives, seats=_replaced(view.seats, number, Seat(address)))
    if len(view.seats) >= MAX_SEATS:
        raise ViewError(f"no more than {MAX_SEATS} rooms were ever given a process of their own")
    bucket = view.owner_lives[group_of(slot_of(address), view.groups)]
    return next_view(view, view.cells, (*view.owner_lives, bucket), seats=(*view.seats, Seat(address)))


def call_back(view: View, address: ActorId) -> View:
    """A room is to lose its own process: its seat is wanted at the owner of its hash bucket."""
    number = _number(view, address)
    return next_view(view, view.cells, view.owner_lives, seats=_replaced(view.seats, number, Seat(address, "back")))


def seat_state(view: View, address: ActorId) -> str:
    """``own``, ``back``, or empty where the room has no seat."""
    number = view.seated.get(address)
    return view.seats[number - SLOTS].state if number is not None else ""


def may_leave_seat(view: View, address: ActorId) -> bool:
    """Whether seat and hash bucket of a room that was called back have one owner, and nothing of them moves."""
    if seat_state(view, address) != "back":
        return False
    number = _number(view, address)
    seat, bucket = view.groups + number, group_of(slot_of(address), view.groups)
    same = view.owner_lives[seat] is not None and view.owner_lives[seat] == view.owner_lives[bucket]
    return same and not {seat, bucket} & {move.group for move in view.moves}


def leave_seat(view: View, address: ActorId) -> View:
    """The room is in its hash bucket again. Raises `ViewError` where that has another owner than the seat."""
    if not may_leave_seat(view, address):
        raise ViewError(f"{address} cannot leave its seat yet")
    number = _number(view, address)
    owners = [None if group == view.groups + number else owner for group, owner in enumerate(view.owner_lives)]
    return next_view(view, view.cells, owners, seats=_replaced(view.seats, number, Seat(address, "gone")))


def _number(view: View, address: ActorId) -> int:
    number = view.seated.get(address)
    if number is None:
        raise ViewError(f"{address} has no seat")
    return number - SLOTS


def _replaced(seats: tuple[Seat, ...], number: int, seat: Seat) -> tuple[Seat, ...]:
    return (*seats[:number], seat, *seats[number + 1 :])
