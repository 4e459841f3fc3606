"""Loading much at once, next to the serving path."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.store.bulk import BATCH, bulk_load
from actors.store.seal import Sealer
from actors.store.shards import NotReleased
from tests.actors.store.samples import entry, put, room_row
from tests.kit.warehouse import MASTER, Warehouse


def test_what_was_loaded_is_served_like_everything_else(tmp_path: Path) -> None:
    rooms = 50
    each = BATCH // rooms + 7
    with Warehouse(tmp_path, shards=2) as warehouse:
        sealer = Sealer(MASTER, warehouse.cluster)
        rows = [(number * 80, entry(seq, f"{number} {seq}", f"room{number:02d}")) for number in range(rooms) for seq in range(1, each + 1)]
        assert bulk_load(tmp_path, 2, sealer, iter([*rows, (80, room_row("room01"))])) == rooms * each + 1
        store = warehouse.store()
        heads = warehouse.wait(store.heads([(number * 80, f"room{number:02d}") for number in range(rooms)]))
        assert {room: seq for room, (seq, _) in heads.items()} == {f"room{number:02d}": each for number in range(rooms)}
        assert [row.body for row in warehouse.wait(store.entries_after(49 * 80, "room49", each - 2, 10))] == [
            f"49 {each - 1}",
            f"49 {each}",
        ]
        state = warehouse.wait(store.load_room(80, "room01"))
        assert state is not None and state.row == room_row("room01")
        put(warehouse, store, entry(each + 1, room="room01"), slot=80)


def test_nothing_is_loaded_into_a_shard_that_is_served(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        warehouse.store("a")
        with pytest.raises(NotReleased, match="life a owns"):
            bulk_load(tmp_path, 1, Sealer(MASTER, warehouse.cluster), [(1, entry(1))])


def test_loading_the_same_entries_again_changes_none(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        sealer = Sealer(MASTER, warehouse.cluster)
        bulk_load(tmp_path, 1, sealer, [(1, entry(1, "first"))])
        bulk_load(tmp_path, 1, sealer, [(1, entry(1, "second")), (1, entry(2, "next"))])
        rows = warehouse.wait(warehouse.store().entries_after(1, entry(1).room, 0, 10))
        assert [row.body for row in rows] == ["first", "next"]


def test_entries_that_a_server_left_in_its_ledger_come_before_what_is_loaded(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        store = warehouse.store("a")
        put(warehouse, store, entry(1, "said"), slot=1)
        warehouse.wait(store.release_shard(0))
        bulk_load(tmp_path, 1, Sealer(MASTER, warehouse.cluster), [(1, entry(2, "loaded"))])
        rows = warehouse.wait(warehouse.store("b").entries_after(1, entry(1).room, 0, 10))
        assert [row.body for row in rows] == ["said", "loaded"]
