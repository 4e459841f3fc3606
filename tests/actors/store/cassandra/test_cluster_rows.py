"""What all cells agree on, in Cassandra: it changes by compare-and-set, and the first one wins."""

from __future__ import annotations

import pytest

from actors.store.cassandra import cluster_rows
from actors.store.cassandra.cluster_rows import ClusterRows
from actors.store.opening import CannotOpen, KeyFileError
from actors.store.seal import MasterKey, Sealer
from tests.kit.cassandra import driver
from tests.kit.warehouse import MASTER

pytestmark = pytest.mark.slow


@pytest.fixture
def record() -> ClusterRows:
    """A record whose settings are there; view and lease begin anew."""
    found = driver()
    for table in ("views", "lease"):
        found.execute(f"TRUNCATE {table}")
    cluster_rows.prepare(found, 5, MASTER)
    return ClusterRows(found, MASTER, owns=False)


def test_the_view_is_changed_only_from_the_version_that_was_read(record: ClusterRows) -> None:
    assert record.view() == (0, b"")
    assert record.look(0) == (0, None, "", 0)
    assert record.change_view(0, b"one")
    assert not record.change_view(0, b"another")
    assert record.change_view(1, b"two")
    assert not record.change_view(1, b"late")
    assert record.view() == (2, b"two")
    assert record.look(1) == (2, b"two", "", 0)
    assert record.look(2) == (2, None, "", 0)


def test_the_lease_is_changed_by_compare_and_set(record: ClusterRows) -> None:
    assert record.change_lease(("", 0), ("a", 1))
    assert not record.change_lease(("", 0), ("b", 1))
    assert record.change_lease(("a", 1), ("b", 2))
    assert not record.change_lease(("a", 1), ("a", 2))
    assert record.look(0)[2:] == ("b", 2)


def test_the_plan_is_changed_only_from_the_version_that_was_read(record: ClusterRows) -> None:
    driver().execute("DELETE FROM settings WHERE name = 'plan'")
    assert record.plan() == (0, b"")
    assert record.change_plan(0, b"one")
    assert not record.change_plan(0, b"other one")
    assert record.change_plan(1, b"")
    assert record.plan() == (2, b"")


def test_a_life_is_written_once_and_its_seal_holds(record: ClusterRows) -> None:
    assert record.add_life("row-1")
    assert not record.add_life("row-1")
    assert "row-1" in record.unsealed() and not record.is_sealed("row-1")
    record.seal_life("row-1")
    record.seal_life("row-1")
    assert record.is_sealed("row-1") and "row-1" not in record.unsealed()
    record.drain("row-1")
    assert record.is_sealed("row-1")


def test_a_life_that_nobody_wrote_down_can_be_sealed(record: ClusterRows) -> None:
    record.seal_life("row-2")
    assert record.is_sealed("row-2")
    assert not record.add_life("row-2")


def test_the_first_value_of_a_setting_stays(record: ClusterRows) -> None:
    assert record.keep_setting("colour", b"red") == b"red"
    assert record.keep_setting("colour", b"blue") == b"red"
    assert record.setting("colour") == b"red" and record.setting("size") is None


def test_what_is_fixed_stays_when_it_is_made_again(record: ClusterRows) -> None:
    cluster_rows.prepare(driver(), record.shards + 4, MASTER)
    again = ClusterRows(driver(), MASTER, owns=False)
    assert (again.shards, again.place) == (record.shards, record.place)


def test_another_master_key_is_refused(record: ClusterRows) -> None:
    with pytest.raises(KeyFileError, match="not the one that sealed"):
        ClusterRows(driver(), MasterKey(b"otherkey", bytes(32)), owns=False)


def test_cells_of_another_data_center_are_refused(record: ClusterRows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(driver()), "data_center", "elsewhere")
    with pytest.raises(CannotOpen, match="belongs to the data centre dev, and the cells here use elsewhere"):
        ClusterRows(driver(), MASTER, owns=False)


def test_what_one_process_sealed_another_one_opens(record: ClusterRows) -> None:
    sealed = Sealer(MASTER, record).seal(b"text", b"where")
    assert Sealer(MASTER, ClusterRows(driver(), MASTER, owns=False)).unseal(sealed, b"where") == b"text"
