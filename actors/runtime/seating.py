"""The next view where a room gets a seat, or loses it: for `actors.runtime.view`, apart to keep that short.

    bucket ── seat_room ──> bucket, filling ── open_seat ──> seat, same owner ── move ──> seat, its own cell
    free <── free_seat ── bucket, gone <── leave_seat ── seat, owner of the bucket <── move ── call_back

Rows change files only where seat and hash bucket have one owner: it alone writes to both. So that owner alone makes the steps that
say where the rows are: `open_seat` when nearly all are copied, `leave_seat`, and `free_seat` when all are back, the file is away
and the number may be given again.
"""

from __future__ import annotations

from actors.runtime.actor import ActorId, kind_of
from actors.runtime.ring import MAX_SEATS, group_of, slot_of
from actors.runtime.seats import Seat
from actors.runtime.view import View, ViewError, next_view

FREE = Seat(ActorId(""), "gone")


def seat_room(view: View, address: ActorId) -> View:
    """A room is to have a slot, and a process, of its own: its rows are copied first. One that was called back stays after all."""
    if kind_of(address) != "room":
        raise ViewError(f"{address} is no room")
    state = seat_state(view, address)
    if state in ("own", "filling"):
        return view
    if state == "back":
        number = _number(view, address)
        return _with_seat(view, number, Seat(address, "own", view.seats[number].since))
    seat = Seat(address, "gone", view.version + 1, filling=True)
    free = next((number for number, seat in enumerate(view.seats) if not seat.address), None)
    if free is not None:
        return _with_seat(view, free, seat)
    if len(view.seats) >= MAX_SEATS:
        raise ViewError(f"{MAX_SEATS} rooms have a process of their own, or are on their way back from one")
    return next_view(view, view.cells, (*view.owner_lives, None), seats=(*view.seats, seat))


def open_seat(view: View, number: int, since: int, life: str) -> View:
    """Nearly all rows of a room are copied: from here on it lives in its seat, which the owner of its hash bucket has at first.
    The same view where this is not, or no longer, for `life` to say."""
    seat = view.seats[number]
    if not (seat.filling and seat.since == since and _has_bucket(view, seat.address, life)):
        return view
    owners = [life if group == view.groups + number else owner for group, owner in enumerate(view.owner_lives)]
    return _with_seat(view, number, Seat(seat.address, "own", since), owners)


def call_back(view: View, address: ActorId) -> View:
    """A room is to lose its own process: its seat is wanted at the owner of its hash bucket, or is no longer filled."""
    number = _number(view, address)
    seat = view.seats[number]
    return _with_seat(view, number, Seat(address, "gone" if seat.filling else "back", seat.since))


def seat_state(view: View, address: ActorId) -> str:
    """``filling``, ``own``, ``back``, or empty where the room has no seat."""
    seat = next((seat for seat in view.seats if seat.address == address and seat.is_wanted), None)
    return "" if seat is None else "filling" if seat.filling else seat.state


def may_leave_seat(view: View, number: int) -> bool:
    """Whether seat and hash bucket of a room that was called back have one owner, and nothing of them moves."""
    seat = view.seats[number]
    if seat.state != "back":
        return False
    group, bucket = view.groups + number, group_of(slot_of(seat.address), view.groups)
    same = view.owner_lives[group] is not None and view.owner_lives[group] == view.owner_lives[bucket]
    return same and not {group, bucket} & {move.group for move in view.moves}


def leave_seat(view: View, number: int, since: int, life: str) -> View:
    """The room lives in its hash bucket again, whose owner brings the rows back first. The same view where this is not for `life` to say."""
    seat = view.seats[number]
    if not (seat.since == since and may_leave_seat(view, number) and _has_bucket(view, seat.address, life)):
        return view
    owners = [None if group == view.groups + number else owner for group, owner in enumerate(view.owner_lives)]
    return _with_seat(view, number, Seat(seat.address, "gone", since), owners)


def free_seat(view: View, number: int, since: int, life: str) -> View:
    """All rows of this use are back and its file is away. The same view where this is not for `life` to say."""
    seat = view.seats[number]
    is_over = bool(seat.address) and seat.since == since and not seat.is_wanted
    return _with_seat(view, number, FREE) if is_over and _has_bucket(view, seat.address, life) else view


def _has_bucket(view: View, address: ActorId, life: str) -> bool:
    bucket = group_of(slot_of(address), view.groups)
    return view.owner_lives[bucket] == life and not any(move.group == bucket for move in view.moves)


def _number(view: View, address: ActorId) -> int:
    number = next((number for number, seat in enumerate(view.seats) if seat.address == address and seat.is_wanted), None)
    if number is None:
        raise ViewError(f"{address} has no seat")
    return number


def _with_seat(view: View, number: int, seat: Seat, owners: list[str | None] | None = None) -> View:
    seats = (*view.seats[:number], seat, *view.seats[number + 1 :])
    return next_view(view, view.cells, view.owner_lives if owners is None else owners, seats=seats)
