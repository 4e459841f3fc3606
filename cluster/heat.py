"""Which groups should move because of measured load: overrides, a few at a time, and taken back. No clock of its own.

    hot      one cell has much more to do than another, in several looks in a row: one of its busy groups is given to the
             idlest cell, if that does not just turn the two round
    calm     everybody has had little to do for a while: one override is taken back, and placement decides again
    gone     the cell that an override names is not there: it is taken back
    by hand  what people have decided is neither taken back nor changed, nor does it count

After every change nothing changes for a while, so that the next look sees what the last one did.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.runtime.view import OWNERS_LABEL, View, set_override
from cluster.loads import Load

LOOK_S = 5.0
"""Between two looks."""
REST_S = 15.0
"""After a change."""
HOT = 0.7
"""Pressure (1: a core is full) from which a cell is relieved."""
GAP = 0.3
"""How much less the cell that takes must have."""
HOT_LOOKS = 3
CALM = 0.4
CALM_LOOKS = 12
FULL_LAG_S = 0.25
"""A loop that is so late counts as a full core."""
FULL_QUEUE = 2_000
"""So much waiting work does too."""
SHARE = 16
"""At most one group of so many is overridden (and two in any case)."""


def pressure(load: Load) -> float:
    """How much of what it can bear a cell has to do."""
    return max(load.cpu, load.loop_lag_s / FULL_LAG_S, load.queued / FULL_QUEUE) / max(load.weight, 0.01)


class Heat:
    """What the last looks have seen."""

    def __init__(self) -> None:
        self._look_at = 0.0
        self._hot_name = ""
        self._hot_looks = 0
        self._calm_looks = 0

    def next(self, view: View, loads: Mapping[str, Load], now: float) -> tuple[View, str] | None:
        """The view with one override more or less, and why; None where nothing is to change. `loads` by life."""
        if now < self._look_at:
            return None
        self._look_at = now + LOOK_S
        change = self._without_gone(view) or self._relieved(view, loads) or self._taken_back(view, loads)
        if change is not None:
            self._look_at = now + REST_S
            self._hot_looks = self._calm_looks = 0
        return change

    def _without_gone(self, view: View) -> tuple[View, str] | None:
        names = {cell.name for cell in view.cells}
        group = next((group for group, name in sorted(_by_load(view).items()) if name not in names), None)
        return None if group is None else (set_override(view, group, None), f"the override of group {group} names a cell that is gone")

    def _relieved(self, view: View, loads: Mapping[str, Load]) -> tuple[View, str] | None:
        able = [cell.life for cell in view.cells if OWNERS_LABEL in cell.labels and cell.life not in view.draining and cell.life in loads]
        if len(able) < 2:
            return None
        hot, cool = max(able, key=lambda life: pressure(loads[life])), min(able, key=lambda life: pressure(loads[life]))
        gap = pressure(loads[hot]) - pressure(loads[cool])
        is_hot = pressure(loads[hot]) >= HOT and gap >= GAP
        self._hot_looks = self._hot_looks + 1 if is_hot and hot == self._hot_name else int(is_hot)
        self._hot_name = hot
        if self._hot_looks < HOT_LOOKS or len(_by_load(view)) >= max(2, view.groups // SHARE):
            return None
        group = self._fitting(view, loads[hot], gap)
        if group is None:
            return None
        name = view.by_life[cool].name
        return set_override(view, group, name), f"group {group} to {name}: {loads[hot].name} has {gap:.2f} of a core more to do"

    @staticmethod
    def _fitting(view: View, load: Load, gap: float) -> int | None:
        """The busiest group of a hot cell whose going does not make the other one as hot."""
        mine = [(group, rate) for group, rate in load.hot if group < view.groups and view.owner_lives[group] == load.life]
        total = sum(rate for _, rate in mine)
        parts = ((group, rate / total * pressure(load)) for group, rate in mine if total > 0)
        return next((group for group, part in parts if 0 < part <= gap / 2 and group not in view.overrides), None)

    def _taken_back(self, view: View, loads: Mapping[str, Load]) -> tuple[View, str] | None:
        is_calm = all(pressure(load) < CALM for load in loads.values())
        self._calm_looks = self._calm_looks + 1 if is_calm and _by_load(view) else 0
        if self._calm_looks < CALM_LOOKS:
            return None
        group = min(_by_load(view))
        return set_override(view, group, None), f"the override of group {group} is taken back"


def _by_load(view: View) -> dict[int, str]:
    """The overrides that were not given by hand."""
    return {group: name for group, name in view.overrides.items() if group not in view.pinned}
