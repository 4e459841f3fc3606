"""A store as a whole, beside the cells that serve it: brought to this version, and looked through. Raises `StartProblem`, `StoreError`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from actors.store import data_folder
from actors.store.cassandra.checking import check_keyspace
from actors.store.cassandra.cluster_rows import ClusterRows
from actors.store.cluster_file import is_complete
from actors.store.findings import Findings
from actors.store.opening import CannotOpen
from actors.store.seal import read_key_file
from actors.store.sqlite_check import check_data
from actors.store.upgrading import Upgraded, upgrade_folder
from cluster.settings import Settings
from cluster.store_place import parse_place
from cluster.stores import key_path, migrate_cassandra, open_record

Tell = Callable[[str, int, int], None]
"""(what is looked at, done, in all; 0: that is not known)."""


def migrate(settings: Settings) -> list[Upgraded]:
    """Bring every file, or the keyspace, to this version's format; how each was, and is. Safe to repeat, and while cells serve."""
    if not settings.store:
        return upgrade_folder(settings.data)
    return [Upgraded(f"keyspace {parse_place(settings.store).keyspace}", *migrate_cassandra(settings))]


def check(settings: Settings, tell: Tell) -> Findings:
    """Read everything; what is wrong is in the findings. What cannot be opened at all is raised."""
    if not settings.store:
        if not is_complete(settings.data):
            raise CannotOpen(f"There is no Warbler data in {settings.data}.")
        opened = data_folder.open_folder(settings.data, settings.master_key_file)
        with closing(opened.cluster):
            return check_data(opened, tell)
    with closing(open_record(settings)) as record:
        assert isinstance(record, ClusterRows)
        return check_keyspace(record, read_key_file(key_path(settings)), tell)
