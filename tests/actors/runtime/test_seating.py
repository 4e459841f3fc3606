"""Seats in the view: a room's own slot, who owns it, and when it may be left."""

from __future__ import annotations

import pytest

from actors.runtime.actor import ActorId
from actors.runtime.ring import MAX_SEATS, SLOTS, slot_of
from actors.runtime.seating import call_back, leave_seat, may_leave_seat, seat_room, seat_state
from actors.runtime.view import CellInfo, View, ViewError, add_cells, begin_moves, end_moves, first_view, remove_cell, wanted_moves

ROOM, OTHER = ActorId("room:r0001"), ActorId("room:r0002")
BASE = first_view([CellInfo("a-1", "a"), CellInfo("b-1", "b")], 8)
OWN = CellInfo("own-1", ROOM, ("room",))


def moved(view: View) -> View:
    moves = wanted_moves(view)
    return end_moves(begin_moves(view, moves), {move.group for move in moves}) if moves else view


def test_a_seat_begins_at_the_owner_of_the_hash_bucket_and_is_wanted_in_the_rooms_own_cell() -> None:
    view = seat_room(BASE, ROOM)
    assert (view.groups, len(view.owners), view.slot_of(ROOM)) == (8, 9, SLOTS)
    assert view.owner_of(ROOM) == BASE.owner_of(ROOM)
    assert wanted_moves(view) == []
    joined = add_cells(view, [OWN])
    assert [(move.group, move.to) for move in wanted_moves(joined)] == [(8, "own-1")]
    assert moved(joined).owner_of(ROOM) == "own-1"


def test_all_other_addresses_keep_their_slots_and_owners() -> None:
    view = moved(add_cells(seat_room(BASE, ROOM), [OWN]))
    assert view.slot_of(OTHER) == slot_of(OTHER)
    assert view.owner_lives[:8] == BASE.owner_lives
    assert list(view.slots("own-1")) == [SLOTS]


def test_a_rooms_own_cell_owns_nothing_else() -> None:
    view = moved(add_cells(seat_room(seat_room(BASE, ROOM), OTHER), [OWN]))
    assert (view.owner_of(ROOM), view.owner_of(OTHER)) == ("own-1", BASE.owner_of(OTHER))
    with pytest.raises(ViewError, match="cannot move"):
        begin_moves(view, [wanted_moves(add_cells(view, [CellInfo("c-1", "c")]))[0].__class__(0, "own-1")])


def test_when_its_own_cell_is_gone_the_owner_of_the_bucket_has_the_seat_at_once() -> None:
    view = remove_cell(moved(add_cells(seat_room(BASE, ROOM), [OWN])), "own-1")
    assert view.owner_of(ROOM) == BASE.owner_of(ROOM)
    assert view.owner_lives[:8] == BASE.owner_lives


def test_a_room_leaves_its_seat_only_where_seat_and_bucket_have_one_owner() -> None:
    away = moved(add_cells(seat_room(BASE, ROOM), [OWN]))
    called = call_back(away, ROOM)
    assert (seat_state(called, ROOM), may_leave_seat(called, ROOM)) == ("back", False)
    with pytest.raises(ViewError, match="cannot leave"):
        leave_seat(called, ROOM)
    left = leave_seat(moved(called), ROOM)
    assert (left.slot_of(ROOM), left.owner_of(ROOM), seat_state(left, ROOM)) == (slot_of(ROOM), BASE.owner_of(ROOM), "")
    assert left.owner_lives[8] is None
    assert wanted_moves(left) == []


def test_a_seats_number_is_never_given_again() -> None:
    left = leave_seat(call_back(seat_room(BASE, ROOM), ROOM), ROOM)
    again = seat_room(left, ROOM)
    assert again.slot_of(ROOM) == SLOTS + 1
    assert again.owner(SLOTS) is None


def test_a_room_that_was_called_back_may_stay_after_all() -> None:
    view = seat_room(call_back(seat_room(BASE, ROOM), ROOM), ROOM)
    assert (view.slot_of(ROOM), seat_state(view, ROOM), len(view.seats)) == (SLOTS, "own", 1)


def test_a_view_with_seats_is_read_as_it_was_written() -> None:
    view = moved(add_cells(seat_room(BASE, ROOM), [OWN]))
    read = View.decode(view.encode())
    assert read == view
    assert read.owner_of(ROOM) == "own-1"


def test_gained_and_lost_slots_hold_seats_too_also_against_an_older_view() -> None:
    home = BASE.owner_of(ROOM)
    assert home is not None
    seated = seat_room(BASE, ROOM)
    away = moved(add_cells(seated, [OWN]))
    assert list(seated.gained(BASE, home)) == [SLOTS]
    assert list(away.lost(seated, home)) == [SLOTS]
    assert list(away.gained(seated, "own-1")) == [SLOTS]


def test_only_rooms_have_seats_and_not_without_end() -> None:
    with pytest.raises(ViewError, match="is no room"):
        seat_room(BASE, ActorId("user:anna"))
    view = BASE
    for number in range(MAX_SEATS):
        view = View(
            view.version,
            view.cells,
            (*view.owners, -1),
            (*view.epochs, 0),
            seats=(*view.seats, seat_room(BASE, ActorId(f"room:x{number:04d}")).seats[0]),
        )
    with pytest.raises(ViewError, match="no more than"):
        seat_room(view, ROOM)
