"""The table of measurements: what is loaded, which figure counts, and what it should be at most."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from cluster.bench.absence import CatchUp
from cluster.bench.arrivals import Connect, Idle
from cluster.bench.hall import Hall
from cluster.bench.pairs import Pairs
from cluster.bench.seed_rows import SlotRow
from cluster.bench.side import Scenario, Side

CPU = "cpu_us_per_unit"
MEMORY = "memory_bytes_per_unit"
TIME = "p50_ms"
ACK_P99 = "p99_ms"
"""As a difference from the disk's own."""
ACK = "ack_p99_ms"
"""As a multiple."""
BESIDE_READS = "beside_reads"
"""Queries to the database for one who comes back, without those for the rooms that changed."""
POSTS = "posts_per_s"
"""So many, not fewer."""
NO_LIMIT = float("inf")
"""Measured to be seen, and not to be held."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One line of the table."""

    name: str
    """As on the command line."""
    title: str
    """As in the table."""
    make: Callable[[Side], Scenario]
    users: int
    """Accounts that both servers need."""
    limit: float
    """What the figure should be at most."""
    figure: str = CPU
    """A key of `Sample.as_json`."""
    unit: str = "delivery"
    """What is counted."""
    past: int = 0
    """Messages that the bare relay holds ready."""
    fresh: bool = False
    """Whether each round needs new processes (memory that was used once is not taken again)."""
    seconds_scale: float = 1.0
    """Windows of this plan are longer by this factor."""
    against: Literal["bare", "base", "nothing"] = "bare"
    """What the figure is: a multiple of the bare relay; how much more than `Result.base` as such a multiple; or just what it is."""
    ends: int = 1
    """How many processes share what is more than `Result.base`; the figure is for one of them."""
    rows: Callable[[], Iterable[SlotRow]] = tuple
    """What lies in the store beside the accounts."""


PLANS: tuple[Plan, ...] = (
    Plan("one-to-one", "one-to-one, one in flight a user", lambda side: Pairs(side), 200, 1.1),
    Plan("one-to-one-8", "one-to-one, eight in flight", lambda side: Pairs(side, in_flight=8), 200, 0.55),
    Plan("room", "room of 1,000, four posts in flight", lambda side: Hall(side), 1000, 0.3),
    Plan("room-quiet", "room of 1,000, five posts/s", lambda side: Hall(side, rate=5.0), 1000, 0.7, seconds_scale=2.0),
    Plan("connect", "connect with a valid token", lambda side: Connect(side), 1000, 1.0, unit="connection"),
    Plan("idle", "memory per idle connection", lambda side: Idle(side), 5000, 9 * 1024, figure=MEMORY, unit="connection", fresh=True),
    Plan("open-loop", "500 messages/s: ack p99 over fsync p99", lambda side: Pairs(side, rate=500.0), 200, 2.0, figure=ACK_P99),
    Plan("catch-up", "catching up on 1,000 messages (time)", lambda side: CatchUp(side), 2, 1.0, figure=TIME, past=1000),
)


def plan(name: str) -> Plan:
    """The plan with this name."""
    return next(plan for plan in PLANS if plan.name == name)
