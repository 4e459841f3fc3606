"""How a server is, in a word and in sentences: what its supervisor has given up for a while, and whether anybody serves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from actors.store.store import StoreError
from cluster.discipline import judge, within
from cluster.plan import Hold, Plan, PlanError
from cluster.plan_keeper import Shelf
from cluster.seat_names import is_own
from cluster.tree import OFTEN, PARTS

GIVEN_UP = {"failed", "paused"}
"""States of a cell that does not serve and is not just starting."""
State = Literal["well", "degraded", "failing"]
"""``degraded``: it serves, and something of it is left alone or not there; ``failing``: nobody serves, or the supervisor does not stay."""


def troubles(plan: Plan, now: float) -> list[str]:
    """What went beyond its limit and is left alone now, each in a sentence. Read off the plan alone: any process can tell."""
    found = [
        f"{name} is left alone {_until(hold)}: {hold.why}. `warbler resume {name}` tries it again now."
        for name, hold in _now(plan.paused, now)
    ]
    found += [f"The node {node} gets no cells {_until(hold)}: {hold.why}." for node, hold in _now(plan.avoided, now)]
    if does_not_stay(plan, now):
        times = within(plan.starts, now, OFTEN.window_s)
        found.append(f"The supervisor was started {times} times in {OFTEN.window_s:g} s{f': {plan.broken}' if plan.broken else ''}.")
    return found


def does_not_stay(plan: Plan, now: float) -> bool:
    """Whether the supervisor itself ends too often."""
    return judge(PARTS["supervisor"], plan.starts, now).what == "wait"


def state_of(cells: Iterable[Mapping[str, Any]], plan: Plan, now: float, fatal: str = "") -> State:
    """`cells`: the rows of a status."""
    rows = list(cells)
    shared = {cell["state"] for cell in rows if not is_own(cell["name"])}
    nobody = "serving" not in shared and bool(GIVEN_UP & shared)
    if fatal or nobody or does_not_stay(plan, now):
        return "failing"
    return "degraded" if GIVEN_UP & {cell["state"] for cell in rows} or troubles(plan, now) else "well"


async def supervision(shelf: Shelf) -> dict[str, list[str]]:
    """What `/healthz` tells of it, in any cell and also while the supervisor is away: ``supervision``, where something is left alone."""
    try:
        version, data = await asyncio.to_thread(shelf.plan)
        told = troubles(Plan.decode(data), time.time()) if version else []
    except (StoreError, PlanError) as error:
        told = [f"The plan cannot be read: {error}"]
    return {"supervision": told} if told else {}


def _now(holds: Mapping[str, Hold], now: float) -> list[tuple[str, Hold]]:
    return sorted((name, hold) for name, hold in holds.items() if hold.until > now)


def _until(hold: Hold) -> str:
    return f"until {time.strftime('%H:%M:%S', time.localtime(hold.until))}"
