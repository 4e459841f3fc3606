"""What every store must do, as tests of a `lab`: import all of it into a module that has a `lab` fixture.

Nothing here knows which store it is. `lab.store(life)` owns every slot; `lab.wait` turns the loop until a promise is settled.
"""

from __future__ import annotations

import pytest

from actors.store.rows import (
    CheckpointRow,
    CursorRow,
    Gone,
    UserMarkRow,
)
from actors.store.store import Commit, Conflict, Sealed, StoreUnavailable
from tests.actors.store.samples import (
    AT,
    ROOM,
    SLOT,
    USER,
    USER_SLOT,
    Lab,
    all_entries,
    device,
    entry,
    mark,
    member,
    put,
    room_row,
    user_row,
)

# --- what was put is there -------------------------------------------------------------------------------------------


def test_a_room_that_was_never_stored_is_none(lab: Lab) -> None:
    store = lab.store()
    assert lab.wait(store.load_room(SLOT, ROOM)) is None
    assert lab.wait(store.load_user(USER_SLOT, USER)) is None
    assert lab.wait(store.post_key(SLOT, ROOM, USER, "key-00001")) is None


def test_a_room_is_loaded_with_all_that_belongs_to_it(lab: Lab) -> None:
    store = lab.store()
    checkpoint = CheckpointRow(ROOM, 2, 1, b"\x81\xa1d\x00")
    put(lab, store, room_row(), member("bob"), member("ann"), mark("bob", told=True), checkpoint, *(entry(seq) for seq in (1, 2, 3, 4)))
    put(lab, store, room_row("other"), member("eve", "other"), mark("eve", room="other"), entry(1, room="other"))
    state = lab.wait(store.load_room(SLOT, ROOM))
    assert state is not None
    assert state.row == room_row() and state.row.public is True and state.row.large is False
    assert state.members == [member("ann"), member("bob")]
    assert state.marks == [mark("bob", told=True)] and state.marks[0].told is True and state.marks[0].member is True
    assert state.checkpoint == checkpoint
    assert state.tail == [entry(3, body=""), entry(4, body="")]


def test_without_a_checkpoint_the_tail_is_everything(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, room_row(), entry(1), entry(2))
    state = lab.wait(store.load_room(SLOT, ROOM))
    assert state is not None and state.checkpoint is None and [row.seq for row in state.tail] == [1, 2]


def test_a_user_is_loaded_with_devices_and_marks(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, user_row(admin=True), device("d2"), device("d1"), UserMarkRow(USER, ROOM, 3), slot=USER_SLOT)
    put(lab, store, UserMarkRow("bob", ROOM, 3), slot=USER_SLOT)
    state = lab.wait(store.load_user(USER_SLOT, USER))
    assert state is not None
    assert state.row == user_row(admin=True) and state.row.admin is True and state.row.disabled is False
    assert state.devices == [device("d1"), device("d2")]
    assert state.marks == [UserMarkRow(USER, ROOM, 3)]


def test_a_row_put_again_replaces_the_one_before(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, room_row(name="Old"), member("ann"))
    put(lab, store, room_row(name="New", large=True))
    state = lab.wait(store.load_room(SLOT, ROOM))
    assert state is not None and state.row == room_row(name="New", large=True) and state.members == [member("ann")]


def test_every_kind_of_text_comes_back_as_it_was(lab: Lab) -> None:
    store = lab.store()
    bodies = ["x" * 16_384, "語" * 5_461, "\U0001f9cb emoji \u0000 nul \u202e", "a'; DROP TABLE entries; --", "\r\n\t", "é́"]
    for seq, body in enumerate(bodies, start=1):
        put(lab, store, entry(seq, body))
    put(lab, store, room_row(name="名前'\"", topic="\U0001f375"))
    assert [row.body for row in all_entries(lab, store)] == bodies
    state = lab.wait(store.load_room(SLOT, ROOM))
    assert state is not None and (state.row.name, state.row.topic) == ("名前'\"", "\U0001f375")


def test_an_entry_keeps_all_its_fields(lab: Lab) -> None:
    store = lab.store()
    row = entry(1, "{}", user="bob", device="", n=0, id="", kind="join", at=2**53 - 1)
    put(lab, store, row)
    assert all_entries(lab, store) == [row]


# --- order, conflicts, all or nothing --------------------------------------------------------------------------------


def test_promises_of_one_slot_are_settled_in_the_order_of_the_calls(lab: Lab) -> None:
    store = lab.store()
    order: list[int] = []
    promises = [store.commit(Commit(SLOT, (entry(seq),))) for seq in range(1, 101)]
    for seq, promise in enumerate(promises, start=1):
        promise.when_settled(lambda _, seq=seq: order.append(seq))  # type: ignore[misc]
    assert lab.settle(*promises) == [None] * 100
    assert order == list(range(1, 101))
    assert [row.seq for row in all_entries(lab, store)] == list(range(1, 101))


def test_commits_of_one_group_are_applied_in_the_order_of_the_calls(lab: Lab) -> None:
    store = lab.store()
    changes = [
        Commit(SLOT, (mark("bob", seq=1),)),
        Commit(SLOT, (), (Gone("marks", (ROOM, "bob")),)),
        Commit(SLOT, (mark("bob", seq=2), mark("eve", seq=2))),
        Commit(SLOT, (mark("bob", seq=3),)),
        Commit(SLOT, (), (Gone("marks", (ROOM, "eve")),)),
        Commit(SLOT, (room_row(),)),
    ]
    assert lab.settle(*[store.commit(change) for change in changes]) == [None] * 6
    state = lab.wait(store.load_room(SLOT, ROOM))
    assert state is not None and state.marks == [mark("bob", seq=3)]


def test_a_second_entry_of_one_number_is_a_conflict_and_changes_nothing(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, room_row(), entry(1, "first"))
    with pytest.raises(Conflict):
        put(lab, store, entry(1, "second"), member("eve"), room_row(name="changed"))
    state = lab.wait(store.load_room(SLOT, ROOM))
    assert state is not None and state.members == [] and state.row == room_row()
    assert [row.body for row in all_entries(lab, store)] == ["first"]


def test_two_entries_of_one_number_in_one_commit_are_a_conflict(lab: Lab) -> None:
    store = lab.store()
    with pytest.raises(Conflict):
        put(lab, store, entry(1, "one"), entry(1, "two"))
    assert all_entries(lab, store) == []


def test_a_conflict_after_other_changes_of_the_commit_takes_them_back(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, room_row(), member("ann"), mark("ann"), entry(1))
    with pytest.raises(Conflict):
        put(lab, store, member("eve"), entry(2), entry(1), gone=(Gone("members", (ROOM,)), Gone("marks", (ROOM, "ann"))))
    state = lab.wait(store.load_room(SLOT, ROOM))
    assert state is not None and state.members == [member("ann")] and state.marks == [mark("ann")]
    assert [row.seq for row in state.tail] == [1]


def test_a_conflict_fails_its_slot_and_no_other_of_the_group(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, entry(1))
    changes = [
        Commit(3, (entry(1, room="other"),)),
        Commit(SLOT, (entry(1, "again"),)),
        Commit(SLOT, (entry(2, "behind it"),)),
        Commit(3, (entry(2, room="other"),)),
    ]
    errors = lab.settle(*[store.commit(change) for change in changes])
    assert [type(error) for error in errors] == [type(None), Conflict, StoreUnavailable, type(None)]
    assert [row.seq for row in all_entries(lab, store)] == [1]
    assert [row.seq for row in all_entries(lab, store, "other", 3)] == [1, 2]


def test_after_a_conflict_the_slot_goes_on(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, entry(1))
    assert [type(error) for error in lab.settle(store.commit(Commit(SLOT, (entry(1),))))] == [Conflict]
    put(lab, store, entry(2))
    assert [row.seq for row in all_entries(lab, store)] == [1, 2]


def test_an_entry_may_not_be_put_below_the_head(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, entry(1), entry(3))
    with pytest.raises(Conflict):
        put(lab, store, entry(2))
    assert [row.seq for row in all_entries(lab, store)] == [1, 3]


# --- rows that go ----------------------------------------------------------------------------------------------------


def test_gone_takes_what_its_key_is_a_prefix_of_and_nothing_else(lab: Lab) -> None:
    store = lab.store()
    cursors = [CursorRow(USER, dev, room, 1) for dev in ("d1", "d2") for room in ("room1", "room2")]
    put(lab, store, *cursors, CursorRow("bob", "d1", "room1", 1), slot=USER_SLOT)
    put(lab, store, slot=USER_SLOT, gone=(Gone("cursors", (USER, "d1")),))
    assert lab.wait(store.cursors(USER_SLOT, USER, ["room1", "room2"])) == cursors[2:]
    put(lab, store, slot=USER_SLOT, gone=(Gone("cursors", (USER, "d2", "room1")),))
    assert lab.wait(store.cursors(USER_SLOT, USER, ["room1", "room2"])) == cursors[3:]
    put(lab, store, slot=USER_SLOT, gone=(Gone("cursors", (USER,)),))
    assert lab.wait(store.cursors(USER_SLOT, USER, ["room1", "room2"])) == []
    assert lab.wait(store.cursors(USER_SLOT, "bob", ["room1"])) == [CursorRow("bob", "d1", "room1", 1)]


def test_gone_comes_before_puts_in_one_commit(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, room_row(), mark("ann", seq=1), mark("bob", seq=1))
    put(lab, store, mark("ann", seq=2), gone=(Gone("marks", (ROOM,)),))
    state = lab.wait(store.load_room(SLOT, ROOM))
    assert state is not None and state.marks == [mark("ann", seq=2)]


def test_gone_of_what_is_not_there_is_harmless(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, gone=(Gone("marks", (ROOM, "nobody")), Gone("active", (ROOM,))))
    assert lab.wait(store.untold([SLOT])) == []


def test_entries_that_are_gone_make_room_for_new_ones(lab: Lab) -> None:
    store = lab.store()
    put(lab, store, entry(1), entry(2), entry(1, room="other"))
    put(lab, store, entry(1, "anew"), gone=(Gone("entries", (ROOM,)),))
    assert [(row.seq, row.body) for row in all_entries(lab, store)] == [(1, "anew")]
    assert lab.wait(store.heads([(SLOT, ROOM), (SLOT, "other")])) == {ROOM: (1, AT + 1), "other": (1, AT + 1)}
    put(lab, store, entry(2, "and on"))
    assert [row.seq for row in all_entries(lab, store)] == [1, 2]


# --- the fence -------------------------------------------------------------------------------------------------------


def test_a_sealed_life_commits_nothing_any_more(lab: Lab) -> None:
    store = lab.store("a")
    put(lab, store, entry(1))
    lab.seal("a")
    errors = lab.settle(store.commit(Commit(SLOT, (entry(2),))), store.commit(Commit(3, (room_row("other"),))))
    assert [type(error) for error in errors] == [Sealed, Sealed]
    after = lab.store("b")
    assert [row.seq for row in all_entries(lab, after)] == [1]
    assert lab.wait(after.load_room(3, "other")) is None


def test_what_waits_when_a_life_is_sealed_is_refused_whole(lab: Lab) -> None:
    store = lab.store("a")
    put(lab, store, room_row())
    promises = [store.commit(Commit(slot, (entry(1, room=f"room{slot}"), mark("bob", room=f"room{slot}")))) for slot in range(8)]
    lab.seal("a")
    outcomes = lab.settle(*promises)
    after = lab.store("b")
    for slot, error in enumerate(outcomes):
        there = len(all_entries(lab, after, f"room{slot}", slot))
        assert there == (1 if error is None else 0)
        assert error is None or isinstance(error, Sealed)
        assert len(lab.wait(after.untold([slot]))) == there


def test_the_next_life_finds_all_and_goes_on(lab: Lab) -> None:
    store = lab.store("a")
    for seq in range(1, 11):
        put(lab, store, entry(seq, f"of a {seq}"))
    lab.seal("a")
    after = lab.store("b")
    with pytest.raises(Conflict):
        put(lab, after, entry(10))
    put(lab, after, entry(11, "of b"))
    assert [row.body for row in all_entries(lab, after)] == [*(f"of a {seq}" for seq in range(1, 11)), "of b"]
    with pytest.raises(Sealed):
        put(lab, store, entry(12))
