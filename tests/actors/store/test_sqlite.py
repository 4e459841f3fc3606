"""What the SQLite store promises beyond the suite: fences between processes, durability, sealing at rest, group commit."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.store.cluster_file import ClusterFile
from actors.store.ledger import fold_all
from actors.store.opening import Damaged, connect
from actors.store.rows import Gone, MarkRow
from actors.store.seal import CannotUnseal, Sealer
from actors.store.shards import NotReleased, owner_of, shard_of, slots_of
from actors.store.store import Commit, Sealed, StoreUnavailable
from tests.actors.store.samples import ROOM, SLOT, all_entries, entry, mark, member, put, room_row
from tests.kit.store_child import IN_FLIGHT, body_of, slot_of_room
from tests.kit.warehouse import MASTER, Warehouse

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "data", shards=3) as made:
        yield made


def child(folder: Path, life: str, what: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.kit.store_child", str(folder), life, what]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kill_after(process: subprocess.Popen[str], lines: int) -> dict[int, int]:
    """Kill it when it has acknowledged that much; the last acknowledged seq of each room."""
    acknowledged: dict[int, int] = {}
    assert process.stdout is not None
    for count, line in enumerate(process.stdout):
        if not line.endswith("\n"):
            break
        room, seq = (int(word) for word in line.split())
        assert seq == acknowledged.get(room, seq - 1) + 1
        acknowledged[room] = seq
        if count == lines:
            os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    return acknowledged


# --- the fence -------------------------------------------------------------------------------------------------------


def test_a_shard_of_another_life_is_not_taken_before_it_is_sealed_or_released(warehouse: Warehouse) -> None:
    first = warehouse.store("a")
    second = warehouse.bare_store("b")
    with pytest.raises(NotReleased):
        warehouse.wait(second.take_shard(0))
    warehouse.wait(first.release_shard(0))
    warehouse.wait(second.take_shard(0))
    assert owner_of(warehouse.folder, 0) == "b" and owner_of(warehouse.folder, 1) == "a"
    with pytest.raises(NotReleased):
        warehouse.wait(second.take_shard(1))
    warehouse.seal("a")
    warehouse.wait(second.take_shard(1))
    assert second.owned() == [0, 1]


def test_a_sealed_life_takes_no_shard_any_more(warehouse: Warehouse) -> None:
    warehouse.seal("a")
    store = warehouse.bare_store("a")
    with pytest.raises(Sealed):
        warehouse.wait(store.take_shard(0))


def test_commits_made_before_a_release_are_carried_out_and_those_after_it_refused(warehouse: Warehouse) -> None:
    store = warehouse.store()
    slot = slots_of(0, 3)[0]
    promises = [store.commit(Commit(slot, (entry(seq),))) for seq in range(1, 20)]
    released = store.release_shard(0)
    late = store.commit(Commit(slot, (entry(20),)))
    errors = warehouse.settle(*promises, released, late)
    assert errors[:-1] == [None] * 20
    assert isinstance(errors[-1], Sealed)
    with pytest.raises(Sealed):
        put(warehouse, store, entry(21), slot=slot)
    with pytest.raises(Sealed):
        warehouse.wait(store.load_room(slot, ROOM))
    other = warehouse.bare_store("b")
    warehouse.wait(other.take_shard(0))
    assert [row.seq for row in warehouse.wait(other.entries_after(slot, ROOM, 0, 100))] == list(range(1, 20))


def test_a_life_that_another_process_seals_between_two_commits_is_refused(warehouse: Warehouse) -> None:
    store = warehouse.store("a")
    put(warehouse, store, entry(1))
    code = f"from pathlib import Path; from actors.store.shards import seal_life; seal_life(Path({str(warehouse.folder)!r}), 3, 'a')"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    for change in (Commit(SLOT, (entry(2),)), Commit(SLOT, (mark("bob"),)), Commit(SLOT, (), (Gone("entries", (ROOM,)),))):
        assert [type(error) for error in warehouse.settle(store.commit(change))] == [Sealed]
    assert [type(error) for error in warehouse.settle(store.forget_keys(2**50))] == [Sealed]
    after = warehouse.store("b")
    assert [row.seq for row in all_entries(warehouse, after)] == [1]


def test_every_slot_lies_in_exactly_one_shard() -> None:
    for shards in (1, 2, 3, 7, 256):
        assert [slot for shard in range(shards) for slot in slots_of(shard, shards)] == list(range(4096))
        assert all(shard_of(slot, shards) == shard for shard in range(shards) for slot in slots_of(shard, shards))


# --- group commit ----------------------------------------------------------------------------------------------------


def test_commits_of_one_turn_share_a_group_and_a_wake_up(warehouse: Warehouse) -> None:
    store = warehouse.store()
    groups, wakes = store.info()["groups"], warehouse.turns.wakes
    errors = warehouse.settle(
        *[store.commit(Commit(i * 40, (entry(1, room=f"room{i}"), mark("bob", room=f"room{i}")))) for i in range(100)]
    )
    assert errors == [None] * 100
    assert store.info()["groups"] == groups + 1
    assert warehouse.turns.wakes == wakes + 1


def test_what_settled_promises_cause_goes_into_the_next_group_together(warehouse: Warehouse) -> None:
    store = warehouse.store()
    later = []

    def again(number: int) -> None:
        later.append(store.commit(Commit(number, (entry(2, room=f"room{number}"),))))

    first = [store.commit(Commit(number, (entry(1, room=f"room{number}"),))) for number in range(10)]
    for number, promise in enumerate(first):
        promise.when_settled(lambda _, number=number: again(number))  # type: ignore[misc]
    groups = store.info()["groups"]
    warehouse.settle(*first)
    assert warehouse.settle(*later) == [None] * 10
    assert store.info()["groups"] == groups + 2


def test_a_row_that_cannot_be_stored_fails_its_commit_alone(warehouse: Warehouse) -> None:
    store = warehouse.store()
    bad = MarkRow(ROOM, "eve", 2**70, False, True)
    changes = [Commit(1, (entry(1, room="room1"),)), Commit(2, (entry(1, room="room2"), bad)), Commit(3, (entry(1, room="room3"),))]
    errors = warehouse.settle(*[store.commit(change) for change in changes])
    assert [type(error) for error in errors] == [type(None), OverflowError, type(None)]
    heads = warehouse.wait(store.heads([(1, "room1"), (2, "room2"), (3, "room3")]))
    assert set(heads) == {"room1", "room3"}


def test_text_that_is_no_unicode_is_refused_at_once(warehouse: Warehouse) -> None:
    store = warehouse.store()
    with pytest.raises(ValueError, match="surrogates"):
        store.commit(Commit(SLOT, (entry(1, "\ud800"),)))
    with pytest.raises(ValueError, match="names no rows"):
        store.commit(Commit(SLOT, (), (Gone("nothing", (ROOM,)),)))
    with pytest.raises(ValueError, match="names no rows"):
        store.commit(Commit(SLOT, (), (Gone("marks", ()),)))


def test_closing_writes_what_waits(warehouse: Warehouse) -> None:
    store = warehouse.store("a")
    promises = [store.commit(Commit(SLOT, (entry(seq),))) for seq in range(1, 10)]
    store.close()
    assert warehouse.settle(*promises) == [None] * 9
    assert isinstance(warehouse.settle(store.commit(Commit(SLOT, (entry(10),))))[0], Sealed | StoreUnavailable)
    warehouse.seal("a")
    assert len(all_entries(warehouse, warehouse.store("b"))) == 9


# --- durable ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_was_acknowledged_outlives_a_killed_process(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    Warehouse(folder, shards=2).cluster.close()
    acknowledged = dict.fromkeys(range(6), 0)
    for attempt, lines in enumerate((50, 700, 6000)):
        with Warehouse(folder) as warehouse:
            acknowledged |= kill_after(child(folder, f"child{attempt}", "6"), lines)
            warehouse.seal(f"child{attempt}")
            store = warehouse.store(f"judge{attempt}")
            for number, last in acknowledged.items():
                rows = warehouse.wait(store.entries_after(slot_of_room(number), f"room{number:04d}", 0, 10**6))
                assert [(row.seq, row.body) for row in rows] == [(seq, body_of(number, seq)) for seq in range(1, len(rows) + 1)]
                assert last <= len(rows) <= last + IN_FLIGHT
                acknowledged[number] = len(rows)
            warehouse.seal(f"judge{attempt}")


@pytest.mark.slow
def test_a_full_disk_loses_nothing_acknowledged_and_ends_when_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    Warehouse(folder).cluster.close()
    process = child(folder, "child", "full")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = output.splitlines()
    acknowledged = [int(line.split()[1]) for line in lines if not line.startswith("refused")]
    refused = [line.split()[1] for line in lines if line.startswith("refused")]
    assert len(refused) == 3 and set(refused) <= {"StoreUnavailable", "OutcomeUnknown"}
    with Warehouse(folder) as warehouse:
        warehouse.seal("child")
        store = warehouse.store("judge")
        rows = warehouse.wait(store.entries_after(slot_of_room(0), "room0000", 0, 10**6))
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert set(acknowledged) <= {row.seq for row in rows}
    assert acknowledged[-1] == rows[-1].seq


def test_commits_are_synced(warehouse: Warehouse) -> None:
    connection = connect(warehouse.folder / "shard-00.db")
    names = ("journal_mode", "synchronous", "fullfsync")
    assert [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names] == ["wal", 2, 1]
    connection.close()


# --- sealed at rest --------------------------------------------------------------------------------------------------


def test_no_body_lies_readable_in_any_file(warehouse: Warehouse) -> None:
    store = warehouse.store("a")
    put(warehouse, store, room_row(), *(entry(seq, f"secret words {seq}") for seq in range(1, 50)))
    files = [path.read_bytes() for path in warehouse.folder.iterdir()]
    assert any(b"Tea" in data for data in files)
    assert not any(b"secret words" in data for data in files)
    store.close()
    assert not any(b"secret words" in path.read_bytes() for path in warehouse.folder.iterdir())


def test_a_body_does_not_open_in_another_place(warehouse: Warehouse) -> None:
    store = warehouse.store("a")
    put(warehouse, store, entry(1, "pay 10"), entry(1, "pay 1000", "another"))
    store.close()
    warehouse.seal("a")
    with sqlite3.connect(warehouse.folder / "shard-00.db") as file:
        fold_all(file, Sealer(MASTER, warehouse.cluster))
        file.execute("UPDATE entries SET body = (SELECT body FROM entries WHERE room = 'another')")
    file.close()
    with pytest.raises(CannotUnseal):
        all_entries(warehouse, warehouse.store("c"))


def test_entries_of_earlier_lives_open_by_their_own_keys(warehouse: Warehouse) -> None:
    for seq, life in enumerate("abcd", start=1):
        put(warehouse, warehouse.store(life), entry(seq, f"by {life}"))
        warehouse.seal(life)
    other = ClusterFile(warehouse.folder)
    fresh = Warehouse(warehouse.folder)
    assert [row.body for row in all_entries(fresh, fresh.store("e"))] == ["by a", "by b", "by c", "by d"]
    fresh.__exit__()
    assert other.wrapped_key(1) is not None and Sealer(MASTER, other) is not None
    other.close()


# --- files that are not what they should be --------------------------------------------------------------------------


def test_a_shard_that_is_missing_or_overwritten_is_told(warehouse: Warehouse) -> None:
    store = warehouse.bare_store()
    (warehouse.folder / "shard-01.db").unlink()
    (warehouse.folder / "shard-02.db").write_bytes(b"not a database at all" * 1000)
    warehouse.wait(store.take_shard(0))
    with pytest.raises(Damaged, match=r"shard-01\.db is missing"):
        warehouse.wait(store.take_shard(1))
    with pytest.raises(Damaged, match=r"shard-02\.db is damaged"):
        warehouse.wait(store.take_shard(2))
    put(warehouse, store, member("ann"), slot=0)
