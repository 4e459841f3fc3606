"""Which store a server has, and how it is opened: embedded files, or Cassandra. The driver is loaded only where it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from actors.store import data_folder
from actors.store.batcher import Soon, Wake
from actors.store.cassandra.cluster_rows import ClusterRows, Connection, prepare, stored_key_id
from actors.store.cassandra.store import CassandraStore
from actors.store.cluster_file import ClusterFile
from actors.store.cluster_record import ClusterRecord
from actors.store.opening import CannotOpen, KeyFileError
from actors.store.seal import MasterKey, Sealer, create_key_file, new_master_key, read_key_file
from actors.store.sqlite import SqliteStore
from cluster.problems import StartProblem
from cluster.settings import Settings
from cluster.store_access import tls_of, with_login
from cluster.store_place import parse_place

LifeStore = SqliteStore | CassandraStore
"""The store of one life, as its cell uses it."""


def key_path(settings: Settings) -> Path:
    """Where the master key is."""
    return settings.master_key_file or settings.data / data_folder.KEY_FILE


def open_record(settings: Settings, connection: Connection | None = None) -> ClusterRecord:
    """What all cells agree on; over a `connection` that stays open when it is closed, where one is given. Raises `CannotOpen` and its kin."""
    if not settings.store:
        return ClusterFile(settings.data)
    master = read_key_file(key_path(settings))
    if connection is not None:
        return ClusterRows(connection, master, owns=False)
    fresh = connect(settings)
    try:
        return ClusterRows(fresh, master)
    except BaseException:
        fresh.close()
        raise


def connect(settings: Settings) -> Connection:
    """A connection to Cassandra with all statements ready. Raises `CannotOpen` and its kin."""
    driver = _driver(settings)
    try:
        driver.open()
    except BaseException:
        driver.close()
        raise
    opened: Connection = driver
    return opened


def prepare_cassandra(settings: Settings) -> None:
    """Make the keyspace, its tables and what is fixed for ever, where it is not there yet. Raises `CannotOpen` and its kin, `StartProblem`."""
    driver = _driver(settings)
    try:
        driver.migrate()
        driver.open()
        prepare(driver, settings.shard_count, _master_key(settings, stored_key_id(driver)))
    finally:
        driver.close()


def migrate_cassandra(settings: Settings) -> tuple[int, int]:
    """Bring the tables of a keyspace that is there to this version; the formats before and after. Raises `CannotOpen` and its kin."""
    driver = _driver(settings)
    try:
        if not driver.has_keyspace():
            raise CannotOpen("The keyspace has no data of Warbler yet; `warbler up` makes it.")
        before, after = driver.migrate()
        return before, after
    finally:
        driver.close()


def drop_cassandra(settings: Settings) -> None:
    """Remove the keyspace that the settings name, with all that is in it. Raises `CannotOpen`."""
    driver = _driver(settings)
    try:
        driver.drop()
    finally:
        driver.close()


def open_store(settings: Settings, record: ClusterRecord, life: str, sealer: Sealer, soon: Soon, wake: Wake) -> LifeStore:
    """The store of a life. Raises `StoreError`."""
    if isinstance(record, ClusterRows):
        return CassandraStore(record.connection, record.shards, life, sealer, soon, wake)
    return SqliteStore(settings.data, record.shards, life, sealer, soon, wake)


def record_opener(settings: Settings, record: ClusterRecord) -> Callable[[], ClusterRecord] | None:
    """How the registry of a cell opens a record for itself: over the cell's own connection. None: the file in the folder."""
    if isinstance(record, ClusterRows):
        return partial(open_record, settings, record.connection)
    return None


def _master_key(settings: Settings, key_id: bytes | None) -> MasterKey:
    path = key_path(settings)
    if path.exists():
        return read_key_file(path)
    if key_id is not None:
        raise KeyFileError(f"The master key file {path} is missing; put it back from where it was kept.")
    master = new_master_key()
    create_key_file(path, master)
    return master


def _driver(settings: Settings) -> Any:
    try:
        driver: Any = importlib.import_module("actors.store.cassandra.driver")
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("cassandra"):
            raise
        raise StartProblem("The driver for Cassandra is not installed; install the package cassandra-driver.") from error
    folder = settings.secrets or settings.data
    place = with_login(parse_place(settings.store), folder)
    return driver.Driver(place._replace(context=tls_of(place, folder)))
