"""The note of a renewal of keys: one at a time, and a late word of an ended one changes nothing."""

from __future__ import annotations

from pathlib import Path

from actors.store.rotation import Rotation, amend, begin, changed, stored
from actors.store.seal import Sealer, key_id_of
from tests.kit.shelf import Shelf
from tests.kit.warehouse import MASTER, Warehouse


def test_one_is_begun_at_a_time(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        shelf = warehouse.cluster
        assert stored(shelf) is None
        first = begin(shelf, frozenset({1, 2}))
        assert first == Rotation(1, frozenset({1, 2}))
        assert begin(shelf, frozenset({3})) == first
        assert amend(shelf, 1, lambda now: changed(now, ended=True)) == changed(first, ended=True)
        assert begin(shelf, frozenset({3})) == Rotation(2, frozenset({3}))
        assert amend(shelf, 1, lambda now: changed(now, rows=9)) is None
        assert stored(shelf) == Rotation(2, frozenset({3}))


def test_a_change_that_is_overtaken_is_made_of_what_is_stored_then(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        shelf = warehouse.cluster
        begin(shelf, frozenset())
        seen: list[int] = []

        def step(now: Rotation) -> Rotation:
            if not seen:
                seen.append(now.rows)
                amend(shelf, 1, lambda other: changed(other, rows=other.rows + 5))
            return changed(now, rows=now.rows + 1)

        amend(shelf, 1, step)
        found = stored(shelf)
        assert found is not None and found.rows == 6


def test_a_sealer_that_is_renewed_takes_another_key_with_the_next_value_and_opens_old_ones() -> None:
    sealer = Sealer(MASTER, Shelf())
    old = [sealer.seal(b"tea", b"here") for _ in range(3)]
    sealer.renew()
    new = [sealer.seal(b"tea", b"here") for _ in range(3)]
    assert [key_id_of(value) for value in (*old, *new)] == [1, 1, 1, 2, 2, 2]
    assert all(sealer.unseal(value, b"here") == b"tea" for value in (*old, *new))
