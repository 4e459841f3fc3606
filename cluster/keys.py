"""`warbler keys rotate`, from the side of the command: it begins the work or goes on with it, waits for the cells, looks whether a row is
left that needs an old key, and only then takes the old keys away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from actors.runtime.view import View
from actors.store import resealing
from actors.store.cassandra.cluster_rows import ClusterRows
from actors.store.cassandra.resealing import holds_any
from actors.store.cluster_record import ClusterRecord
from actors.store.opening import Damaged, connect
from actors.store.rotation import Rotation, amend, begin, changed, stored
from actors.store.seats import scratch_in
from actors.store.shards import shard_path
from cluster.lonely import only_cell
from cluster.ray_instance import running
from cluster.settings import Settings
from cluster.stores import open_record

LOOK_S = 0.3
Tell = Callable[[str, int, int], None]
"""(what is done now, done, in all)."""


def rotate(settings: Settings, tell: Tell) -> Rotation:
    """Renew all data keys; by the cells that run, or by one that is started for it. Raises `StartProblem`, `StoreError`."""
    if running(settings) is not None:
        with closing(open_record(settings)) as record:
            return rotate_with(settings, record, tell)
    return asyncio.run(_alone(settings, tell))


async def _alone(settings: Settings, tell: Tell) -> Rotation:
    async with only_cell(settings):
        with closing(open_record(settings)) as record:
            return await asyncio.to_thread(rotate_with, settings, record, tell)


def rotate_with(settings: Settings, record: ClusterRecord, tell: Tell) -> Rotation:
    """The same, with cells that serve already."""
    now = begin(record, frozenset(record.key_ids()))
    while True:
        _wait(record, now.number, tell)
        if not _is_left(settings, record, now.old):
            break
        # A room has changed files meanwhile, and took rows along that were not sealed anew yet.
        amend(record, now.number, lambda found: changed(found, done=frozenset()))
    record.remove_keys(now.old)
    ended = amend(record, now.number, lambda found: changed(found, ended=True))
    return ended or now


def _wait(record: ClusterRecord, number: int, tell: Tell) -> None:
    """Until every group of the view is done, and nothing is left in ledgers of the dead."""
    while True:
        now = stored(record)
        if now is None or now.number != number or now.ended:
            return
        version, data = record.view()
        view = View.decode(data) if version else None
        groups = _groups(view) if view is not None else {0}
        waiting = set(record.unsealed()) - now.renewed
        tell("new keys" if waiting else "sealing anew", len(now.done & groups), len(groups))
        if not waiting and groups <= now.done and (view is None or not view.undrained):
            return
        time.sleep(LOOK_S)


def _groups(view: View) -> set[int]:
    """All but those of seats that are given up."""
    gone = {view.groups + number for number, seat in enumerate(view.seats) if seat.state == "gone"}
    return set(range(len(view.owners))) - gone


def _is_left(settings: Settings, record: ClusterRecord, old: frozenset[int]) -> bool:
    if isinstance(record, ClusterRows):
        return holds_any(record.connection, record.shards, old)
    version = record.view()[0]
    seats = [*settings.data.glob("seat-*.db"), *(path for _, path in scratch_in(settings.data) if path.name.endswith(".new"))]
    # Seats first: rows of one that is given up are in its shard before its file is gone.
    left = any(_holds(path, old) for path in (*seats, *(shard_path(settings.data, number) for number in range(record.shards))))
    return left or record.view()[0] != version


def _holds(path: Path, old: frozenset[int]) -> bool:
    try:
        with closing(connect(path, query_only=True)) as connection:
            return resealing.holds_any(connection, old)
    except Damaged:
        return path.exists()  # gone meanwhile: its rows are in a shard, which is looked at later
