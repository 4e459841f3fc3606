"""What is stored of the cluster, as one simulated process reaches it: on its own clock, and it can fail there."""

from __future__ import annotations

from collections.abc import Callable, Container
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from actors.runtime.promise import Promise
from actors.store.store import OutcomeUnknown, StoreError, StoreUnavailable
from cluster.registry import Lease, Stored
from tests.kit.registry import LateRegistry

if TYPE_CHECKING:
    from tests.simulation.cell import SimCell
    from tests.simulation.world import World

T = TypeVar("T")
DELAY_S = 0.002
DRAIN_S = 0.5


class SimRegistry(LateRegistry):
    """Implements `Registry` over the disk of the world. Between the deed and the answer the process may freeze or die."""

    drains = True

    def __init__(self, world: World, cell: SimCell, chance: Random) -> None:
        self.groups = world.disk.shards
        self.loses_answer = False
        """The next change is done, and whoever asked for it never hears that."""
        self._world = world
        self._cell = cell
        self._chance = chance

    def drain(self, life: str) -> Promise[None]:
        """See `Registry`: it takes its time."""
        done: Promise[None] = Promise()
        self._cell.clock.later(self._chance.random() * DRAIN_S, self._work, done, self._world.disk.drain, ())
        return done

    # --- the work ------------------------------------------------------------------------------------------------------

    def _gone(self) -> Container[str]:
        return self._world.seen_dead

    def _sealed(self) -> Container[str]:
        return self._world.disk.ended

    def _end_life(self, life: str) -> None:
        self._world.end_life(self._cell, life)

    def _read(self, known: int) -> Stored:
        version, data = self._world.disk.view
        return Stored(version, data if version > known else None, self._world.disk.lease)

    def _change_view(self, expected: int, data: bytes) -> bool:
        done = self._world.disk.change_view(expected, data)
        if done:
            self._world.view_stored(self._cell, data)
            self._lose_answer()
        return done

    def _change_lease(self, before: Lease, after: Lease) -> bool:
        done = self._world.disk.change_lease(before, after)
        if done and before.holder != after.holder:
            self._world.note(self._cell.name, "has the duty" if after.holder else "gives the duty back")
            self._lose_answer()
        return done

    def _lose_answer(self) -> None:
        if self.loses_answer:
            self.loses_answer = False
            raise OutcomeUnknown("planned")

    def _later(self, work: Callable[..., T], *args: Any) -> Promise[T]:
        done: Promise[T] = Promise()
        self._cell.clock.later(self._pause(), self._work, done, work, args)
        return done

    def _pause(self) -> float:
        return DELAY_S * self._chance.random() * min(self._cell.store.slowness, 300.0)

    def _work(self, done: Promise[T], work: Callable[..., T], args: tuple[Any, ...]) -> None:
        try:
            if self._cell.store.is_down:
                raise StoreUnavailable("the disk is away")
            value = work(*args)
        except StoreError as error:
            self._cell.clock.later(self._pause(), done.reject, error)
        else:
            self._cell.clock.later(self._pause(), done.resolve, value)
