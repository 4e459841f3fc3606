"""Backups taken while others write, and what a restore refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.store import backup, data_folder
from actors.store.backup import Manifest, NotEmpty, back_up, read_manifest, restore, verify
from actors.store.opening import Damaged, KeyFileError, NewerFormat
from actors.store.rows import ReadRow
from actors.store.seal import new_master_key, read_key_file
from actors.store.shards import shard_of, slots_of
from actors.store.store import Commit
from tests.actors.store.samples import ROOM, SLOT, entry, put, room_row
from tests.kit.store_child import body_of, slot_of_room
from tests.kit.warehouse import MASTER, Warehouse

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "data", shards=2) as made:
        yield made


def copy(warehouse: Warehouse, target: Path, passphrase: str | None = "correct horse") -> Manifest:
    return back_up(warehouse.folder, target, now_ms=1_700_000_000_000, master=MASTER, passphrase=passphrase)


def test_what_was_stored_comes_back_with_its_key(warehouse: Warehouse, tmp_path: Path) -> None:
    store = warehouse.store("a")
    put(warehouse, store, room_row(), *(entry(seq, f"secret {seq}") for seq in range(1, 40)))
    warehouse.cluster.change_view(0, b"view")
    steps: list[tuple[str, int, int]] = []
    made = back_up(
        warehouse.folder,
        tmp_path / "backup",
        now_ms=7,
        master=MASTER,
        passphrase="correct horse",
        progress=lambda *step: steps.append(step),
    )
    put(warehouse, store, entry(40, "too late"))
    assert (made.shards, made.keys, made.made_at) == (2, "passphrase", 7)
    assert {name for name, _, _ in steps} == {"shard-00.db", "shard-01.db", "cluster.db"}
    assert all(0 <= done <= total for _, done, total in steps)
    restored = restore(tmp_path / "backup", tmp_path / "restored", passphrase="correct horse")
    assert restored == made
    assert read_key_file(tmp_path / "restored" / "master.key") == MASTER
    with Warehouse(tmp_path / "restored") as again:
        assert again.cluster.view() == (1, b"view")
        again.seal("a")
        after = again.store("b")
        rows = again.wait(after.entries_after(SLOT, ROOM, 0, 100))
        assert [(row.seq, row.body) for row in rows] == [(seq, f"secret {seq}") for seq in range(1, 40)]
        put(again, after, entry(40, "anew"))


def test_a_room_that_changes_its_file_while_the_backup_is_cut_is_in_it_all_the_same(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, room = warehouse.store("a"), "room1234"
    slot = slot_of(actor_id("room", room))
    put(warehouse, store, *(entry(seq, f"secret {seq}", room) for seq in range(1, 40)), slot=slot)
    moves = iter(
        [
            lambda: warehouse.wait(store.fill_seat(0, room, 5)),
            lambda: warehouse.wait(store.empty_seats(shard_of(slot, 2), [])) or warehouse.wait(store.empty_seats(shard_of(slot, 2), [])),
        ]
    )
    real = backup.all_files

    def files_and_then_a_move(folder: Path, shards: int) -> list[Path]:
        found = real(folder, shards)
        for move in moves:
            move()
            break
        return found

    monkeypatch.setattr(backup, "all_files", files_and_then_a_move)
    copy(warehouse, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "restored", passphrase="correct horse")
    with Warehouse(tmp_path / "restored") as again:
        again.seal("a")
        after = again.store("b")
        while not again.wait(after.empty_seats(shard_of(slot, 2), [])):
            pass
        assert [row.seq for row in again.wait(after.entries_after(slot, room, 0, 100))] == list(range(1, 40))


def test_nothing_in_a_backup_is_readable(warehouse: Warehouse, tmp_path: Path) -> None:
    put(warehouse, warehouse.store(), entry(1, "secret words"))
    copy(warehouse, tmp_path / "backup")
    data = b"".join(path.read_bytes() for path in (tmp_path / "backup").iterdir())
    assert b"secret words" not in data and MASTER.key not in data
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "backup").glob("*.db"))


def test_keys_may_be_left_apart(warehouse: Warehouse, tmp_path: Path) -> None:
    manifest = copy(warehouse, tmp_path / "backup", passphrase=None)
    assert manifest.keys == "apart" and manifest.key_id == MASTER.key_id.hex()
    assert not any("key" in path.name for path in (tmp_path / "backup").iterdir())
    restore(tmp_path / "backup", tmp_path / "restored")
    assert not (tmp_path / "restored" / "master.key").exists()
    with pytest.raises(KeyFileError, match="is missing"):
        data_folder.open_folder(tmp_path / "restored")


def test_nothing_is_overwritten(warehouse: Warehouse, tmp_path: Path) -> None:
    copy(warehouse, tmp_path / "backup")
    with pytest.raises(NotEmpty):
        copy(warehouse, tmp_path / "backup")
    with pytest.raises(NotEmpty):
        restore(tmp_path / "backup", warehouse.folder, passphrase="correct horse")
    (tmp_path / "empty").mkdir()
    restore(tmp_path / "backup", tmp_path / "empty", passphrase="correct horse")


def test_a_wrong_passphrase_or_none_restores_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    copy(warehouse, tmp_path / "backup")
    for passphrase in (None, "", "wrong horse"):
        with pytest.raises(KeyFileError, match="passphrase"):
            restore(tmp_path / "backup", tmp_path / "restored", passphrase=passphrase)
    assert not (tmp_path / "restored").exists()


def test_the_key_of_other_data_makes_no_backup(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="not the one"):
        back_up(warehouse.folder, tmp_path / "backup", now_ms=0, master=new_master_key(), passphrase="correct horse")


def test_a_backup_that_was_changed_or_cut_off_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    copy(warehouse, backup)
    verify(backup)
    shard = backup / "shard-01.db"
    whole = shard.read_bytes()
    for bad in (whole[:-1], whole[:5000] + bytes((whole[5000] ^ 1,)) + whole[5001:]):
        shard.write_bytes(bad)
        with pytest.raises(Damaged, match=r"shard-01\.db"):
            restore(backup, tmp_path / "restored", passphrase="correct horse")
    shard.unlink()
    with pytest.raises(Damaged, match=r"shard-01\.db"):
        verify(backup)
    shard.write_bytes(whole)
    verify(backup)
    manifest = backup / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace("shard-01.db", "../data/shard-01.db"))
    with pytest.raises(Damaged):
        verify(backup)
    manifest.write_text(text[:-20])
    with pytest.raises(Damaged, match="is damaged"):
        read_manifest(backup)
    manifest.write_text(json.dumps(json.loads(text) | {"format": 99}))
    with pytest.raises(NewerFormat):
        read_manifest(backup)
    manifest.unlink()
    with pytest.raises(Damaged, match="no complete backup"):
        restore(backup, tmp_path / "restored", passphrase="correct horse")
    assert not (tmp_path / "restored").exists()


@pytest.mark.slow
def test_backups_are_whole_while_another_process_writes_without_a_pause(warehouse: Warehouse, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.kit.store_child", str(warehouse.folder), "child", "4"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _, line in zip(range(500), process.stdout, strict=False):
        assert line
    for attempt in range(3):
        copy(warehouse, tmp_path / f"backup{attempt}")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    counts = []
    for attempt in range(3):
        restore(tmp_path / f"backup{attempt}", tmp_path / f"restored{attempt}", passphrase="correct horse")
        with Warehouse(tmp_path / f"restored{attempt}") as again:
            again.seal("child")
            store = again.store("judge")
            rooms = [again.wait(store.entries_after(slot_of_room(n), f"room{n:04d}", 0, 10**6)) for n in range(4)]
        for number, rows in enumerate(rooms):
            assert [(row.seq, row.body) for row in rows] == [(seq, body_of(number, seq)) for seq in range(1, len(rows) + 1)]
        counts.append([len(rows) for rows in rooms])
    assert counts[0] < counts[1] < counts[2]


def test_what_one_shard_says_of_another_holds_in_every_backup(warehouse: Warehouse, tmp_path: Path) -> None:
    # Two chains that cross: a row in one shard, and only when it is settled its echo in the other. A copy may lack the echo of a
    # row, but never the row of an echo, in either direction: so no order in which shards might be cut one by one would do.
    store = warehouse.store("writer")
    stop = threading.Event()
    slots = (slots_of(0, 2)[0], slots_of(1, 2)[0])

    def write() -> None:
        step = 0
        while not stop.is_set():
            step += 1
            for first, second in (slots, slots[::-1]):
                put(warehouse, store, ReadRow(f"from{first}", "first", step), slot=first)
                put(warehouse, store, ReadRow(f"from{first}", "second", step), slot=second)

    writer = threading.Thread(target=write)
    writer.start()
    for attempt in range(6):
        back_up(warehouse.folder, tmp_path / f"backup{attempt}", now_ms=0, master=MASTER, passphrase=None)
    stop.set()
    writer.join()
    for attempt in range(6):
        restore(tmp_path / f"backup{attempt}", tmp_path / f"restored{attempt}")
        with Warehouse(tmp_path / f"restored{attempt}") as again:
            again.seal("writer")
            judge = again.store("judge")
            for first, second in (slots, slots[::-1]):
                ahead = [row.seq for row in again.wait(judge.reads(first, f"from{first}", ["first"]))]
                behind = [row.seq for row in again.wait(judge.reads(second, f"from{first}", ["second"]))]
                assert sum(ahead) - 1 <= sum(behind) <= sum(ahead)


def test_commits_go_on_while_a_backup_is_copied(warehouse: Warehouse, tmp_path: Path) -> None:
    store = warehouse.store()
    put(warehouse, store, *(entry(seq, "x" * 10_000) for seq in range(1, 400)))
    seqs = iter(range(400, 10_000))
    made = []

    def post(*_: object) -> None:
        made.append(warehouse.settle(store.commit(Commit(SLOT, (entry(next(seqs)),))))[0])

    back_up(warehouse.folder, tmp_path / "backup", now_ms=0, master=MASTER, passphrase=None, progress=post)
    assert len(made) > 3 and set(made) == {None}
    restore(tmp_path / "backup", tmp_path / "restored")
    with Warehouse(tmp_path / "restored") as again:
        again.seal("a")
        assert len(again.wait(again.store("b").entries_after(SLOT, ROOM, 0, 10**6))) == 399
