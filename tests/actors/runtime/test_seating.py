"""Seats in the view: a room's own slot, who owns it, and when it may be left."""

from __future__ import annotations

import pytest

from actors.runtime.actor import ActorId
from actors.runtime.ring import MAX_SEATS, SLOTS, group_of, slot_of
from actors.runtime.seating import FREE, call_back, free_seat, leave_seat, may_leave_seat, open_seat, seat_room, seat_state
from actors.runtime.seats import Seat
from actors.runtime.view import (
    CellInfo,
    Move,
    View,
    ViewError,
    add_cells,
    begin_moves,
    end_moves,
    first_view,
    next_view,
    remove_cell,
    wanted_moves,
)

ROOM, OTHER = ActorId("room:r0001"), ActorId("room:r0002")
BASE = first_view([CellInfo("a-1", "a"), CellInfo("b-1", "b")], 8)
OWN = CellInfo("own-1", ROOM, ("room",))


def home(view: View, room: ActorId = ROOM) -> str:
    """Who owns the room's hash bucket."""
    life = view.by_slot[slot_of(room)]
    assert life is not None
    return life


def seated(view: View, room: ActorId = ROOM) -> View:
    """A room gets a seat, and is ready to live there."""
    view = seat_room(view, room)
    number = next(number for number, seat in enumerate(view.seats) if seat.address == room and seat.filling)
    return open_seat(view, number, view.seats[number].since, home(view, room))


def left(view: View) -> View:
    """The room of seat 0 leaves it."""
    return leave_seat(view, 0, view.seats[0].since, home(view))


def freed(view: View) -> View:
    """The rows of seat 0 are back."""
    return free_seat(view, 0, view.seats[0].since, home(view))


def moved(view: View) -> View:
    moves = wanted_moves(view)
    return end_moves(begin_moves(view, moves), {move.group for move in moves}) if moves else view


def test_a_room_lives_in_its_bucket_until_its_rows_are_copied_and_its_seat_belongs_to_nobody() -> None:
    view = seat_room(BASE, ROOM)
    assert (view.slot_of(ROOM), view.owner(SLOTS), seat_state(view, ROOM)) == (slot_of(ROOM), None, "filling")
    assert wanted_moves(add_cells(view, [OWN])) == []
    assert seat_room(view, ROOM) is view


def test_only_the_owner_of_the_bucket_says_where_the_rows_are_and_only_of_this_use() -> None:
    filling = seat_room(BASE, ROOM)
    since, owner = filling.seats[0].since, home(filling)
    other = next(life for life in filling.by_life if life != owner)
    assert open_seat(filling, 0, since, other) is open_seat(filling, 0, since - 1, owner) is filling
    back = call_back(open_seat(filling, 0, since, owner), ROOM)
    assert leave_seat(back, 0, since, other) is leave_seat(back, 0, since - 1, owner) is back
    gone = leave_seat(back, 0, since, owner)
    assert free_seat(gone, 0, since, other) is free_seat(gone, 0, since - 1, owner) is gone
    assert free_seat(gone, 0, since, owner).seats == (FREE,)
    moving = begin_moves(filling, [Move(group_of(slot_of(ROOM), 8), other)])
    assert open_seat(moving, 0, since, owner) is moving


def test_a_seat_begins_at_the_owner_of_the_hash_bucket_and_is_wanted_in_the_rooms_own_cell() -> None:
    view = seated(BASE)
    assert (view.groups, len(view.owners), view.slot_of(ROOM)) == (8, 9, SLOTS)
    assert view.owner_of(ROOM) == BASE.owner_of(ROOM)
    assert wanted_moves(view) == []
    joined = add_cells(view, [OWN])
    assert [(move.group, move.to) for move in wanted_moves(joined)] == [(8, "own-1")]
    assert moved(joined).owner_of(ROOM) == "own-1"


def test_all_other_addresses_keep_their_slots_and_owners() -> None:
    view = moved(add_cells(seated(BASE), [OWN]))
    assert view.slot_of(OTHER) == slot_of(OTHER)
    assert view.owner_lives[:8] == BASE.owner_lives
    assert list(view.slots("own-1")) == [SLOTS]


def test_a_rooms_own_cell_owns_nothing_else() -> None:
    view = moved(add_cells(seated(seated(BASE), OTHER), [OWN]))
    assert (view.owner_of(ROOM), view.owner_of(OTHER)) == ("own-1", BASE.owner_of(OTHER))
    with pytest.raises(ViewError, match="cannot move"):
        begin_moves(view, [wanted_moves(add_cells(view, [CellInfo("c-1", "c")]))[0].__class__(0, "own-1")])


def test_when_its_own_cell_is_gone_the_owner_of_the_bucket_has_the_seat_at_once() -> None:
    view = remove_cell(moved(add_cells(seated(BASE), [OWN])), "own-1")
    assert view.owner_of(ROOM) == BASE.owner_of(ROOM)
    assert view.owner_lives[:8] == BASE.owner_lives


def test_a_room_leaves_its_seat_only_where_seat_and_bucket_have_one_owner() -> None:
    away = moved(add_cells(seated(BASE), [OWN]))
    called = call_back(away, ROOM)
    assert (seat_state(called, ROOM), may_leave_seat(called, 0), left(called)) == ("back", False, called)
    gone = left(moved(called))
    assert (gone.slot_of(ROOM), gone.owner_of(ROOM), seat_state(gone, ROOM)) == (slot_of(ROOM), home(BASE), "")
    assert gone.owner_lives[8] is None
    assert wanted_moves(gone) == []


def test_a_room_that_is_not_yet_in_its_seat_is_called_back_at_once() -> None:
    back = call_back(seat_room(BASE, ROOM), ROOM)
    assert (back.slot_of(ROOM), seat_state(back, ROOM), back.seats[0].filling) == (slot_of(ROOM), "", False)
    assert freed(back).seats == (FREE,)


def test_a_number_is_given_again_when_the_rows_are_back_and_each_use_has_a_name_of_its_own() -> None:
    gone = left(call_back(seated(BASE), ROOM))
    again = seat_room(gone, ROOM)
    assert [seat.address for seat in again.seats] == [ROOM, ROOM]  # the rows of the first use may still be in its file
    other = seated(freed(gone), OTHER)
    assert (len(other.seats), other.slot_of(OTHER), other.slot_of(ROOM)) == (1, SLOTS, slot_of(ROOM))
    assert other.seats[0].since > gone.seats[0].since
    assert other.epoch(SLOTS) > gone.epoch(SLOTS) > seated(BASE).epoch(SLOTS)


def test_a_version_that_knows_nothing_of_copying_leaves_the_room_in_its_bucket() -> None:
    filling = seat_room(BASE, ROOM)
    (seat,) = filling.seats
    older = next_view(filling, filling.cells, filling.owner_lives, seats=(Seat(seat.address, seat.state),))
    assert older.slot_of(ROOM) == slot_of(ROOM)
    assert seat_state(seat_room(older, ROOM), ROOM) == "filling"


def test_a_room_that_was_called_back_may_stay_after_all() -> None:
    view = seat_room(call_back(seated(BASE), ROOM), ROOM)
    assert (view.slot_of(ROOM), seat_state(view, ROOM), len(view.seats)) == (SLOTS, "own", 1)


def test_a_view_with_seats_is_read_as_it_was_written() -> None:
    view = moved(add_cells(seated(BASE), [OWN]))
    read = View.decode(view.encode())
    assert read == view
    assert read.owner_of(ROOM) == "own-1"


def test_gained_and_lost_slots_hold_seats_too_also_against_an_older_view() -> None:
    owner = home(BASE)
    view = seated(BASE)
    away = moved(add_cells(view, [OWN]))
    assert list(view.gained(BASE, owner)) == [SLOTS]
    assert list(away.lost(view, owner)) == [SLOTS]
    assert list(away.gained(view, "own-1")) == [SLOTS]


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
    with pytest.raises(ViewError, match="have a process of their own"):
        seat_room(view, ROOM)
