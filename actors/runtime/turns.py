"""Who has something to do in a cell: activations wait in one list, and one turn of the loop runs them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.runtime.scheduler import Scheduler

if TYPE_CHECKING:
    from actors.runtime.activation import Activation

PASSES_A_TURN = 8
"""Hand-overs between actors of this cell inside one turn of the loop, before sockets get their turn again."""


class Turns:
    """Of one cell. An activation is in the list once, however much waits for it."""

    __slots__ = ("_is_due", "_ready", "_scheduler")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._ready: list[Activation] = []
        self._is_due = False

    def add(self, activation: Activation) -> None:
        """Give an activation a turn."""
        if activation.is_ready:
            return
        activation.is_ready = True
        self._ready.append(activation)
        if not self._is_due:
            self._is_due = True
            self._scheduler.soon(self._run)

    def _run(self) -> None:
        for _ in range(PASSES_A_TURN):
            ready, self._ready = iter(self._ready), []
            try:
                for activation in ready:
                    activation.is_ready = False
                    activation.run()
            except BaseException:
                # a mistake of the cell itself, for the loop to report: the others keep their turn
                self._ready[:0] = ready
                self._scheduler.soon(self._run)
                raise
            if not self._ready:
                self._is_due = False
                return
        self._scheduler.soon(self._run)
