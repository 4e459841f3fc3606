"""Which rooms are to have a process of their own: those that the settings or a command name, or every room.

A wish is a change of the view, and the supervisor keeps a cell for every seat that stands there. What people asked for stands in the
plan too: a seat that a view has lost (written by a version that knew none) is given again.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from actors.runtime.actor import ActorId, actor_id
from actors.runtime.view import ViewError
from cluster.membership import Membership
from cluster.plan_keeper import PlanKeeper
from cluster.plan_steps import isolate
from cluster.problems import StartProblem
from cluster.settings import ROOM, Settings
from gateway.logs import event_log

_log = event_log("cluster.seats")


class SeatWishes:
    """Of one installation. Calls read and change the cluster file."""

    def __init__(self, membership: Membership, settings: Settings, plan: PlanKeeper | None = None) -> None:
        self._membership = membership
        self._plan = plan or PlanKeeper(membership)
        self._named = tuple(actor_id("room", room) for room in settings.isolated_rooms)
        self._most = settings.most_isolated
        self.every_room = settings.isolation != "cell"
        """Whether every room gets a process with its first activity."""
        self._told_full = False

    def names(self) -> tuple[str, ...]:
        """The cells that are wanted for seats: one for each, as long as it stands."""
        view = self._membership.view()
        return tuple(seat.address for seat in view.seats if seat.is_wanted) if view is not None else ()

    def see_to(self, active: Iterable[str]) -> None:
        """Give seats to the rooms that the settings name, and to the `active` ones where every room has one."""
        view = self._membership.view()
        if view is None:
            return
        here = {seat.address for seat in view.seats if seat.is_wanted}
        asked = [address for address in map(ActorId, self._plan.plan.isolated) if address not in self._named]
        missing = [room for room in (*self._named, *asked) if room not in here]
        if self.every_room:
            missing += sorted(address for room in active if (address := actor_id("room", room)) not in here)
        room_for = self._most - len(here)
        try:
            for address in missing[: max(0, room_for)]:
                self._membership.seat(address)
        except ViewError as error:
            _log.warning("no_seat_free", reason=str(error))  # looked at again in a moment
        if len(missing) > room_for and not self._told_full:
            self._told_full = True
            _log.warning("no_more_processes_for_rooms", most=self._most)

    def wish(self, room: str, *, on: bool, request: str = "") -> None:
        """What `warbler isolate` asks; the same request again changes nothing. Raises `StartProblem`."""
        if request and request in self._plan.plan.answered:
            return
        address: ActorId = actor_id("room", room)
        if ROOM(room) is None:
            raise StartProblem(f"{room!r} cannot be a room: 4 to 40 of a-z and 0-9.")
        if not on and (self.every_room or address in self._named):
            raise StartProblem(f"The settings give {address} a process of its own.")
        if on and address not in self.names() and len(self.names()) >= self._most:
            raise StartProblem(f"{self._most} rooms have a process of their own; `most_isolated` allows no more.")
        # Stored before it is done: whoever follows a supervisor that died in between does it.
        self._plan.ask(request, partial(isolate, room=address, on=on))
        try:
            if on:
                self._membership.seat(address)
            else:
                self._membership.call_back(address)
        except ViewError as error:
            self._plan.change(partial(isolate, room=address, on=False))
            raise StartProblem(f"{error}.") from error
