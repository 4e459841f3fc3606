"""Which slots are open in a cell, and which slot an address has by the view that the cell acts on."""

from __future__ import annotations

from collections.abc import Iterable

from actors.runtime.actor import ActorId
from actors.runtime.owners import Owners
from actors.runtime.ring import MAX_SEATS, SLOTS, slot_of


class Slots:
    """Of one cell. It is told what to open; it never decides."""

    __slots__ = ("_held_back", "_open", "owners")

    def __init__(self) -> None:
        self.owners: Owners | None = None
        """The view that is routed by; None before the first."""
        self._open = bytearray(SLOTS + MAX_SEATS)
        self._held_back: set[ActorId] = set()

    def of(self, address: ActorId) -> int:
        """The slot of an address: that of its hash, or a seat of its own."""
        return self.owners.slot_of(address) if self.owners is not None else slot_of(address)

    def owner_of(self, address: ActorId) -> str | None:
        """The life that owns it; None where the view names none."""
        return self.owners.owner(self.owners.slot_of(address)) if self.owners is not None else None

    def may_live(self, address: ActorId) -> bool:
        """Whether an actor of this address may begin here."""
        return self._open[self.of(address)] == 1 and address not in self._held_back

    def may_stay(self, address: ActorId, slot: int) -> bool:
        """Whether one that began under this slot may begin again under it."""
        return self._open[slot] == 1 and slot == self.of(address)

    def is_open(self, slot: int) -> bool:
        """Whether a slot is open."""
        return self._open[slot] == 1

    def open(self, slots: Iterable[int]) -> None:
        """Open these."""
        for slot in slots:
            self._open[slot] = 1

    def close(self, slots: Iterable[int]) -> None:
        """Close these."""
        for slot in slots:
            self._open[slot] = 0

    def close_all(self) -> None:
        """Nothing lives here any more."""
        self._open = bytearray(SLOTS + MAX_SEATS)

    def hold_back(self, address: ActorId) -> None:
        """Its rows are about to change files: no actor of it begins before `let_go`."""
        self._held_back.add(address)

    def let_go(self, address: ActorId) -> None:
        """Its rows are where its slot is."""
        self._held_back.discard(address)
