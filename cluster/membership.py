"""Changes of the cluster's view and of lives, each one step in the cluster's record. Plain calls; no process is touched here.

A life is sealed *before* a view without it is stored, always: the fence is the commit.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import partial

from actors.runtime.actor import ActorId
from actors.runtime.seating import call_back, seat_room, seat_state
from actors.runtime.view import (
    CellInfo,
    View,
    add_cells,
    begin_moves,
    drain_cell,
    end_moves,
    first_view,
    remove_cell,
    replace_cell,
    set_override,
    wanted_moves,
    withdraw_moves,
)
from actors.store.cluster_record import ClusterRecord
from cluster.processes import ProcessId

PROCESS = "process:"
"""Prefix of the stored setting that says which process a life is."""
ATTEMPTS = 20
"""Compare-and-set is repeated so often; only as many others as change views at once can make it fail."""


class Membership:
    """The cluster as it is written down."""

    def __init__(self, cluster: ClusterRecord) -> None:
        self._cluster = cluster
        self._place = cluster.place

    def view(self) -> View | None:
        """The stored view; None before the first one. Raises `ViewError`."""
        version, data = self._cluster.view()
        return View.decode(data) if version else None

    def encoded(self) -> tuple[int, bytes]:
        """The stored view as bytes, with its version."""
        return self._cluster.view()

    def plan(self) -> tuple[int, bytes]:
        """The stored plan as bytes, with its version; 0 before the first one."""
        return self._cluster.plan()

    def change_plan(self, expected: int, data: bytes) -> bool:
        """Compare and set: store this plan as version `expected` + 1. False where another version is stored."""
        return self._cluster.change_plan(expected, data)

    def new_life(self, name: str) -> str:
        """A life for the cell of that name, written down; never used before."""
        while True:
            life = f"{name}-{secrets.token_hex(4)}"
            if self._cluster.add_life(life):
                return life

    def note_process(self, life: str, process: ProcessId) -> None:
        """Write down which process a life is, so that a later supervisor can end it."""
        self._cluster.keep_setting(PROCESS + life, f"{self._place} {process.text()}".encode())

    def process(self, life: str) -> ProcessId | None:
        """Which process a life is, where it is known. None in a restored copy of this data: its processes are not ours."""
        place, _, text = (self._cluster.setting(PROCESS + life) or b"").decode().partition(" ")
        return ProcessId.parse(text) if place == self._place else None

    def unsealed(self) -> list[str]:
        """All lives that could still commit."""
        return self._cluster.unsealed()

    def seal(self, life: str) -> None:
        """The fence: when this returns, no commit of that life succeeds any more. Its process must be gone already."""
        self._cluster.seal_life(life)

    # --- views; each returns what is stored afterwards ---

    def join(self, cell: CellInfo) -> View:
        """A cell is ready: it gets what nobody owns."""
        return self.change(lambda view: add_cells(view, [cell]) if cell.life not in view.by_life else view, cell)

    def replace(self, life: str, successor: CellInfo) -> View:
        """A new life of the same cell is ready; the old one is to be emptied. Raises `ViewError` where the old one has left."""
        return self.change(lambda view: replace_cell(view, life, successor) if successor.life not in view.by_life else view)

    def drain(self, life: str, *, wanted: bool = True) -> View:
        """A cell is to be emptied, or (not `wanted`) may keep what it has. Raises `ViewError` where it is not in the view."""
        return self.change(lambda view: drain_cell(view, life, wanted=wanted) if (life in view.draining) != wanted else view)

    def leave(self, life: str) -> View | None:
        """A sealed life goes. Raises `ValueError` where it is not sealed."""
        if not self._cluster.is_sealed(life):
            raise ValueError(f"{life} must be sealed before it leaves the view")
        if self.view() is None:
            return None
        return self.change(lambda view: remove_cell(view, life) if life in view.by_life else view)

    def pin(self, pins: Mapping[int, str]) -> View | None:
        """These groups, and no others, are where people want them. None where there is no view yet."""
        view = self.view()
        for group in sorted({*pins, *(view.pinned if view is not None else ())}):
            view = self.change(partial(_pinned, group=group, name=pins.get(group)))
        return view

    def seat(self, address: ActorId) -> View:
        """A room is to have a process, and a file, of its own. Raises `ViewError`."""
        return self.change(lambda view: seat_room(view, address))

    def call_back(self, address: ActorId) -> View:
        """A room is to live in a cell with others again. Raises `ViewError` where it has no process of its own."""
        return self.change(lambda view: call_back(view, address) if seat_state(view, address) != "back" else view)

    def begin_moves(self, limit: int) -> View | None:
        """Start what would have to move for the placement to be as it should; None where nothing has to."""
        view = self.view()
        if view is None or not wanted_moves(view):
            return None
        return self.change(lambda view: begin_moves(view, wanted_moves(view)[:limit]))

    def end_moves(self, groups: set[int]) -> View:
        """The old owners of these groups have let go."""
        return self.change(lambda view: end_moves(view, groups & {move.group for move in view.moves}))

    def withdraw_moves(self, groups: set[int]) -> View:
        """The old owners did not answer: they keep these groups."""
        return self.change(lambda view: withdraw_moves(view, groups & {move.group for move in view.moves}))

    def change(self, step: Callable[[View], View], first: CellInfo | None = None) -> View:
        """Store the view that `step` makes of the stored one, by compare and set; the same one: nothing is to change."""
        for _ in range(ATTEMPTS):
            view = self.view()
            if view is None:
                if first is None:
                    raise ValueError("there is no view yet")
                wanted, expected = first_view([first], self._cluster.shards), 0
            else:
                wanted, expected = step(view), view.version
                if wanted is view:
                    return view
            if self._cluster.change_view(expected, wanted.encode()):
                return wanted
        raise RuntimeError(f"the view was changed by others {ATTEMPTS} times in a row")


def _pinned(view: View, group: int, name: str | None) -> View:
    is_so = (group in view.pinned) == (name is not None) and (name is None or view.overrides.get(group) == name)
    return view if is_so or not 0 <= group < view.groups else set_override(view, group, name, by_hand=True)
