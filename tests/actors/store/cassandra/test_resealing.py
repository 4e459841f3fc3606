"""Rows of a keyspace are sealed anew by the owners of their groups: none is left under an old key, and nothing newer is covered."""

from __future__ import annotations

import pytest

from actors.store.cassandra.resealing import holds_any
from actors.store.cassandra.store import CassandraStore
from actors.store.rows import Gone
from actors.store.shards import NotReleased
from actors.store.store import Commit
from tests.kit.cassandra import GROUPS, CassandraLab
from tests.kit.sound_data import ROOMS, entries, room_slot

pytestmark = pytest.mark.slow
ROOM, OTHER = ROOMS[5], ROOMS[6]
SLOT = room_slot(ROOM)


def keys(lab: CassandraLab) -> frozenset[int]:
    return frozenset(number for (number,) in lab.driver.execute("SELECT id FROM data_keys"))


def reseal_all(lab: CassandraLab, store: CassandraStore, old: frozenset[int], groups: tuple[int, ...] = tuple(range(GROUPS))) -> int:
    rows = 0
    for group in groups:
        is_last = False
        while not is_last:
            is_last, changed = lab.wait(store.reseal(group, old))
            rows += changed
    return rows


def test_all_rows_are_under_new_keys_and_read_as_before_by_who_has_no_old_one() -> None:
    with CassandraLab() as lab:
        store = lab.store()
        for room, length in ((ROOM, 2100), (OTHER, 3)):
            lab.wait(store.commit(Commit(room_slot(room), entries(room, length))))
        lab.flush(store)
        old = keys(lab)
        assert holds_any(lab.driver, GROUPS, old)
        lab.wait(store.renew_keys())
        lab.wait(store.commit(Commit(SLOT, entries(ROOM, 40, first=2101))))
        assert reseal_all(lab, store, old) >= 34
        assert not holds_any(lab.driver, GROUPS, old)
        assert reseal_all(lab, store, old) == 0
        for number in old:
            lab.driver.execute("DELETE FROM data_keys WHERE id = %s IF EXISTS", (number,))
        lab.take_over("a")
        after = lab.store("b")
        found = [entry for at in range(0, 2140, 500) for entry in lab.wait(after.entries_after(SLOT, ROOM, at, 500))]
        assert found == entries(ROOM, 2140)
        assert lab.wait(after.entries_after(room_slot(OTHER), OTHER, 0, 10)) == entries(OTHER, 3)


def test_what_is_taken_away_before_and_after_stays_away() -> None:
    with CassandraLab() as lab:
        store = lab.store()
        lab.wait(store.commit(Commit(SLOT, entries(ROOM, 100))))
        lab.wait(store.commit(Commit(SLOT, (), [Gone("entries", (ROOM, 10))])))
        old = keys(lab)
        lab.wait(store.renew_keys())
        reseal_all(lab, store, old)
        lab.wait(store.commit(Commit(SLOT, (), [Gone("entries", (ROOM, 20))])))
        found = [entry.seq for entry in lab.wait(store.entries_after(SLOT, ROOM, 0, 200))]
        assert found == [seq for seq in range(1, 101) if seq not in (10, 20)]


def test_only_the_owner_of_a_group_seals_its_rows_anew() -> None:
    with CassandraLab() as lab:
        store = lab.bare_store()
        (refused,) = lab.settle(store.reseal(0, frozenset()))
        assert isinstance(refused, NotReleased)


def test_a_group_that_was_away_meanwhile_is_begun_anew() -> None:
    with CassandraLab() as lab:
        store = lab.store()
        lab.wait(store.commit(Commit(SLOT, entries(ROOM, 2100))))
        lab.flush(store)
        old = keys(lab)
        lab.wait(store.renew_keys())
        group = next(group for group in range(GROUPS) if lab.wait(store.reseal(group, old)) == (False, 16))
        lab.wait(store.release_shard(group))
        lab.wait(store.take_shard(group))
        assert reseal_all(lab, store, old, (group,)) == 33 - 16
        assert not holds_any(lab.driver, GROUPS, old)
