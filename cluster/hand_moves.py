"""Groups of slots that people have given to a cell: kept in the plan, said in the view, and said again where a view has lost it."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from actors.runtime.actor import actor_id
from actors.runtime.ring import group_of, slot_of
from actors.runtime.view import OWNERS_LABEL, View
from cluster import plan_steps as steps
from cluster.membership import Membership
from cluster.plan_keeper import PlanKeeper
from cluster.problems import StartProblem


class GroupRow(NamedTuple):
    """Where a group is, and why."""

    group: int
    cell: str
    """The name of its owner; empty: nobody has it now."""
    why: str
    """``by hand``, ``by load``, or empty: where placement puts it."""
    wanted: str
    """Where it is to be by that, the same as `cell` once it is there."""


class HandMoves:
    """Of one installation. Calls read and change the cluster file."""

    def __init__(self, membership: Membership, plan: PlanKeeper) -> None:
        self._membership = membership
        self._plan = plan

    def move(self, what: str, cell: str, request: str = "") -> int:
        """A group (its number, or a room in it) is to be with that cell, whatever its load; an empty name: where placement puts it.
        Returns the group. Raises `StartProblem` where there is no such group or cell, or it was not moved by hand."""
        view = self._view()
        group = _group_of(view, what)
        able = {info.name for info in view.cells if OWNERS_LABEL in info.labels}
        if request not in self._plan.plan.answered or not request:
            if cell and cell not in able:
                raise StartProblem(f"{cell} is not a cell that can have it; these are: {', '.join(sorted(able))}.")
            if not cell and group not in self._plan.plan.pins:
                raise StartProblem(f"The group {group} was not moved by hand.")
        self._plan.ask(request, partial(steps.pin, group=group, cell=cell))
        self.say()
        return group

    def say(self) -> None:
        """The view has these, and no others, by hand (repeat it at will)."""
        self._membership.pin(self._plan.plan.pins)

    def rows(self) -> list[GroupRow]:
        """Every group."""
        view = self._view()
        names = [view.by_life[life].name if life in view.by_life else "" for life in view.owner_lives[: view.groups]]
        return [GroupRow(group, name, _why(view, group), view.overrides.get(group, name)) for group, name in enumerate(names)]

    def _view(self) -> View:
        view = self._membership.view()
        if view is None:
            raise StartProblem("No cell has been here yet.")
        return view


def _why(view: View, group: int) -> str:
    if group not in view.overrides:
        return ""
    return "by hand" if group in view.pinned else "by load"


def _group_of(view: View, what: str) -> int:
    if not what.isdigit():
        room = actor_id("room", what.removeprefix("room:"))
        if any(seat.address == room and seat.is_wanted for seat in view.seats):
            raise StartProblem(f"{room} has a process of its own; `warbler isolate {what} --back` first.")
        return group_of(slot_of(room), view.groups)
    if int(what) >= view.groups:
        raise StartProblem(f"There is no group {what}: they are numbered from 0 to {view.groups - 1}.")
    return int(what)
