"""Beside the living: addresses that have to live again, and those whose end somebody waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from actors.runtime.actor import ActorId, StopReason
from actors.runtime.promise import Promise
from actors.runtime.scheduler import Scheduler

if TYPE_CHECKING:
    from actors.runtime.activation import Activation

WAKE_S = 1.0
"""An actor that owes something to others, and could not start, is tried again after this time."""


class Waker:
    """Tries addresses again, one timer for each."""

    def __init__(self, scheduler: Scheduler, wake: Callable[[ActorId], None]) -> None:
        self._scheduler = scheduler
        self._wake = wake
        self._waiting: set[ActorId] = set()

    def later(self, address: ActorId, after_s: float | None) -> None:
        """Wake it after this time."""
        if address not in self._waiting:
            self._waiting.add(address)
            self._scheduler.later(after_s or WAKE_S, self._due, address)

    def _due(self, address: ActorId) -> None:
        self._waiting.discard(address)
        self._wake(address)


class Departures:
    """Who waits until actors are gone."""

    def __init__(self) -> None:
        self._waiting: list[tuple[set[Activation], Promise[None]]] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def begin(self, leaving: Iterable[Activation], reason: StopReason) -> Promise[None]:
        """Stop these; settled when all are gone."""
        stopping, done = list(leaving), Promise[None]()
        left = set(stopping)
        if left:
            self._waiting.append((left, done))
        else:
            done.resolve(None)
        for activation in stopping:
            activation.stop(reason)
        return done

    def gone(self, activation: Activation) -> None:
        """One is gone."""
        for departure in list(self._waiting):
            left, done = departure
            left.discard(activation)
            if not left:
                self._waiting.remove(departure)
                done.resolve(None)
