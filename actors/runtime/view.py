"""The view: who is in the cluster and who owns which slots. One versioned value, one row in the store.

A view is never changed; the functions below make the next one, and compare-and-set on its version stores it. Cells act
on stored views only. A living owner never loses a group at once: it is asked for it by a *move* (the old owner stops
intake and flushes, then the move is ended). A group without a living owner is given away at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain

from actors.runtime.actor import ActorId
from actors.runtime.codec import CodecError, pack, unpack
from actors.runtime.plain import Plain
from actors.runtime.ring import MAX_SEATS, SLOTS, group_of, place_groups, slot_of, slots_of
from actors.runtime.seats import Seat, seat_owners

FORMAT = 2
"""Version of the encoding: 2 knows cells that are to be emptied. Fields are only added, at the ends: this one, the one before
and the next are read, so that two versions run side by side. A cell of the version before that changes a view drops what it
does not know; losing that may delay, never harm (whoever wants a cell emptied says so again)."""
OWNERS_LABEL = "chat"
"""Cells with this label own slots."""


class ViewError(ValueError):
    """Bytes that are no view of a known format, or a change that does not fit the view."""


class CellInfo(Plain, frozen=True, gc=False, array_like=True):
    """One life of one cell."""

    life: str
    """Never used again."""
    name: str
    """Stays when the cell is restarted; placement goes by it."""
    labels: tuple[str, ...] = ("edge", "chat")
    url: str = ""
    """Where its link listener is: ``ws://address:port``."""
    zone: str = ""
    weight: float = 1.0


class Move(Plain, frozen=True, gc=False, array_like=True):
    """A group that is on its way from its (living) owner to another life."""

    group: int
    to: str
    since: int = 0
    """The version in which it was begun: an owner that let go by an earlier one has not let go for this move."""


class View(Plain, frozen=True, gc=True, array_like=True, dict=True):
    """The cluster at one version. Make one with `first_view`; `View.decode` reads a stored one."""

    version: int
    cells: tuple[CellInfo, ...]
    """Living cells, by life."""
    owners: tuple[int, ...]
    """Group -> index into `cells`; -1: nobody."""
    epochs: tuple[int, ...]
    """Group -> the version in which its owner last changed."""
    undrained: tuple[str, ...] = ()
    """Lives that left and may have commits that are not yet where their next owners read."""
    moves: tuple[Move, ...] = ()
    overrides: Mapping[int, str] = {}
    """Group -> name of the cell that it was given to by hand or by load; placement leaves it there while that cell lives."""
    draining: tuple[str, ...] = ()
    """Lives that are to lose their groups and clients; they may have a successor of the same name."""
    seats: tuple[Seat, ...] = ()
    """Rooms that have a slot of their own above the hash buckets; a seat's place here is its number."""
    pinned: tuple[int, ...] = ()
    """Groups whose override was given by hand: nobody takes it back because of load, or because its cell is away."""

    # --- asking ---

    @cached_property
    def by_slot(self) -> tuple[str | None, ...]:
        """Slot -> life: what the router indexes."""
        groups = self.groups
        return tuple(chain.from_iterable([life] * len(slots_of(group, groups)) for group, life in enumerate(self.owner_lives)))

    @cached_property
    def owner_lives(self) -> tuple[str | None, ...]:
        """Group -> life."""
        lives = [cell.life for cell in self.cells]
        return tuple(lives[index] if index >= 0 else None for index in self.owners)

    @cached_property
    def by_life(self) -> dict[str, CellInfo]:
        """Life -> cell."""
        return {cell.life: cell for cell in self.cells}

    @cached_property
    def slots_moving(self) -> frozenset[int]:
        """Slots whose owner must stop intake."""
        return frozenset(chain.from_iterable(slots_of(move.group, self.groups) for move in self.moves))

    @cached_property
    def _by_label(self) -> dict[str, tuple[str, ...]]:
        labels = {label for cell in self.cells for label in cell.labels}
        return {label: tuple(cell.life for cell in self.cells if label in cell.labels) for label in labels}

    @property
    def groups(self) -> int:
        """How many groups the hash buckets are in; behind them, every seat is a group of its own."""
        return len(self.owners) - len(self.seats)

    @cached_property
    def seated(self) -> dict[ActorId, int]:
        """Address -> its slot above the hash buckets."""
        return {seat.address: SLOTS + number for number, seat in enumerate(self.seats) if seat.state != "gone"}

    def slot_of(self, address: ActorId) -> int:
        """The slot of an address."""
        if self.seats:
            seat = self.seated.get(address)
            if seat is not None:
                return seat
        return slot_of(address)

    def owner(self, slot: int) -> str | None:
        """The life that owns a slot; None where nobody does."""
        return self.by_slot[slot]

    def owner_of(self, address: ActorId) -> str | None:
        """The life that owns the slot of an address."""
        return self.by_slot[self.slot_of(address)]

    def epoch(self, slot: int) -> int:
        """The version in which the owner of a slot last changed."""
        return self.epochs[group_of(slot, self.groups)]

    def lives(self, label: str) -> tuple[str, ...]:
        """The lives of the cells with a label."""
        return self._by_label.get(label, ())

    def cell(self, life: str) -> CellInfo | None:
        """The cell of a life, while it is in the view."""
        return self.by_life.get(life)

    def slots(self, life: str) -> tuple[int, ...]:
        """All slots that a life owns."""
        return self._slots(group for group, owner in enumerate(self.owner_lives) if owner == life)

    def gained(self, before: View | None, life: str) -> tuple[int, ...]:
        """Slots that this life owns and did not own in the view before, or lost and regained since."""
        return self._slots(group for group in range(len(self.owners)) if self._mine_anew(group, before, life))

    def lost(self, before: View, life: str) -> tuple[int, ...]:
        """Slots that this life owned in the view before and no longer does, or lost and regained since."""
        return before._slots(group for group in range(len(before.owners)) if before._mine_anew(group, self, life))

    def _mine_anew(self, group: int, other: View | None, life: str) -> bool:
        if self.owner_lives[group] != life:
            return False
        if other is None or group >= len(other.owners):
            return True
        return other.owner_lives[group] != life or other.epochs[group] != self.epochs[group]

    def _slots(self, groups: Iterable[int]) -> tuple[int, ...]:
        return tuple(chain.from_iterable(slots_of(group, self.groups) for group in groups))

    # --- storing ---

    def encode(self) -> bytes:
        """The bytes of the store's row."""
        return pack((FORMAT, self))

    @classmethod
    def decode(cls, data: bytes) -> View:
        """The view in these bytes; raises `ViewError` for another format, garbage, or a view that contradicts itself."""
        try:
            (written, *_) = unpack(list[object], data)
            if written not in (FORMAT - 1, FORMAT, FORMAT + 1):
                raise ViewError(f"the view is written in format {written}, this version reads {FORMAT - 1} to {FORMAT + 1}")
            _, view = unpack(tuple[int, View], data)
        except (CodecError, ValueError) as error:
            raise error if isinstance(error, ViewError) else ViewError(f"the stored view cannot be read: {error}") from error
        view._check()
        return view

    def _check(self) -> None:
        if not 1 <= self.groups <= SLOTS or len(self.epochs) != len(self.owners) or len(self.seats) > MAX_SEATS:
            raise ViewError(f"{self.groups} groups with {len(self.epochs)} epochs")
        if not all(-1 <= index < len(self.cells) for index in self.owners):
            raise ViewError("a group is owned by a cell that is not there")
        if any(move.to not in self.by_life or not 0 <= move.group < len(self.owners) for move in self.moves):
            raise ViewError("a move leads nowhere")


# --- the next view -----------------------------------------------------------------------------------------------------


def first_view(cells: Sequence[CellInfo], groups: int = SLOTS) -> View:
    """Version 1: these cells, and every group with the owner that placement gives it."""
    return add_cells(View(0, (), (-1,) * groups, (0,) * groups), cells)


def add_cells(view: View, cells: Sequence[CellInfo]) -> View:
    """Cells join. They get the groups that nobody owns; what living cells own comes to them by `wanted_moves`."""
    return _joined(view, cells, view.draining)


def replace_cell(view: View, life: str, successor: CellInfo) -> View:
    """A new life of the same cell joins, and the old one is to be emptied: its groups are wanted at its successor."""
    if life not in view.by_life or view.by_life[life].name != successor.name:
        raise ViewError(f"{life} is not in the view, or is another cell than {successor.name}")
    return _joined(view, [successor], _with(view.draining, life))


def drain_cell(view: View, life: str, *, wanted: bool = True) -> View:
    """A cell is to lose its groups to the others (or, not `wanted`, may keep them again); what was moving to it stays."""
    if life not in view.by_life:
        raise ViewError(f"{life} is not in the view")
    draining = _with(view.draining, life) if wanted else tuple(other for other in view.draining if other != life)
    _check_names(view.cells, draining)
    moves = tuple(move for move in view.moves if move.to not in draining)
    return next_view(view, view.cells, view.owner_lives, moves=moves, draining=draining)


def _joined(view: View, cells: Sequence[CellInfo], draining: tuple[str, ...]) -> View:
    both = (*view.cells, *cells)
    _check_names(both, draining)
    moves = tuple(move for move in view.moves if move.to not in draining)
    return next_view(view, both, view.owner_lives, moves=moves, draining=draining)


def _with(lives: tuple[str, ...], life: str) -> tuple[str, ...]:
    return lives if life in lives else (*lives, life)


def _check_names(cells: Sequence[CellInfo], draining: Collection[str]) -> None:
    staying = [cell.name for cell in cells if cell.life not in draining]
    if len({cell.life for cell in cells}) < len(cells) or len(set(staying)) < len(staying):
        raise ViewError("two living cells of one life or of one name")


def remove_cell(view: View, life: str) -> View:
    """A life leaves: see `remove_cells`."""
    return remove_cells(view, [life])


def remove_cells(view: View, lives: Collection[str], *, drained: bool = False) -> View:
    """Lives leave (they are sealed already): their groups go elsewhere, their moves are forgotten, they wait to be drained,
    unless the store has nothing to drain."""
    if missing := [life for life in lives if life not in view.by_life]:
        raise ViewError(f"{', '.join(missing)} not in the view")
    left = tuple(cell for cell in view.cells if cell.life not in lives)
    owners = tuple(None if owner in lives else owner for owner in view.owner_lives)
    moves = tuple(move for move in view.moves if move.to not in lives and owners[move.group] is not None)
    undrained = view.undrained if drained else (*view.undrained, *lives)
    return next_view(view, left, owners, undrained=undrained, moves=moves)


def end_drain(view: View, life: str) -> View:
    """Everything that a life committed is where its groups' owners read."""
    if life not in view.undrained:
        raise ViewError(f"{life} does not wait to be drained")
    return next_view(view, view.cells, view.owner_lives, undrained=tuple(other for other in view.undrained if other != life))


def begin_moves(view: View, moves: Sequence[Move]) -> View:
    """The owners of these groups are to stop intake and flush."""
    busy = {move.group for move in view.moves}
    for move in moves:
        target = view.by_life.get(move.to)
        owner = view.owner_lives[move.group] if 0 <= move.group < len(view.owners) else None
        no_target = target is None or not _may_own(view, move.group, target) or move.to in view.draining
        if no_target or owner in (None, move.to) or move.group in busy:
            raise ViewError(f"group {move.group} cannot move to {move.to}")
        busy.add(move.group)
    begun = (Move(move.group, move.to, view.version + 1) for move in moves)
    return next_view(view, view.cells, view.owner_lives, moves=(*view.moves, *begun))


def end_moves(view: View, groups: Collection[int]) -> View:
    """The old owners have released these groups: they are their targets' now."""
    return _finish(view, groups, {move.group: move.to for move in view.moves})


def withdraw_moves(view: View, groups: Collection[int]) -> View:
    """The old owners did not answer in time: they keep these groups."""
    return _finish(view, groups, {})


def set_override(view: View, group: int, name: str | None, *, by_hand: bool = False) -> View:
    """Where placement is to leave a group (None: it decides by itself again). The move itself is one of `wanted_moves`."""
    if not 0 <= group < view.groups:
        raise ViewError(f"there is no group {group}")
    overrides = {other: cell for other, cell in view.overrides.items() if other != group}
    pinned = tuple(other for other in view.pinned if other != group)
    if name is not None:
        overrides[group] = name
        pinned = (*pinned, group) if by_hand else pinned
    return next_view(view, view.cells, view.owner_lives, overrides=overrides, pinned=pinned)


def wanted_moves(view: View) -> list[Move]:
    """What would have to move for the placement to be as it should be: the coordinator begins a few of these at a time."""
    buckets = _placed(view.cells, view.owner_lives[: view.groups], view.overrides, view.draining)
    wanted = (*buckets, *seat_owners(view.cells, view.owner_lives[: view.groups], view.seats, view.draining))
    busy = {move.group for move in view.moves}
    both = zip(view.owner_lives, wanted, strict=True)
    return [Move(group, to) for group, (owner, to) in enumerate(both) if to is not None and owner not in (None, to) and group not in busy]


def _placed(
    cells: Sequence[CellInfo], owners: Sequence[str | None], overrides: Mapping[int, str], draining: Collection[str]
) -> tuple[str | None, ...]:
    able = [cell for cell in cells if OWNERS_LABEL in cell.labels]
    # Where all are to be emptied, they keep what they have: somebody must own it.
    holders = [cell for cell in able if cell.life not in draining] or _one_a_name(able)
    if not holders:
        return (None,) * len(owners)
    lives = {cell.name: cell.life for cell in holders}
    names: dict[str | None, str] = {cell.life: cell.name for cell in able}
    # A successor takes what the old life of its cell has.
    before = [name if (name := names.get(owner)) in lives else None for owner in owners]
    zones = {cell.name: cell.zone for cell in holders}
    placed = place_groups({cell.name: cell.weight for cell in holders}, len(owners), before, overrides, zones)
    return tuple(lives[name] for name in placed)


def _may_own(view: View, group: int, cell: CellInfo) -> bool:
    if OWNERS_LABEL in cell.labels:
        return True
    return group >= view.groups and view.seats[group - view.groups].address == cell.name


def _one_a_name(cells: Sequence[CellInfo]) -> list[CellInfo]:
    return list({cell.name: cell for cell in cells}.values())


def _finish(view: View, groups: Collection[int], to: Mapping[int, str]) -> View:
    if not set(groups) <= {move.group for move in view.moves}:
        raise ViewError("these groups are not moving")
    owners = tuple(to.get(group, owner) if group in groups else owner for group, owner in enumerate(view.owner_lives))
    return next_view(view, view.cells, owners, moves=tuple(move for move in view.moves if move.group not in groups))


def next_view(
    view: View,
    cells: Sequence[CellInfo],
    owners: Sequence[str | None],
    *,
    undrained: tuple[str, ...] | None = None,
    moves: tuple[Move, ...] | None = None,
    overrides: Mapping[int, str] | None = None,
    draining: tuple[str, ...] | None = None,
    seats: tuple[Seat, ...] | None = None,
    pinned: tuple[int, ...] | None = None,
) -> View:
    """The view with these changes, the version after; groups that nobody owns are placed, epochs follow from the owners."""
    version = view.version + 1
    overrides = view.overrides if overrides is None else overrides
    living = {cell.life for cell in cells}
    draining = tuple(life for life in (view.draining if draining is None else draining) if life in living)
    seats = view.seats if seats is None else seats
    if None in owners:
        buckets = list(owners[: view.groups])
        if None in buckets:
            buckets = [
                one if one is not None else new for one, new in zip(buckets, _placed(cells, buckets, overrides, draining), strict=True)
            ]
        wanted = (*buckets, *seat_owners(cells, buckets, seats, draining))
        owners = [wanted[group] if owner is None else owner for group, owner in enumerate(owners)]
    cells = tuple(sorted(cells, key=lambda cell: cell.life))
    index: dict[str | None, int] = {cell.life: number for number, cell in enumerate(cells)} | {None: -1}
    added = len(owners) - len(view.owners)
    before_epochs, before_lives = (*view.epochs, *(version,) * added), (*view.owner_lives, *(None,) * added)
    epochs = tuple(epoch if owner == before else version for epoch, owner, before in zip(before_epochs, owners, before_lives, strict=True))
    return View(
        version,
        cells,
        tuple(index[owner] for owner in owners),
        epochs,
        view.undrained if undrained is None else undrained,
        view.moves if moves is None else moves,
        overrides,
        draining,
        seats,
        view.pinned if pinned is None else pinned,
    )
