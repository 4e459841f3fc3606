"""Letting go of actors that nobody uses, a few at a time, so that no sweep is ever felt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from actors.runtime.actor import ActorId, StopReason

if TYPE_CHECKING:
    from actors.runtime.cell import Cell

SWEEP_S = 1.0
"""One step of the sweep, and the unit of `Activation.used`."""
ROUND_STEPS = 10
"""Steps in which every activation is looked at once."""


class IdleSweep:
    """Walks over a cell's activations in steps; each step looks at a tenth of them."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._round: Iterator[ActorId] = iter(())

    def start(self) -> None:
        """Begin; goes on for as long as the cell lives."""
        self._cell.scheduler.later(SWEEP_S, self._step)

    def _step(self) -> None:
        if self._cell.closed:
            return
        self._cell.idle_tick += 1
        for _ in range(self._cell.count() // ROUND_STEPS + 1):
            address = next(self._round, None)
            if address is None:
                self._round = iter(self._cell.addresses())
                self._cell.forget_old_crashes()
                break
            self._look_at(address)
        self._cell.scheduler.later(SWEEP_S, self._step)

    def _look_at(self, address: ActorId) -> None:
        activation = self._cell.activation(address)
        if activation is None:
            return
        idle_s = self._cell.kind(address).idle_s
        if idle_s is None or not activation.quiet or activation.actor is None or activation.actor.stays():
            return
        if (self._cell.idle_tick - activation.used) * SWEEP_S >= idle_s:
            activation.stop(StopReason.IDLE)
