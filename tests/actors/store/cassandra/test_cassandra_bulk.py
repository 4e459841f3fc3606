"""Rows loaded past the ledgers are read like any other, and cover nothing that a cell wrote."""

from __future__ import annotations

import pytest

from actors.store.cassandra import bulk
from actors.store.cassandra.bulk import bulk_load
from actors.store.rows import Row
from actors.store.seal import Sealer
from tests.actors.store.samples import SLOT, all_entries, entry, mark, put, room_row
from tests.kit.cassandra import CassandraLab
from tests.kit.warehouse import MASTER

pytestmark = pytest.mark.slow


def test_what_was_loaded_is_found_and_goes_on_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 30)
    with CassandraLab() as lab:
        rows: list[Row] = [room_row(room="loaded"), *(entry(seq, room="loaded") for seq in range(1, 101)), mark("bob", room="loaded")]
        assert bulk_load(lab.driver, Sealer(MASTER, lab.shelf), [(SLOT, row) for row in rows]) == len(rows)
        store = lab.store("a")
        state = lab.wait(store.load_room(SLOT, "loaded"))
        assert state is not None and state.row.name == room_row().name and state.marks == [mark("bob", room="loaded")]
        assert [row.seq for row in all_entries(lab, store, "loaded")] == list(range(1, 101))
        put(lab, store, entry(101, room="loaded"), room_row(room="loaded", name="new"))
        lab.flush(store)
        bulk_load(lab.driver, Sealer(MASTER, lab.shelf), [(SLOT, room_row(room="loaded", name="old"))])
        state = lab.wait(store.load_room(SLOT, "loaded"))
        assert state is not None and state.row.name == "new"
