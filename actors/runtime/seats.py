"""Seats: slots above the hash buckets, each for one room that has a process, and a file, of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, Protocol

from actors.runtime.actor import ActorId
from actors.runtime.plain import Plain
from actors.runtime.ring import group_of, slot_of


class Seat(Plain, frozen=True, gc=False, array_like=True):
    """A slot for one room. Its cell has the room's address as its name."""

    address: ActorId
    """Empty: the number is free, and may be given to any room."""
    state: Literal["own", "back", "gone"] = "own"
    """``own``: wanted in its own cell; ``back``: on its way to the owner of its hash bucket; ``gone``: the room is in its bucket,
    and its rows are there, or are brought there before anything else."""
    since: int = 0
    """The version of the view in which the number was given to this room: number and version name one use of a seat for ever."""
    filling: bool = False
    """Of one that is ``gone``: its rows are being copied while the room lives in its bucket; then it is ``own``.
    A version that does not know this leaves the room in its bucket, and the wish is made again."""

    @property
    def is_wanted(self) -> bool:
        """Whether its room has, or is getting, a process of its own."""
        return self.filling or self.state != "gone"


class Named(Protocol):
    """A cell, as far as seats know it."""

    @property
    def name(self) -> str:
        """Its name; that of a seat's cell is the room's address."""

    @property
    def life(self) -> str:
        """Its life."""


def seat_owners(
    cells: Iterable[Named], buckets: Sequence[str | None], seats: Sequence[Seat], draining: Collection[str]
) -> list[str | None]:
    """Who should own each seat: its own cell where that lives, else the owner of the room's hash bucket, at once."""
    own = {cell.name: cell.life for cell in cells if cell.life not in draining}
    found: list[str | None] = []
    for seat in seats:
        bucket = buckets[group_of(slot_of(seat.address), len(buckets))]
        found.append(None if seat.state == "gone" else own.get(seat.address, bucket) if seat.state == "own" else bucket)
    return found
