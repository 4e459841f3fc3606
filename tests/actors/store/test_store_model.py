"""The embedded store against the one in memory: the same random history, the same answers."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from actors.store import ledger
from actors.store.rows import (
    ActiveRow,
    CheckpointRow,
    CursorRow,
    Gone,
    KeyRow,
    MarkRow,
    MemberRow,
    ReadRow,
    Row,
    SagaRow,
    UserMarkRow,
)
from actors.store.store import Commit, Store
from tests.actors.store.samples import entry, listed, room_row, user_row
from tests.kit.memory import MemoryDisk, MemoryStore
from tests.kit.warehouse import Warehouse

ROOMS = [(number * 97 % 4096, f"room{number}") for number in range(12)]
USERS = [(number * 991 % 4096, name) for number, name in enumerate(("ann", "bob", "eve"))]


class History:
    """Random commits. Now and then a conflict, rows that go, entries that go."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.heads: dict[str, int] = {}

    def commit(self) -> Commit:
        """One more."""
        if self.chance.random() < 0.7:
            slot, room = self.chance.choice(ROOMS)
            return Commit(slot, self.of_room(slot, room), self.gone_of_room(room))
        slot, user = self.chance.choice(USERS)
        return Commit(slot, [self.of_user(user) for _ in range(self.chance.randrange(1, 4))], self.gone_of_user(user))

    def of_room(self, slot: int, room: str) -> list[Row]:
        """What a room puts: mostly entries."""
        rows: list[Row] = []
        for _ in range(self.chance.choice((0, 1, 1, 1, 2, 5))):
            self.heads[room] = self.heads.get(room, 0) + 1
            rows.append(entry(self.heads[room], f"{room} {self.chance.random()}", room))
        if self.chance.random() < 0.03 and self.heads.get(room):
            rows.append(entry(self.chance.randrange(1, self.heads[room] + 1), "conflict", room))
        user = self.chance.choice(USERS)[1]
        number = self.chance.randrange(5)
        others: list[Row] = [
            room_row(room, name=f"name {number}"),
            MemberRow(room, user, "member", user, number, number),
            MarkRow(room, user, number, self.chance.random() < 0.5, True),
            CheckpointRow(room, self.chance.randrange(self.heads.get(room, 0) + 1), 0, b"x"),
            ActiveRow(room, slot),
            KeyRow(room, user, f"key{number}", number, number, b"d"),
            SagaRow(f"of-{room}", slot, "adding", user, number, b"state"),
        ]
        rows += self.chance.sample(others, self.chance.choice((0, 0, 1, 2)))
        return rows

    def of_user(self, user: str) -> Row:
        """What a user puts."""
        _, room = self.chance.choice(ROOMS)
        number = self.chance.randrange(100)
        rows: list[Row] = [
            user_row(user=user, version=number),
            listed(room, number, self.chance.choice(("none", "member")), user),
            ReadRow(user, room, number),
            UserMarkRow(user, room, number),
            CursorRow(user, f"d{number % 3}", room, number),
        ]
        return self.chance.choice(rows)

    def gone_of_room(self, room: str) -> list[Gone]:
        """What a room takes away."""
        user = self.chance.choice(USERS)[1]
        if self.chance.random() < 0.01:
            return [Gone("entries", (room, self.chance.randrange(1, 50)))]
        if self.chance.random() < 0.8:
            return []
        return [
            self.chance.choice(
                [
                    Gone("marks", (room,)),
                    Gone("marks", (room, user)),
                    Gone("active", (room,)),
                    Gone("members", (room, user)),
                    Gone("sagas", (f"of-{room}",)),
                ]
            )
        ]

    def gone_of_user(self, user: str) -> list[Gone]:
        """What a user takes away."""
        if self.chance.random() < 0.8:
            return []
        return [self.chance.choice([Gone("cursors", (user, "d1")), Gone("user_marks", (user,)), Gone("user_rooms", (user, ROOMS[0][1]))])]


def picture(lab: Any, store: Store) -> list[Any]:
    """All that can be read."""
    wait = lab.wait
    names = [room for _, room in ROOMS]
    seen: list[Any] = [wait(store.heads(ROOMS)), wait(store.active(range(4096))), wait(store.sagas(range(4096)))]
    seen.append(sorted(wait(store.untold(range(4096))), key=lambda row: (row.room, row.user)))
    for slot, room in ROOMS:
        seen += [
            wait(store.load_room(slot, room)),
            wait(store.load_saga(slot, f"of-{room}")),
            wait(store.entries_after(slot, room, 3, 1000)),
            wait(store.entries_before(slot, room, 90, 20)),
        ]
        seen += [wait(store.post_key(slot, room, user, f"key{number}")) for _, user in USERS for number in range(5)]
    for slot, user in USERS:
        seen += [
            wait(store.load_user(slot, user)),
            wait(store.user_rooms(slot, user, names)),
            wait(store.user_rooms_since(slot, user, 50, 5)),
        ]
        seen += [
            wait(store.user_rooms_page(slot, user, "room1", 5)),
            wait(store.reads(slot, user, names[:5])),
            wait(store.cursors(slot, user, names)),
        ]
    return seen


class AtOnce:
    """Waits for promises that are settled already."""

    def wait(self, promise: Any) -> Any:
        return promise.result()


@pytest.mark.parametrize("seed", range(4))
def test_a_random_history_reads_the_same_from_both_stores(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Small thresholds, so that entries are folded all the time.
    monkeypatch.setattr(ledger, "FOLD_ENTRIES", 60)
    monkeypatch.setattr(ledger, "SLICE", 20)
    history = History(seed)
    disk = MemoryDisk()
    with Warehouse(tmp_path, shards=2) as warehouse:
        for life in ("a", "b", "c"):
            store, model = warehouse.store(life), MemoryStore(disk, life)
            for _ in range(25):
                changes = [history.commit() for _ in range(history.chance.randrange(1, 30))]
                model.hold()
                expected = [model.commit(change) for change in changes]
                model.flow()
                errors = warehouse.settle(*[store.commit(change) for change in changes])
                assert [type(error) for error in errors] == [type(promise.error) for promise in expected]
                heads = warehouse.wait(store.heads(ROOMS))
                history.heads = {room: seq for room, (seq, _) in heads.items()}
            assert picture(warehouse, store) == picture(AtOnce(), model)
            warehouse.seal(life)
