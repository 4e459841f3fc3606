"""What every store must answer when it is read: the second half of the conformance suite."""

from __future__ import annotations

import random

from actors.store.rows import (
    ActiveRow,
    CheckpointRow,
    CursorRow,
    Gone,
    KeyRow,
    ReadRow,
    SagaRow,
    UserRoomRow,
)
from actors.store.store import Commit
from tests.actors.store.samples import (
    AT,
    ROOM,
    SLOT,
    USER,
    USER_SLOT,
    Lab,
    all_entries,
    entry,
    listed,
    mark,
    member,
    put,
    room_row,
)

# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_read_sees_every_commit_that_was_settled(lab: Lab) -> None:
    store = lab.store()
    for seq in range(1, 40):
        put(lab, store, entry(seq), CheckpointRow(ROOM, seq, seq, b""), room_row(name=f"n{seq}"))
        state = lab.wait(store.load_room(SLOT, ROOM))
        assert state is not None and state.row.name == f"n{seq}" and state.tail == []
        assert lab.wait(store.heads([(SLOT, ROOM)])) == {ROOM: (seq, AT + seq)}
        assert [row.seq for row in lab.wait(store.entries_after(SLOT, ROOM, seq - 1, 10))] == [seq]


def test_pages_after_and_before_a_number(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, *(entry(seq) for seq in range(1, 31)))
    put(lab, store, entry(1, room="other"))

    def after(seq: int, limit: int) -> list[int]:
        return [row.seq for row in lab.wait(store.entries_after(SLOT, ROOM, seq, limit))]

    def before(seq: int, limit: int) -> list[int]:
        return [row.seq for row in lab.wait(store.entries_before(SLOT, ROOM, seq, limit))]

    assert after(0, 3) == [1, 2, 3]
    assert after(28, 10) == [29, 30]
    assert after(30, 10) == [] and after(500, 10) == []
    assert before(31, 3) == [28, 29, 30]
    assert before(2**53 - 1, 2) == [29, 30]
    assert before(3, 10) == [1, 2]
    assert before(1, 10) == []
    assert after(0, 100) == before(31, 100) == list(range(1, 31))


def test_pages_are_right_however_much_was_written_in_between(lab: Lab) -> None:
    # Enough to pass every inner threshold of a store several times: what is new, what is being moved, what was moved.
    store = lab.store()
    chance = random.Random(4)
    heads = {f"room{i:02d}": 0 for i in range(40)}
    for _ in range(90):
        promises = []
        for room in chance.choices(list(heads), k=150):
            heads[room] += 1
            promises.append(store.commit(Commit(SLOT, (entry(heads[room], f"{room} {heads[room]}", room),))))
        assert lab.settle(*promises) == [None] * 150
        room = chance.choice(list(heads))
        at = chance.randrange(heads[room] + 2)
        page = lab.wait(store.entries_after(SLOT, room, at, 20))
        assert [row.seq for row in page] == list(range(at + 1, min(at + 20, heads[room]) + 1))
        page = lab.wait(store.entries_before(SLOT, room, at, 20))
        assert [row.seq for row in page] == list(range(max(1, at - 20), min(at, heads[room] + 1)))
        assert lab.wait(store.heads([(SLOT, name) for name in heads])) == {name: (head, AT + head) for name, head in heads.items() if head}
    for room, head in heads.items():
        assert [row.body for row in all_entries(lab, store, room)] == [f"{room} {seq}" for seq in range(1, head + 1)]
    lab.seal("a")
    after = lab.store("b")
    for room, head in heads.items():
        assert [row.body for row in all_entries(lab, after, room)] == [f"{room} {seq}" for seq in range(1, head + 1)]


def test_heads_of_many_rooms_over_all_slots(lab: Lab) -> None:
    store = lab.store()
    rooms = [(i * 7 % 4096, f"room{i:04d}") for i in range(600)]
    promises = [
        store.commit(Commit(slot, tuple(entry(seq, room=room) for seq in range(1, 2 + i % 3)))) for i, (slot, room) in enumerate(rooms)
    ]
    assert lab.settle(*promises) == [None] * 600
    heads = lab.wait(store.heads([*rooms, (5, "never")]))
    assert heads == {room: (1 + i % 3, AT + 1 + i % 3) for i, (_, room) in enumerate(rooms)}
    assert lab.wait(store.heads([])) == {}


def test_marks_that_were_not_told_are_found_by_slot(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, mark("ann", told=True), mark("bob"), slot=1)
    put(lab, store, mark("eve", room="room2"), slot=2)
    put(lab, store, mark("dan", room="room3"), slot=4095)
    assert lab.wait(store.untold([1])) == [mark("bob")]
    assert sorted(row.user for row in lab.wait(store.untold(range(4096)))) == ["bob", "dan", "eve"]
    put(lab, store, mark("bob", told=True), slot=1)
    assert lab.wait(store.untold([1, 3])) == []
    assert lab.wait(store.untold([])) == []


def test_active_rooms_are_found_by_slot(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, ActiveRow("room1", 1), slot=1)
    put(lab, store, ActiveRow("room2", 4000), slot=4000)
    everywhere = lab.wait(store.active(range(4096)))
    assert sorted(everywhere) == ["room1", "room2"]
    assert lab.wait(store.active([1, 2])) == ["room1"]
    put(lab, store, slot=1, gone=(Gone("active", ("room1",)),))
    assert lab.wait(store.active([1, 2])) == []


def test_operations_that_run_are_found_by_slot_until_they_have_ended(lab: Lab) -> None:
    store = lab.store()
    first = SagaRow("saga1", 1, "adding", USER, AT, b"\x00state")
    put(lab, store, first, slot=1)
    put(lab, store, SagaRow("saga2", 4000, "leaving", USER, AT, b""), slot=4000)
    assert sorted(lab.wait(store.sagas(range(4096)))) == ["saga1", "saga2"]
    assert lab.wait(store.load_saga(1, "saga1")) == first and lab.wait(store.load_saga(1, "saga3")) is None
    later = SagaRow("saga1", 1, "undoing", USER, AT, b"later")
    put(lab, store, later, slot=1)
    assert lab.wait(store.load_saga(1, "saga1")) == later and lab.wait(store.sagas([1, 2])) == ["saga1"]
    put(lab, store, slot=1, gone=(Gone("sagas", ("saga1",)),))
    assert lab.wait(store.load_saga(1, "saga1")) is None and lab.wait(store.sagas([1, 2])) == []


def test_operations_of_a_sealed_life_are_found_by_the_next_owner(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, SagaRow("saga1", 1, "adding", USER, AT, b"state"), SagaRow("saga3", 1, "adding", USER, AT, b""), slot=1)
    put(lab, store, slot=1, gone=(Gone("sagas", ("saga3",)),))
    lab.seal("a")
    after = lab.store("b")
    assert lab.wait(after.sagas(range(4096))) == ["saga1"]
    assert lab.wait(after.load_saga(1, "saga1")) == SagaRow("saga1", 1, "adding", USER, AT, b"state")


def test_a_users_rooms_by_name_since_a_version_and_in_pages(lab: Lab) -> None:
    store = lab.store()
    rows = [listed(f"room{i:03d}", 100 - i, "none" if i % 10 == 0 else "member") for i in range(50)]
    put(lab, store, *rows, listed("room001", 7, user="bob"), slot=USER_SLOT)
    assert lab.wait(store.user_rooms(USER_SLOT, USER, ["room003", "room001", "nowhere"])) == [rows[1], rows[3]]
    assert lab.wait(store.user_rooms(USER_SLOT, USER, [])) == []
    since = lab.wait(store.user_rooms_since(USER_SLOT, USER, 95, 3))
    assert since == [rows[4], rows[3], rows[2]]
    assert lab.wait(store.user_rooms_since(USER_SLOT, USER, 100, 3)) == []
    members = [row for row in rows if row.role != "none"]
    pages: list[UserRoomRow] = []
    while page := lab.wait(store.user_rooms_page(USER_SLOT, USER, pages[-1].room if pages else "", 7)):
        pages.extend(page)
    assert pages == members


def test_reads_and_cursors_of_the_named_rooms(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, ReadRow(USER, "room1", 5), ReadRow(USER, "room2", 6), ReadRow("bob", "room1", 9), slot=USER_SLOT)
    put(lab, store, CursorRow(USER, "d1", "room1", 1), CursorRow(USER, "d2", "room1", 2), CursorRow(USER, "d1", "room2", 3), slot=USER_SLOT)
    assert lab.wait(store.reads(USER_SLOT, USER, ["room1", "room3"])) == [ReadRow(USER, "room1", 5)]
    assert lab.wait(store.cursors(USER_SLOT, USER, ["room1"])) == [CursorRow(USER, "d1", "room1", 1), CursorRow(USER, "d2", "room1", 2)]


def test_keys_of_posts_are_remembered_until_they_are_forgotten(lab: Lab) -> None:
    store = lab.store()
    keys = [KeyRow(ROOM, USER, f"key-{at:05d}", at, at, bytes(32)) for at in (10, 20, 30)]
    put(lab, store, *keys[:2])
    put(lab, store, keys[2], slot=4095)
    assert lab.wait(store.post_key(SLOT, ROOM, USER, "key-00020")) == keys[1]
    assert lab.wait(store.post_key(SLOT, ROOM, "bob", "key-00020")) is None
    assert lab.wait(store.forget_keys(20)) == 1
    assert lab.wait(store.post_key(SLOT, ROOM, USER, "key-00010")) is None
    assert lab.wait(store.post_key(SLOT, ROOM, USER, "key-00020")) == keys[1]
    assert lab.wait(store.forget_keys(1000)) == 2
    assert lab.wait(store.forget_keys(1000)) == 0


def test_one_member_of_a_room(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, member("ann"), member("bob"), member("bob", "other"))
    assert lab.wait(store.member(SLOT, ROOM, "bob")) == member("bob")
    assert lab.wait(store.member(SLOT, ROOM, "eve")) is None


def test_the_counters_tell_how_much_was_committed(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, entry(1))
    put(lab, store, entry(2))
    assert store.info()["commits"] == 2
