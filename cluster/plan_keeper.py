"""The stored plan, as one who changes it holds it: read, and changed by compare-and-set. Plain calls at control-plane rates."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from actors.runtime.plain import changed
from actors.store.store import StoreError
from cluster.plan import REMEMBERED, Plan, PlanError
from gateway.logs import event_log

ATTEMPTS = 20
"""A change that others keep overtaking is given up after so many."""

_log = event_log("cluster.plan")


class Shelf(Protocol):
    """Where the plan is stored."""

    def plan(self) -> tuple[int, bytes]:
        """Its bytes, with its version; 0 before the first one."""

    def change_plan(self, expected: int, data: bytes) -> bool:
        """Compare and set: store this as version `expected` + 1. False where another version is stored."""


class PlanKeeper:
    """Reads when it is made. Any thread may call; calls wait for each other. Raises `StoreError` where the store does."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._lock = threading.RLock()
        self._version = 0
        self.plan = Plan()
        """As it was when it was last looked at or changed."""
        self.problem = ""
        """Why what was stored could not be used; empty where it could."""
        self.look()

    def look(self) -> Plan:
        """Read what is stored now."""
        with self._lock:
            version, data = self._shelf.plan()
            if version != self._version:
                self.plan = self._read(version, data)
                self._version = version
            return self.plan

    def change(self, step: Callable[[Plan], Plan]) -> Plan:
        """Store the next plan; `step` makes it of the stored one, and returns the same where nothing is to change. It is durable when
        this returns."""
        with self._lock:
            for _ in range(ATTEMPTS):
                wanted = step(self.plan)
                if wanted == self.plan:
                    return wanted
                if self._shelf.change_plan(self._version, wanted.encode()):
                    self._version += 1
                    self.plan = wanted
                    return wanted
                self.look()
        raise RuntimeError(f"the plan was changed by others {ATTEMPTS} times in a row")

    def note(self, step: Callable[[Plan], Plan]) -> Plan:
        """The same for what is only good to remember: while the store is away it is known here alone, and stored with the next change."""
        with self._lock:
            try:
                return self.change(step)
            except StoreError as error:
                _log.warning("plan_not_stored", reason=str(error))
                self.plan = step(self.plan)
                return self.plan

    def ask(self, request: str, step: Callable[[Plan], Plan]) -> Plan:
        """The same for a request of somebody who may repeat it: with an id that was answered before nothing is changed."""
        return self.change(lambda plan: plan if request and request in plan.answered else _answered(step(plan), request))

    def _read(self, version: int, data: bytes) -> Plan:
        try:
            return Plan.decode(data) if version else Plan()
        except PlanError as error:
            self.problem = f"What was wanted by hand is not known any more, and has to be said again: {error}."
            _log.error("plan_not_read", version=version, reason=str(error))
            return Plan()


def _answered(plan: Plan, request: str) -> Plan:
    from_now = (*plan.answered, request)[-REMEMBERED:] if request else plan.answered
    return changed(plan, answered=from_now)
