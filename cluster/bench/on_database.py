"""The table of measurements on a database: the same loads as on the embedded store, beside it and the bare relay; and what only a database has.

CPU is that of Warbler's own processes; the database's is shown beside it.
"""

from __future__ import annotations

from pathlib import Path

from cluster.bench.arrivals import Connect, Idle
from cluster.bench.comeback import Absence, Comeback
from cluster.bench.database import Database
from cluster.bench.hall import Hall
from cluster.bench.load import OpenSide, Result, Told, run_plan
from cluster.bench.pairs import Pairs
from cluster.bench.plans import BESIDE_READS, MEMORY, NO_LIMIT, POSTS, TIME, Plan
from cluster.bench.servers import bare_relay, cell_on_database, fresh_cell

MANY_ROOMS = Absence(at_once=1, changed=300, unchanged=0, windows=12)
MANY_PEOPLE = Absence(at_once=1000, changed=1, unchanged=9)
BUSY = 4
"""Members of the busy room, all of whom post: what is measured is the store, and not how many hear of it."""

PLANS: tuple[Plan, ...] = (
    Plan("one-to-one", "one-to-one, one in flight a user", lambda side: Pairs(side), 200, 1.0, against="base"),
    Plan("one-to-one-8", "one-to-one, eight in flight", lambda side: Pairs(side, in_flight=8), 200, 1.0, against="base"),
    Plan("room", "room of 1,000, four posts in flight", lambda side: Hall(side), 1000, 0.5),
    Plan("room-quiet", "room of 1,000, five posts/s", lambda side: Hall(side, rate=5.0), 1000, 0.5, against="base", seconds_scale=2.0),
    Plan("connect", "connect with a valid token", lambda side: Connect(side), 1000, NO_LIMIT, unit="connection"),
    Plan("idle", "memory per idle connection", lambda side: Idle(side), 5000, 9 * 1024, figure=MEMORY, unit="connection", fresh=True),
    Plan("open-loop", "500 messages/s: ack p50", lambda side: Pairs(side, rate=500.0), 200, 15.0, figure=TIME, against="nothing"),
    Plan("busy-room", "one busy room", lambda side: Hall(side, members=BUSY, posters=BUSY, in_flight=40 * BUSY), BUSY, 5000.0,
         figure=POSTS, against="nothing"),
    Plan("many-rooms", "catching up on 300 rooms (time)", lambda side: Comeback(side, MANY_ROOMS), MANY_ROOMS.users, 300.0,
         figure=TIME, against="nothing", rows=MANY_ROOMS.rows),
    Plan("many-people", "1,000 back at once: reads a user beyond the rooms that changed", lambda side: Comeback(side, MANY_PEOPLE),
         MANY_PEOPLE.users, 2.0, figure=BESIDE_READS, against="nothing", rows=MANY_PEOPLE.rows),
)  # fmt: skip


async def on_database(plan: Plan, base: Database, folder: Path, core: int | None, rounds: int, seconds: float, told: Told) -> Result:
    """Measure a plan on a database; `base` of the result is the embedded store, where the plan says nothing else."""
    alone = plan.against == "nothing"
    bare: OpenSide | None = None if alone else lambda plan: bare_relay(plan, core=core)
    embedded: OpenSide | None = None if alone else lambda plan: fresh_cell(plan, folder, core=core)
    return await run_plan(
        plan, lambda plan: cell_on_database(plan, folder, base, core=core), bare, rounds=rounds, seconds=seconds, told=told, base=embedded
    )


def servers(plan: Plan) -> int:
    """How many are measured side by side."""
    return 1 if plan.against == "nothing" else 3
