"""The check of a data folder: silent on sound data, one sentence for each thing that was broken, and no change."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from actors.runtime.view import CellInfo, first_view
from actors.store.bulk import bulk_load
from actors.store.data_folder import DataFolder
from actors.store.findings import Findings
from actors.store.rows import EntryRow, MarkRow
from actors.store.seal import Sealer
from actors.store.shards import shard_of, shard_path
from actors.store.sqlite_check import check_data
from actors.store.store import Commit
from tests.kit.sound_data import ROOMS, all_rows, entries, room_slot, user_slot
from tests.kit.warehouse import MASTER, Warehouse

SHARDS = 3


def stocked(folder: Path) -> Warehouse:
    """Sound data in three shards."""
    warehouse = Warehouse(folder, SHARDS)
    bulk_load(folder, SHARDS, Sealer(MASTER, warehouse.cluster), all_rows())
    return warehouse


def check(warehouse: Warehouse) -> Findings:
    return check_data(DataFolder(warehouse.folder, warehouse.cluster, MASTER), lambda *_: None)


def change(folder: Path, slot: int, statement: str, *values: object) -> None:
    """Past all that keeps data sound."""
    with closing(sqlite3.connect(shard_path(folder, shard_of(slot, SHARDS)), isolation_level=None)) as connection:
        assert connection.execute(statement, values).rowcount > 0


def test_sound_data_is_found_to_be_so_and_counted(tmp_path: Path) -> None:
    with stocked(tmp_path) as warehouse:
        store = warehouse.store("cell-1-aa")
        warehouse.cluster.add_life("cell-1-aa")
        slot = room_slot(ROOMS[1])
        for seq in range(3, 40):
            warehouse.wait(store.commit(Commit(slot, [EntryRow(ROOMS[1], seq, 1, "ann", "dev00001", seq, "id-000000", "text", "x")])))
        found = check(warehouse)
        assert found.sentences == []
        assert (found.seen["rooms"], found.seen["accounts"], found.seen["messages"]) == (7, 3, 1 + 39 + 64 + 65 + 130 + 300 + 5)


def test_a_check_changes_nothing(tmp_path: Path) -> None:
    with stocked(tmp_path):
        pass

    def sums() -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.glob("*.db")}

    before = sums()
    with Warehouse(tmp_path) as warehouse:
        check(warehouse)
    assert sums() == before


ROOM = ROOMS[5]
SLOT = room_slot(ROOM)
DAMAGE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a sealed row is changed": (
        "the row of message 128 in shard-",
        lambda folder: change(folder, SLOT, "UPDATE entries SET body = substr(body, 1, 40) WHERE room = ? AND seq = 128", ROOM),
    ),
    "a sealed row is moved": (
        "the row of message 5000 in shard-",
        lambda folder: change(folder, SLOT, "UPDATE entries SET seq = 5000 WHERE room = ? AND seq = 300", ROOM),
    ),
    "messages are gone": (
        "messages 65 to 128 are missing",
        lambda folder: change(folder, SLOT, "DELETE FROM entries WHERE room = ? AND seq = 128", ROOM),
    ),
    "the checkpoint is ahead": (
        "checkpoint stands at 301, above the last message, 300",
        lambda folder: change(folder, SLOT, "UPDATE checkpoints SET fanned = 301 WHERE room = ?", ROOM),
    ),
    "the checkpoint is no checkpoint": (
        "its checkpoint cannot be read",
        lambda folder: change(folder, SLOT, "UPDATE checkpoints SET devices = x'ff' WHERE room = ?", ROOM),
    ),
    "a mark is ahead": (
        "the mark of bob stands at 999",
        lambda folder: change(folder, SLOT, "UPDATE marks SET seq = 999 WHERE room = ? AND user = 'bob'", ROOM),
    ),
    "a mark would not be found": (
        "1 of its rows name another slot",
        lambda folder: change(folder, SLOT, "UPDATE marks SET slot = slot + 1 WHERE room = ? AND user = 'bob'", ROOM),
    ),
    "the room itself is gone": (
        "it has rows, and is not there itself",
        lambda folder: change(folder, SLOT, "DELETE FROM rooms WHERE room = ?", ROOM),
    ),
    "an account is gone": (
        "Account bob: it has rooms and devices, and is not there itself",
        lambda folder: (
            change(folder, user_slot("bob"), "DELETE FROM users WHERE user = 'bob'"),
            change(folder, user_slot("bob"), "DELETE FROM user_marks WHERE user = 'bob'"),
        )[0],
    ),
    "a list is ahead of its account": (
        "its list counts to 3, and room",
        lambda folder: change(folder, user_slot("eve"), "UPDATE users SET version = 3 WHERE user = 'eve'"),
    ),
    "an owner was never written down": (
        "owned by the life stranger",
        lambda folder: change(folder, SLOT, "UPDATE owner SET life = 'stranger'"),
    ),
    "the ledger holds rubbish": (
        "row 1 of its ledger cannot be read",
        lambda folder: change(folder, SLOT, "INSERT INTO ledger (entries) VALUES (x'0100')"),
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_what_was_broken_is_told(tmp_path: Path, what: str) -> None:
    sentence, damage = DAMAGE[what]
    with stocked(tmp_path) as warehouse:
        damage(tmp_path)
        found = check(warehouse)
    assert any(sentence in told for told in found.sentences), found.sentences


def test_a_row_that_lies_in_the_wrong_file_is_told(tmp_path: Path) -> None:
    with stocked(tmp_path) as warehouse:
        other = (shard_of(SLOT, SHARDS) + 1) % SHARDS
        slot = next(slot for slot in range(4096) if shard_of(slot, SHARDS) == other)
        bulk_load(tmp_path, SHARDS, Sealer(MASTER, warehouse.cluster), [(slot, MarkRow(ROOM, "zoe", 1, True, True))])
        assert any(f"it has rows of room {ROOM}, which belongs elsewhere" in told for told in check(warehouse).sentences)


def test_a_damaged_file_is_told_by_the_database_itself(tmp_path: Path) -> None:
    with stocked(tmp_path) as warehouse:
        path = shard_path(tmp_path, 1)
        data = bytearray(path.read_bytes())
        data[4096 * 3 : 4096 * 3 + 2000] = bytes(2000)
        path.write_bytes(data)
        assert any(told.startswith("shard-01.db: ") for told in check(warehouse).sentences)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with stocked(tmp_path) as warehouse:
        shard_path(tmp_path, 2).unlink()
        assert any("shard-02.db is missing" in told for told in check(warehouse).sentences)


def test_a_view_of_lives_that_nobody_wrote_down_is_told(tmp_path: Path) -> None:
    with stocked(tmp_path) as warehouse:
        warehouse.cluster.change_view(0, first_view([CellInfo("ghost", "cell-1")], SHARDS).encode())
        assert "The view has the life ghost, which was never written down." in check(warehouse).sentences


def test_a_data_key_that_another_master_key_wrapped_is_told(tmp_path: Path) -> None:
    with stocked(tmp_path) as warehouse:
        number = warehouse.cluster.add_key(b"x" * 60)
        assert f"The data key {number} does not open with the master key." in check(warehouse).sentences


def test_a_room_in_a_file_of_its_own_is_looked_for_there(tmp_path: Path) -> None:
    with stocked(tmp_path) as warehouse:
        store = warehouse.store("cell-1-aa")
        warehouse.cluster.add_life("cell-1-aa")
        while not warehouse.wait(store.copy_seat(0, ROOM, 2)):
            pass
        warehouse.wait(store.fill_seat(0, ROOM, 2))
        found = check(warehouse)
        assert found.sentences == []
        assert found.seen["messages"] == 1 + 2 + 64 + 65 + 130 + 300 + 5


def test_numbers_of_a_device_that_come_twice_are_told(tmp_path: Path) -> None:
    with stocked(tmp_path) as warehouse:
        twice = [(SLOT, row) for row in entries(ROOM, 1, first=301)]
        bulk_load(tmp_path, SHARDS, Sealer(MASTER, warehouse.cluster), [(slot, EntryRow(*_with(row, n=300))) for slot, row in twice])
        assert any("has the number 300 of device dev00001, which was at 300 before" in told for told in check(warehouse).sentences)


def _with(row: EntryRow, n: int) -> tuple[object, ...]:
    return (row.room, row.seq, row.at, row.user, row.device, n, row.id, row.kind, row.body)
