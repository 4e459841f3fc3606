"""`warbler store copy`: all of one store into another one, neither of which is served meanwhile. Raises `StartProblem`, `StoreError`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from actors.store import data_folder
from actors.store.archive import Archive
from actors.store.cassandra.archive import CassandraArchive
from actors.store.cassandra.cluster_rows import ClusterRows
from actors.store.cluster_file import ClusterFile, is_complete
from actors.store.cluster_record import ClusterRecord
from actors.store.copying import Compared, Copier, Tell, noted
from actors.store.seal import Sealer, read_key_file
from actors.store.sqlite_archive import SqliteArchive
from cluster.folder_lock import folder_lock
from cluster.life_lock import is_held
from cluster.problems import StartProblem
from cluster.ray_instance import running
from cluster.settings import Settings
from cluster.store_url import shown
from cluster.stores import key_path, open_record, prepare_cassandra

WATCH_S = 5.0
"""The lease of cells that serve changes several times in so long."""


def copy_store(source: Settings, goal: Settings, tell: Tell, wait: Callable[[float], object] = time.sleep) -> Compared:
    """Fill `goal`, which is empty or a begun copy of the same source; `wait` lets time pass while the source is watched."""
    if (source.store, source.data if not source.store else "") == (goal.store, goal.data if not goal.store else ""):
        raise StartProblem("That is one and the same store.")
    _refuse_served(source)
    _refuse_served(goal)
    with ExitStack() as stack:
        old = stack.enter_context(_held(source))
        if source.store:
            _refuse_alive(old, wait)
        reading = stack.enter_context(_archive(source, old))
        if isinstance(reading, CassandraArchive):
            reading.settle()
        _prepare(goal)
        new = stack.enter_context(_held(goal))
        filling = stack.enter_context(_archive(goal, new))
        if noted(new) is None:
            _refuse_filled(goal, new, filling)
        return Copier(reading, filling, new, f"{old.place} {old.key_id.hex()}", tell).run()


def _prepare(goal: Settings) -> None:
    goal.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if goal.store:
        prepare_cassandra(goal)
    else:
        data_folder.prepare(goal.data, goal.shard_count, int(time.time() * 1000), goal.master_key_file)
        data_folder.check_stored(goal.data)


@contextmanager
def _held(settings: Settings) -> Iterator[ClusterRecord]:
    """The record of a store; a data folder that no server can start on meanwhile."""
    if not settings.store and not is_complete(settings.data):
        raise StartProblem(f"There is no Warbler data in {settings.data}.")
    with ExitStack() as stack:
        if not settings.store:
            (settings.data / "run").mkdir(mode=0o700, exist_ok=True)
            stack.enter_context(folder_lock(settings))
        record = open_record(settings)
        stack.callback(record.close)
        for life in record.unsealed():
            if is_held(settings.data, life):
                raise StartProblem(f"A process of {life} still works on {shown(settings)}: stop it first (`warbler down`).")
        yield record


@contextmanager
def _archive(settings: Settings, record: ClusterRecord) -> Iterator[Archive]:
    sealer = Sealer(read_key_file(key_path(settings)), record)
    archive = (
        CassandraArchive(record.connection, record.shards, sealer)
        if isinstance(record, ClusterRows)
        else SqliteArchive(settings.data, record.shards, sealer)
    )
    try:
        yield archive
    finally:
        archive.close()


def _refuse_served(settings: Settings) -> None:
    if running(settings) is not None:
        raise StartProblem(f"A server is running on {settings.data}; stop it first (`warbler down`).")


def _refuse_alive(record: ClusterRecord, wait: Callable[[float], object]) -> None:
    """Cells on other machines are seen by their lease alone."""
    before = record.look(0)[2:]
    if not record.unsealed():
        return
    wait(WATCH_S)
    if record.look(0)[2:] != before:
        raise StartProblem("Cells serve this keyspace now; stop them first (`warbler down`, wherever they run).")


def _refuse_filled(settings: Settings, record: ClusterRecord, archive: Archive) -> None:
    was_served = record.lives() if isinstance(record, ClusterFile) else record.unsealed() or record.view()[0]
    if was_served or next(archive.owners(), None) is not None:
        raise StartProblem(f"There is data in {shown(settings)} already, and it is no begun copy of this source: name an empty store.")
