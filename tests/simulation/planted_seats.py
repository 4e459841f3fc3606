"""Bugs of rooms that move into and out of seats, each a small function that plants one: see `planting`."""

from __future__ import annotations

from typing import Any

from actors.runtime.cell import Cell
from actors.runtime.promise import Promise, resolved
from actors.runtime.seating import FREE, leave_seat
from actors.runtime.slots import Slots
from actors.runtime.view import View, next_view
from cluster import seat_keeper
from cluster.seat_names import is_seat
from tests.kit.memory import MemoryDisk
from tests.simulation.cell import SimCell
from tests.simulation.disk import Disk
from tests.simulation.planting import Patch, planted
from tests.simulation.seat_files import SeatFile, SeatFiles, Use, copy_room
from tests.simulation.store import SimStore
from tests.simulation.world import World


@planted
def what_was_written_while_a_room_was_copied_is_forgotten(patch: Patch) -> None:
    """The last step only gives the file its name."""
    copied: dict[Use, MemoryDisk] = {}
    copy, fill = SimStore._copy_seat, SeatFiles.fill

    def step(self: SimStore, use: Use, room: str) -> bool:
        if use not in copied:
            copied[use] = MemoryDisk()
            copy_room(self._disk.rows, copied[use], room, 4096 + use[0])
        return copy(self, use, room)

    def name_it(self: SeatFiles, life: str, use: Use, room: str) -> None:
        was_filled = self.is_filled(use)
        fill(self, life, use, room)
        if not was_filled and use in copied:
            self.files[self.name(use)].rows = copied[use]

    patch.setattr(SimStore, "_copy_seat", step)
    patch.setattr(SeatFiles, "fill", name_it)


@planted
def a_seat_opens_before_it_is_filled(patch: Patch) -> None:
    """Whoever owns a seat makes its file where there is none, and lets the room live there; the rows come later."""
    find, fill = SeatFiles.find, SeatFiles.fill

    def find_or_make(self: SeatFiles, number: int) -> SeatFile:
        if not any(use[0] == number for use in self.files):
            version, data = self._disk.view
            seat = View.decode(data).seats[number] if version else FREE
            if seat.state == "own":
                self.files[self.name((number, seat.since))] = SeatFile(seat.address.removeprefix("room:"))
        return find(self, number)

    def fill_the_rest(self: SeatFiles, life: str, use: Use, room: str) -> None:
        file = self.files.get(self.name(use))
        if file is None or file.rows.tables:
            fill(self, life, use, room)
            return
        self.check(life, room)
        self._disk.fold(life)
        copy_room(self._disk.rows, file.rows, room, 4096 + use[0])

    patch.setattr(SeatFiles, "find", find_or_make)
    patch.setattr(SeatFiles, "fill", fill_the_rest)
    patch.setattr(Slots, "hold_back", lambda self, address: None)


@planted
def rows_are_brought_back_while_the_seats_cell_still_commits(patch: Patch) -> None:
    """The owner of the bucket does not wait until the seat is its own, and takes the rows without asking whose they are."""

    def leave(view: View, number: int, since: int, life: str) -> View:
        seat = view.seats[number]
        if seat.state != "back" or seat.since != since:
            return view
        owners = [None if group == view.groups + number else owner for group, owner in enumerate(view.owner_lives)]
        moves = tuple(move for move in view.moves if move.group != view.groups + number)
        gone = (*view.seats[:number], type(seat)(seat.address, "gone", since), *view.seats[number + 1 :])
        return next_view(view, view.cells, owners, moves=moves, seats=gone)

    patch.setattr(seat_keeper, "may_leave_seat", lambda view, number: view.seats[number].state == "back")
    patch.setattr(seat_keeper, "leave_seat", leave)
    patch.setattr(SeatFiles, "take_back", lambda self, life, file: None)


@planted
def a_number_is_free_before_the_rows_are_back(patch: Patch) -> None:
    """Whoever leaves a seat gives its number away in the same step."""

    def leave(view: View, number: int, since: int, life: str) -> View:
        left = leave_seat(view, number, since, life)
        if left is view:
            return view
        return next_view(view, view.cells, left.owner_lives, seats=(*view.seats[:number], FREE, *view.seats[number + 1 :]))

    patch.setattr(seat_keeper, "leave_seat", leave)


@planted
def a_seats_file_is_named_by_its_number_alone(patch: Patch) -> None:
    """Each use of a number has the file, and the mark, of the one before."""
    patch.setattr(SeatFiles, "name", lambda self, use: (use[0], 0))


@planted
def a_seat_is_somebody_elses_before_the_last_life_there_is_sealed(patch: Patch) -> None:
    """A room's own cell is only taken out of the view: its life is not sealed, and the file of a seat knows no owner."""
    check, end_life = Disk.check, World.end_life

    def check_shards(self: Disk, life: str, shard: int, seat: SeatFile | None = None) -> None:
        if seat is None:
            check(self, life, shard)

    def end_others(self: World, by: SimCell, life: str) -> None:
        cell = self.cells.get(life)
        if cell is None or not is_seat(cell.name):
            end_life(self, by, life)

    patch.setattr(Disk, "check", check_shards)
    patch.setattr(World, "end_life", end_others)
    patch.setattr(SeatFiles, "take_back", lambda self, life, file: setattr(file, "owner", life))


@planted
def a_room_lives_while_its_rows_change_files(patch: Patch) -> None:
    """Nobody is held back."""

    def hold_nobody(self: Cell, address: Any) -> Promise[None]:
        return resolved(None)

    patch.setattr(Cell, "hold_back", hold_nobody)
    patch.setattr(Slots, "hold_back", lambda self, address: None)
