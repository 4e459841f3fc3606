"""Fills a data folder in which no server runs: a large store from a seed, or accounts for a load.

One process a core loads whole shards, so that a store of ten million messages takes minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.store.bulk import bulk_load
from actors.store.cassandra import bulk as cassandra_bulk
from actors.store.cassandra.cluster_rows import ClusterRows
from actors.store.seal import Sealer
from actors.store.shards import shard_of
from cluster.bench.dialect import Account
from cluster.bench.seed_rows import Plot, RoomPlan, SlotRow, account_rows, device_of, plan_rooms, room_rows, token_of, user_rows
from cluster.data_folder import open_folder, prepare
from cluster.settings import Settings

_COUNT_EVERY = 5000
_LOOK_S = 0.3


def seed_store(data: Path, plot: Plot, told: Callable[[int], None], *, shards: int = 0, workers: int = 0) -> int:
    """Make the store; returns its rows. `told` gets the rows so far, now and then. `shards`: 0 for the usual number."""
    settings = Settings(data=data, shards=shards or None)
    prepare(settings)
    shards = shards_of(data)
    context = get_context("spawn")
    counter = context.Value("q", 0)
    parts = [(data, plot, shard, shards) for shard in range(shards)]
    with ProcessPoolExecutor(workers or os.cpu_count(), context, _share, (counter,)) as pool:
        running = {pool.submit(_load_shard, *part) for part in parts}
        loaded = 0
        while running:
            done, running = wait(running, _LOOK_S, FIRST_COMPLETED)
            loaded += sum(future.result() for future in done)
            told(counter.value)
    return loaded


_shared: dict[str, Synchronized[int]] = {}


def _share(counter: Synchronized[int]) -> None:
    _shared["rows"] = counter


def _load_shard(data: Path, plot: Plot, shard: int, shards: int) -> int:
    """In a process of its own: all rows of one shard, in the order of their keys."""
    return _load(Settings(data=data), _counted(_rows_of_shard(plot, shard, shards)))


def shards_of(data: Path) -> int:
    """The shards of a data folder that is there."""
    opened = open_folder(Settings(data=data))
    opened.cluster.close()
    return int(opened.cluster.shards)


def load_rows(data: Path, rows: Iterable[SlotRow], *, store: str = "") -> int:
    """More rows into a folder, or a store elsewhere, that `seed_accounts` has made; returns how many."""
    return _load(Settings(data=data, store=store), rows)


def _load(settings: Settings, rows: Iterable[SlotRow]) -> int:
    opened = open_folder(settings)
    try:
        sealer = Sealer(opened.master, opened.cluster)
        if isinstance(opened.cluster, ClusterRows):
            return cassandra_bulk.bulk_load(opened.cluster.connection, sealer, rows)
        return bulk_load(opened.path, opened.cluster.shards, sealer, rows)
    finally:
        opened.cluster.close()


def _rows_of_shard(plot: Plot, shard: int, shards: int) -> Iterator[SlotRow]:
    rooms = sorted(plan_rooms(plot), key=lambda plan: plan.room)
    for plan in rooms:
        if shard_of(plan.slot, shards) == shard:
            yield from room_rows(plot, plan)
    rooms_of: dict[int, list[RoomPlan]] = {}
    for plan in rooms:
        for index in plan.members:
            rooms_of.setdefault(index, []).append(plan)
    for index in range(plot.users):
        if shard_of(slot_of(actor_id("user", plot.user(index))), shards) == shard:
            yield from user_rows(plot, rooms_of, index)


def _counted(rows: Iterator[Any]) -> Iterator[Any]:
    for number, row in enumerate(rows, start=1):
        if not number % _COUNT_EVERY:
            with _shared["rows"].get_lock():
                _shared["rows"].value += _COUNT_EVERY
        yield row


def seed_accounts(
    data: Path,
    count: int,
    *,
    prefix: str,
    devices: int = 1,
    seed: int = 1,
    cells: int = 1,
    secrets: Path | None = None,
    store: str = "",
) -> list[list[Account]]:
    """Accounts with tokens, in a folder that may be new (then for so many cells); for every user the accounts of its devices.
    `secrets`: where the master key is, for a server on several nodes. `store`: where that is not the folder."""
    settings = Settings(data=data, cells=cells, secrets=secrets, store=store)
    prepare(settings)
    _load(settings, account_rows(prefix, seed, count, devices))
    return [
        [
            Account(f"{prefix}{index}", token_of(prefix, seed, index, position), device_of(prefix, seed, index, position))
            for position in range(devices)
        ]
        for index in range(count)
    ]
