"""Calls that go from a program to the cell of the owner itself, without the switch: one hop, and no second chance."""

from __future__ import annotations

import threading
import time
from typing import Any

import ray
from ray import ObjectRef
from ray.exceptions import RayError

from actors.errors import Unavailable
from actors.runtime.actor import ActorId
from actors.runtime.view import View
from cluster.cell_routes import CellRoutes
from cluster.ray_switch import handles_of, named_cells

LOOK_LIMIT_S = 5.0


class DirectCalls:
    """Knows the view as it was up to five seconds ago; a cell that has died is noticed at once. Implements `Caller`."""

    def __init__(self) -> None:
        self._routes = CellRoutes()
        self._watched: set[str] = set()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Elsewhere it looks for itself."""
        return DirectCalls, ()

    def call(self, address: str, name: str, arguments: dict[str, Any], limit_s: float) -> ObjectRef:
        """See `Caller`. Raises `Unavailable` where no cell answers."""
        with self._lock:
            if self._routes.stale(time.monotonic()):
                self._look()
            found = self._routes.find(ActorId(address))
        if found is None:
            raise Unavailable(retry_after=1.0)
        reference: ObjectRef = found[1].answer.remote(address, name, arguments, limit_s)
        return reference

    def _look(self) -> None:
        known = self._routes.handles
        for life, handle in [*known.items(), *named_cells(frozenset(known))]:
            try:
                data = ray.get(handle.view.remote(), timeout=LOOK_LIMIT_S)
            except RayError:
                continue
            if data:
                view = View.decode(data)
                fresh = handles_of(cell for life, cell in view.by_life.items() if life not in known)
                self._routes.adopt(view, fresh, time.monotonic())
                for found in self._routes.handles.keys() - self._watched:
                    self._watch(found, self._routes.handles[found])
                return

    def _watch(self, life: str, handle: Any) -> None:
        """A call that never ends fails when the cell does."""
        self._watched.add(life)
        handle.gone.remote().future().add_done_callback(lambda _: self._lost(life))

    def _lost(self, life: str) -> None:
        with self._lock:
            self._watched.discard(life)
            self._routes.forget(life)
