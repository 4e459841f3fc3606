"""Whether a server that this data folder knows nothing of works on the same store: two servers would seal each other's lives.

Files have locks. A database is used from anywhere, so there the coordinator's lease tells: the cell that has it makes its
number grow every second.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from actors.store.cluster_record import ClusterRecord
from cluster.problems import StartProblem

WATCHED_S = 3.0
"""How long a lease is watched: a holder that lives, on a machine that is busy, has made it grow by then."""
LOOK_S = 0.25
NEWEST = 1 << 62
"""No view is newer: only the lease is asked for."""


def keeper(record: ClusterRecord, pause: Callable[[float], None] = time.sleep) -> str:
    """The life that keeps the lease, where one is seen to. Empty: nobody has it, or whoever had it is gone. Blocks meanwhile."""
    first = _lease(record)
    if not first[0]:
        return ""
    for _ in range(int(WATCHED_S / LOOK_S)):
        pause(LOOK_S)
        now = _lease(record)
        if now != first:
            return now[0]
    return ""


def holder(record: ClusterRecord) -> str:
    """The life that has the lease, whether it lives or not; empty: none."""
    return _lease(record)[0]


def check_unserved(record: ClusterRecord, pause: Callable[[float], None] = time.sleep) -> None:
    """Raises `StartProblem` where cells use this store just now."""
    life = keeper(record, pause)
    if life:
        raise StartProblem(
            f"Cells of another server use this store now ({life} has the duty). Give the command on a machine of that server, or end it first."
        )


def _lease(record: ClusterRecord) -> tuple[str, int]:
    _, _, life, number = record.look(NEWEST)
    return life, number
