"""What all cells of a cluster agree on, as rows that change by compare-and-set. Implements `ClusterRecord`."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Protocol

from actors.store.cassandra.draining import drain
from actors.store.cassandra.lives import seal_life, state_of
from actors.store.cassandra.schema import KNOWN
from actors.store.cassandra.shelf import Shelf
from actors.store.cassandra.steps import Ask, Port, Rows, Steps, run
from actors.store.cluster_file import PLAN, VERSION_BYTES, versioned
from actors.store.opening import CannotOpen, KeyFileError
from actors.store.seal import MasterKey, Sealer

_GROUPS, _KEY_ID, _PLACE, _DATA_CENTER = "groups", "key_id", "place", "data_center"


class Connection(Port, Protocol):
    """A port that can be closed, and knows where it is."""

    @property
    def data_center(self) -> str:
        """The one that is used."""

    def close(self) -> None:
        """End all connections."""


class ClusterRows:
    """The record of one cluster."""

    drains = True

    def __init__(self, connection: Connection, master: MasterKey, *, owns: bool = True) -> None:
        """Open a record that `prepare` has made; `owns`: closing it closes the connection. Raises `CannotOpen` and its kin."""
        self.connection = connection
        self._port = connection
        self._close = connection.close if owns else None
        self._master = master
        self._shelf = Shelf(connection)
        self.add_key, self.wrapped_key = self._shelf.add_key, self._shelf.wrapped_key
        groups, key_id, place = (self.setting(name) for name in (_GROUPS, _KEY_ID, _PLACE))
        if groups is None or key_id is None or place is None:
            raise CannotOpen("The keyspace has no data of Warbler yet; `warbler up` makes it.")
        if key_id != master.key_id:
            raise KeyFileError("The master key file is not the one that sealed the data in Cassandra.")
        self.shards = int(groups)
        self.key_id = key_id
        self.place = place.decode()
        where = (self.setting(_DATA_CENTER) or b"").decode()
        if where != connection.data_center:
            # Conditions are kept within one data centre: cells of two would not exclude each other.
            raise CannotOpen(f"This data belongs to the data centre {where}, and the cells here use {connection.data_center}.")

    def close(self) -> None:
        """See `ClusterRecord`."""
        if self._close is not None:
            self._close()

    # --- the view and the lease ---

    def view(self) -> tuple[int, bytes]:
        """See `ClusterRecord`."""
        rows = self._one("VIEW")
        return (int(rows[0][0]), bytes(rows[0][1])) if rows else (0, b"")

    def change_view(self, expected: int, data: bytes) -> bool:
        """See `ClusterRecord`."""
        if expected == 0:
            return self._changed("FIRST VIEW", data)
        return self._changed("CHANGE VIEW", expected + 1, data, expected)

    def look(self, known: int) -> tuple[int, bytes | None, str, int]:
        """See `ClusterRecord`."""
        versions, leases = run(_all([Ask("VIEW VERSION"), Ask("LEASE")]), self._port)
        version = int(versions[0][0]) if versions else 0
        data: bytes | None = None
        if version > known:
            version, data = self.view()
        holder, number = leases[0] if leases else ("", 0)
        return version, data, holder, int(number)

    def change_lease(self, before: tuple[str, int], after: tuple[str, int]) -> bool:
        """See `ClusterRecord`."""
        if before == ("", 0) and self._changed("FIRST LEASE", *after):
            return True
        return self._changed("CHANGE LEASE", *after, *before)

    # --- lives ---

    def add_life(self, life: str) -> bool:
        """See `ClusterRecord`."""
        return self._changed("ADD LIFE", life)

    def seal_life(self, life: str) -> None:
        """See `ClusterRecord`."""
        run(seal_life(life), self._port)

    def drain(self, life: str) -> None:
        """See `ClusterRecord`."""
        drain(life, self._port, Sealer(self._master, self._shelf))

    def is_sealed(self, life: str) -> bool:
        """See `ClusterRecord`."""
        return run(state_of(life), self._port) != KNOWN

    def unsealed(self) -> list[str]:
        """See `ClusterRecord`."""
        return sorted(life for life, state in self._one("LIVES") if state == KNOWN)

    # --- the supervisor's plan: one of the settings, a version before its data ---

    def plan(self) -> tuple[int, bytes]:
        """See `ClusterRecord`."""
        return versioned(self.setting(PLAN))

    def change_plan(self, expected: int, data: bytes) -> bool:
        """See `ClusterRecord`."""
        before = self.setting(PLAN)
        if versioned(before)[0] != expected:
            return False
        now = (expected + 1).to_bytes(VERSION_BYTES, "big") + data
        return self._changed("KEEP SETTING", PLAN, now) if before is None else self._changed("CHANGE SETTING", now, PLAN, before)

    # --- data keys ---

    def key_ids(self) -> list[int]:
        """See `ClusterRecord`."""
        return sorted(number for number, _ in self._one("DATA KEYS"))

    def remove_keys(self, numbers: Collection[int]) -> None:
        """See `ClusterRecord`."""
        for number in numbers:
            self._one("DROP DATA KEY", number)

    # --- settings ---

    def setting(self, name: str) -> bytes | None:
        """See `ClusterRecord`."""
        rows = self._one("SETTING", name)
        return bytes(rows[0][0]) if rows else None

    def keep_setting(self, name: str, value: bytes) -> bytes:
        """See `ClusterRecord`."""
        return keep_setting(self._port, name, value)

    def change_setting(self, name: str, before: bytes | None, after: bytes) -> bool:
        """See `ClusterRecord`."""
        return self._changed("KEEP SETTING", name, after) if before is None else self._changed("CHANGE SETTING", after, name, before)

    def _one(self, statement: str, *values: object) -> Rows:
        return run(_all([Ask(statement, values)]), self._port)[0]

    def _changed(self, statement: str, *values: object) -> bool:
        return bool(self._one(statement, *values)[0][0])


def keep_setting(port: Port, name: str, value: bytes) -> bytes:
    """See `ClusterRecord`."""
    ((answer,),) = run(_all([Ask("KEEP SETTING", (name, value))]), port)
    return value if answer[0] else bytes(answer[2])


def stored_key_id(port: Port) -> bytes | None:
    """Which master key belongs to the data that is there; None: there is none yet."""
    rows = run(_all([Ask("SETTING", (_KEY_ID,))]), port)[0]
    return bytes(rows[0][0]) if rows else None


def prepare(connection: Connection, groups: int, master: MasterKey) -> None:
    """Write down what is fixed for ever, where it is not yet: the first one wins."""
    for name, value in (
        (_DATA_CENTER, connection.data_center.encode()),
        (_PLACE, os.urandom(12).hex().encode()),
        (_GROUPS, str(groups).encode()),
        (_KEY_ID, master.key_id),
    ):
        keep_setting(connection, name, value)


def _all(asks: list[Ask]) -> Steps[list[Rows]]:
    return (yield asks)
