"""Reads the figures of a started cell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cluster.figures import CellStats
from cluster.sources import live_actors, named, owned_slots, resident_bytes

if TYPE_CHECKING:
    from cluster.app import CellApp


def cell_stats(app: CellApp) -> CellStats:
    """The figures of a started cell."""
    actors = live_actors(app.chat)
    counters = app.doors.front.counters
    store = app.store.info()
    return CellStats(
        name=app.who.name,
        life=app.who.life,
        pid=app.pid,
        port=app.doors.port,
        view=app.chat.view.version if app.chat.view is not None else 0,
        slots=owned_slots(app.chat),
        connections=app.doors.front.sockets,
        sessions=len(app.chat.tables.sessions),
        rooms=int(actors.get("room", 0)),
        users=int(actors.get("user", 0)),
        actors=actors,
        crashes=named(app.chat.cell.counters, "crashed_"),
        messages_in=counters.frames_in,
        messages_out=counters.frames_out,
        commits=int(store["commits"]),
        queued_commits=int(store["queued"]),
        loop_lag_ms=round(app.lag.take_worst_s() * 1000, 1),
        memory_bytes=int(resident_bytes()),
        cpu_s=round(time.process_time(), 2),
        uptime_s=round(app.uptime_s, 1),
        draining=app.is_draining,
        drained=app.is_drained,
        edge_url=app.doors.edge_url,
        has_duty=app.member is not None and app.member.has_duty,
        at=time.monotonic(),
    )
