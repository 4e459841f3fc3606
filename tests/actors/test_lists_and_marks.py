"""Lists of rooms and marks: they follow what rooms commit, whoever is down at the moment, and never stand too short."""

from __future__ import annotations

import pytest

from actors import commands as c
from actors import events as e
from actors.messages.marks import Cleared, Marked
from actors.runtime.actor import ActorId, actor_id
from actors.runtime.plain import Message
from actors.store.rows import MarkRow, UserMarkRow, UserRoomRow
from actors.store.store import StoreUnavailable
from tests.kit.chat import Device, Town
from tests.kit.scene import code, direct, host_of, key_on, lose, make_room, post, request, rows, say, user_on

MONTH_S = 31 * 24 * 3600.0


def pair() -> tuple[Town, Device, Device, str]:
    """Ann and Bob, each with one device on the list."""
    town = Town()
    town.register("ann", "bob", devices=("d1",))
    ann, bob = town.connect("ann"), town.connect("bob")
    return town, ann, bob, direct(town, ann, "bob")


def acknowledge(town: Town, seq: int, room: str, *devices: Device) -> None:
    for device in devices:
        device.say(c.Ack(room, seq))
    town.settle(2.0)


def cleared(town: Town, room: str, *devices: Device, seq: int = 1) -> None:
    """All have acknowledged, and a quiet minute has passed."""
    acknowledge(town, seq, room, *devices)
    town.settle(70.0)


def marked(town: Town, room: str) -> list[str]:
    """Whose mark stands in the room's own rows."""
    return sorted(row.user for row in rows(town, MarkRow, room))


def mark_of(town: Town, user: str, room: str) -> int | None:
    return next((row.seq for row in rows(town, UserMarkRow, user) if row.room == room), None)


def in_list(town: Town, user: str, room: str) -> UserRoomRow:
    (row,) = [row for row in rows(town, UserRoomRow, user) if row.room == room]
    assert isinstance(row, UserRoomRow)
    return row


def in_list_or_none(town: Town, user: str, room: str) -> str:
    return next((row.role for row in rows(town, UserRoomRow, user) if row.room == room), "none")


# --- marks -----------------------------------------------------------------------------------------------------------


def test_a_mark_is_cleared_when_every_device_has_the_head_and_a_minute_was_quiet() -> None:
    town, ann, bob, room = pair()
    acknowledge(town, 1, room, ann, bob)
    town.settle(50.0)
    assert marked(town, room) == ["ann", "bob"]
    town.settle(20.0)
    assert marked(town, room) == []
    assert (mark_of(town, "ann", room), mark_of(town, "bob", room)) == (None, None)


def test_a_mark_stands_while_one_device_on_the_list_has_not_the_head() -> None:
    town, ann, _bob, room = pair()
    town.register("cat", devices=("d1", "d2"))
    room = make_room(town, ann, "cat")
    cat = town.connect("cat")
    cleared(town, room, ann, cat)
    assert marked(town, room) == ["cat"]
    second = town.connect("cat", device="d2")
    cleared(town, room, second)
    assert marked(town, room) == []


def test_the_first_post_after_a_clear_marks_everybody_in_its_own_commit_whoever_is_online() -> None:
    town, ann, bob, room = pair()
    cleared(town, room, ann, bob)
    before = len(town.hosts["a"].store.commits)
    post(ann, room, 1)
    town.clock.run()
    (change,) = [x for x in town.hosts["a"].store.commits[before:] if any(row.table == "entries" for row in x.puts)]
    assert sorted(row.user for row in change.puts if isinstance(row, MarkRow)) == ["ann", "bob"]
    town.settle()
    assert (mark_of(town, "ann", room), mark_of(town, "bob", room)) == (2, 2)


def test_later_posts_write_nothing_but_their_entry() -> None:
    town, ann, bob, room = pair()
    cleared(town, room, ann, bob)
    say(town, ann, room, 1)
    town.settle(10.0)
    say(town, ann, room, 2)  # takes the lazy note along that the marks were told
    before = len(town.hosts["a"].store.commits)
    for n in range(3, 8):
        say(town, ann, room, n)
    changes = town.hosts["a"].store.commits[before:]
    assert [[row.table for row in change.puts] for change in changes] == [["entries"]] * 5


def test_marks_are_told_until_they_are_confirmed() -> None:
    town, ann, bob, room = pair()
    cleared(town, room, ann, bob)
    store = town.hosts["a"].store
    post(ann, room, 1)
    town.clock.run()
    store.break_down()  # the users cannot keep the marks now
    town.settle(1.0)
    assert not any(row.told for row in rows(town, MarkRow, room))
    store.mend()
    town.settle(5.0)
    assert (mark_of(town, "ann", room), mark_of(town, "bob", room)) == (2, 2)


def two_cells(*, room_on: str, reader_on: str) -> tuple[Town, Device, str, str]:
    """A room on one cell, its reader's user on another, the writer with the room's other cell."""
    town = Town(["a", "b", "c"])
    writer, reader = user_on(town, "a", "ann"), user_on(town, reader_on, "bob")
    town.register(writer, reader, devices=("d1",))
    ann = town.connect(writer, "a")
    room = make_room(town, ann, reader, key=key_on(town, room_on, writer))
    return town, ann, reader, room


def test_a_mark_that_was_committed_and_not_told_is_told_by_the_next_owner() -> None:
    town, ann, reader, room = two_cells(room_on="b", reader_on="c")
    bob = town.connect(reader, "c")
    cleared(town, room, ann, bob)
    assert mark_of(town, reader, room) is None
    bob.hang_up()
    store = town.hosts["b"].store
    store.hold()
    post(ann, room, 1)
    town.settle()
    for change in store.waiting():
        town.disk.apply(change)
    lose(town, "b")
    town.settle(5.0)
    assert mark_of(town, reader, room) == 2
    again = town.connect(reader, "c")
    (info,) = again.last(e.Welcome).rooms
    assert (info.room, info.head, info.marked) == (room, 2, True)


def test_a_room_that_owes_a_mark_does_not_retire() -> None:
    town, ann, reader, room = two_cells(room_on="b", reader_on="c")
    cleared(town, room, ann)
    town.network.cut("b", "c")
    town.hosts["c"].store.break_down()
    say(town, ann, room, 1)
    town.settle(300.0)
    assert town.hosts["b"].cell.activation(actor_id("room", room)) is not None
    town.hosts["c"].store.mend()
    town.network.heal("b", "c")
    town.settle(10.0)
    assert all(row.told or row.user != reader for row in rows(town, MarkRow, room)) or mark_of(town, reader, room) is not None
    town.settle(300.0)
    assert town.hosts["b"].cell.activation(actor_id("room", room)) is None


def test_a_clear_that_races_a_post_is_not_agreed_to() -> None:
    town, ann, bob, room = pair()
    acknowledge(town, 1, room, ann, bob)
    town.settle(58.0)
    say(town, ann, room, 1)  # within the quiet minute: the head is another one now
    town.settle(10.0)
    assert marked(town, room) == ["ann", "bob"]
    assert mark_of(town, "bob", room) is not None


def test_a_late_clear_takes_no_newer_mark_away() -> None:
    town, ann, bob, room = pair()
    cleared(town, room, ann, bob)
    say(town, ann, room, 1)
    town.hosts["a"].cell.tell(actor_id("user", "bob"), Cleared(room, 1))
    town.settle()
    assert mark_of(town, "bob", room) == 2


def test_a_lost_clear_leaves_the_users_mark_standing_and_the_next_post_marks_again() -> None:
    town, ann, bob, room = pair()
    cell = town.hosts["a"].cell
    real = cell.tell_bound

    def lossy(to: ActorId, message: Message) -> None:
        if not isinstance(message, Cleared):
            real(to, message)

    active = town.hosts["a"].room(room)
    active._ctx.tell = lossy  # type: ignore[method-assign]
    cleared(town, room, ann, bob)
    assert marked(town, room) == []
    assert mark_of(town, "bob", room) == 1  # too long, never too short
    say(town, ann, room, 1)
    town.settle(5.0)
    assert mark_of(town, "bob", room) == 2
    assert marked(town, room) == ["ann", "bob"]


def test_a_mark_that_was_told_and_not_confirmed_is_told_again_also_after_a_crash_of_the_room() -> None:
    town, ann, bob, room = pair()
    cleared(town, room, ann, bob)
    say(town, ann, room, 1)
    activation = town.hosts["a"].cell.activation(actor_id("room", room))
    assert activation is not None
    activation.fail(RuntimeError("a bug"))  # the note that marks were told was not written yet
    told: list[Marked] = []
    cell = town.hosts["a"].cell
    real = cell.tell_bound

    def listening(to: ActorId, message: Message) -> None:
        if isinstance(message, Marked) and to == actor_id("user", "bob"):
            told.append(message)
        real(to, message)

    cell.tell_bound = listening
    town.settle(3.0)
    assert [mark.seq for mark in told] == [2]


def test_the_note_that_a_mark_was_told_never_brings_a_cleared_mark_back() -> None:
    town, ann, bob, room = pair()
    cleared(town, room, ann, bob)
    town.hosts["a"].cell.drop_slots(range(4096))
    town.hosts["a"].cell.open_slots(range(4096))
    town.settle(200.0)
    assert marked(town, room) == []
    ann.hang_up()
    ann = town.connect("ann")
    say(town, ann, room, 1)
    town.settle(5.0)
    assert mark_of(town, "bob", room) == 2


def test_the_note_that_a_mark_was_told_never_hides_a_newer_one() -> None:
    """Leaving right after a mark was confirmed: the list must hear of it although the cell dies at once."""
    town, _ann, reader, room = two_cells(room_on="b", reader_on="c")
    bob = town.connect(reader, "c")
    town.settle(3.0)  # the mark of joining is confirmed, the note of it waits for a commit
    store = town.hosts["b"].store
    store.hold()
    bob.say(c.Leave(1, room))
    town.settle()
    for change in store.waiting():
        town.disk.apply(change)
    (mark,) = [row for row in rows(town, MarkRow, room) if row.user == reader]
    assert (mark.told, mark.member) == (False, False)
    lose(town, "b")
    town.settle(5.0)
    assert in_list(town, reader, room).role == "none"


def test_a_device_that_was_not_seen_for_a_month_no_longer_holds_marks_up_and_compares_all_when_it_returns() -> None:
    town = Town()
    town.register("ann", devices=("d1",))
    town.register("bob", devices=("d1", "d2"))
    ann, bob = town.connect("ann"), town.connect("bob")
    room = direct(town, ann, "bob")
    old = town.connect("bob", device="d2")
    since = old.last(e.Welcome).since
    old.hang_up()
    for device in (ann, bob):
        device.hang_up()
    town.clock.advance(1.0)
    town.clock._now += MONTH_S
    ann, bob = town.connect("ann"), town.connect("bob")
    say(town, ann, room, 1)
    cleared(town, room, ann, bob, seq=2)
    assert marked(town, room) == []
    back = town.connect("bob", device="d2", since=since)
    assert back.last(e.Welcome).rooms == []
    assert back.last(e.Welcome).more  # it pages through its rooms and compares their heads
    answer = request(town, back, c.Rooms)
    assert isinstance(answer, e.Done)
    assert [(room["room"], room["head"]) for room in answer.result["rooms"]] == [(room, 2)]


def test_a_device_that_is_here_holds_marks_up_however_long_ago_it_connected() -> None:
    town = Town()
    town.register("ann", "bob", devices=("d1", "d2"))
    ann = town.connect("ann")
    room = direct(town, ann, "bob")
    stays = town.connect("bob", device="d2")
    town.clock._now += MONTH_S
    cleared(town, room, town.connect("bob"))
    assert "bob" in marked(town, room)
    cleared(town, room, stays)
    assert "bob" not in marked(town, room)


# --- lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [c.Kick, c.Leave])
def test_the_list_follows_leaving_and_kicking_also_when_the_users_cell_is_down_at_that_moment(command: type[c.Command]) -> None:
    town, ann, reader, room = two_cells(room_on="b", reader_on="c")
    bob = town.connect(reader, "a")
    town.kill("c")
    if command is c.Kick:
        assert code(request(town, ann, c.Kick, room=room, user=reader)) == "ok"
    else:
        assert code(request(town, bob, c.Leave, room=room)) == "ok"
    assert in_list(town, reader, room).role == "member"
    town.take_over("c")
    town.settle(10.0)
    assert in_list(town, reader, room).role == "none"
    assert bob.of(e.RoomChanged)[-1].room.role == "none"
    assert [row.user for row in rows(town, MarkRow, room)] != [reader]


def test_the_list_follows_joining_also_when_the_users_cell_is_down_at_that_moment() -> None:
    town = Town(["a", "b", "c"])
    writer, reader = user_on(town, "a", "ann"), user_on(town, "c", "bob")
    town.register(writer, reader, devices=("d1",))
    ann = town.connect(writer, "a")
    bob = town.connect(reader, "a")
    room = make_room(town, ann, reader, key=key_on(town, "b", writer))
    request(town, ann, c.Kick, room=room, user=reader)
    store = town.hosts["b"].store
    store.hold()
    ann.say(c.Invite(7, room, reader))
    town.settle()
    town.kill("c")
    store.flow()
    town.settle()
    assert in_list_or_none(town, reader, room) == "none"
    town.take_over("c")
    town.settle(10.0)
    assert in_list(town, reader, room).role == "member"
    assert bob.of(e.RoomChanged)[-1].room.role == "member"


def test_a_new_name_and_topic_reach_the_list_of_every_member_online_or_not() -> None:
    town = Town()
    town.register("ann", "bob", "cat")
    ann, bob = town.connect("ann"), town.connect("bob")
    room = make_room(town, ann, "bob", "cat")
    assert code(request(town, ann, c.Edit, room=room, name="New", topic="What for")) == "ok"
    assert {(row.name, row.topic) for row in (in_list(town, user, room) for user in ("ann", "bob", "cat"))} == {("New", "What for")}
    assert (bob.of(e.RoomChanged)[-1].room.name, bob.of(e.RoomChanged)[-1].room.topic) == ("New", "What for")
    cat = town.connect("cat")
    (info,) = cat.last(e.Welcome).rooms
    assert (info.name, info.topic) == ("New", "What for")


def test_an_edit_that_changes_nothing_writes_nothing() -> None:
    town, ann, _, _ = pair()
    room = make_room(town, ann, "bob", name="Same")
    town.settle(10.0)
    before = len(town.hosts["a"].store.commits)
    assert code(request(town, ann, c.Edit, room=room, name="Same")) == "ok"
    assert len(town.hosts["a"].store.commits) == before


def test_a_new_role_is_in_the_list() -> None:
    town, ann, _, _ = pair()
    room = make_room(town, ann, "bob")
    request(town, ann, c.SetRole, room=room, user="bob", role="admin")
    assert in_list(town, "bob", room).role == "admin"


def test_a_telling_that_a_session_missed_is_asked_for_before_the_next_is_shown() -> None:
    town, ann, bob, _ = pair()
    first = make_room(town, ann, "bob", key="the-key-1")
    session = bob.handle._session
    session._presence.since -= 1  # as if the telling of the first had been lost
    second = make_room(town, ann, "bob", key="the-key-2")
    assert [event.room.room for event in bob.of(e.RoomChanged)][-2:] == [first, second]
    assert [event.since for event in bob.of(e.RoomChanged)][-2:] == [1, 3]  # only the last carries the new version


def test_a_refused_commit_of_a_membership_changes_nothing() -> None:
    town, ann, bob, _ = pair()
    room = make_room(town, ann, "bob")
    host_of(town, "room", room).store.fail_next(StoreUnavailable("full"))
    answer = request(town, ann, c.Kick, room=room, user="bob")
    assert isinstance(answer, e.Failed)
    assert (answer.code, answer.retry) == ("store_unavailable", True)
    assert say(town, bob, room, 1) == [2]
    assert in_list(town, "bob", room).role == "member"


def test_a_room_that_is_told_again_does_not_hide_that_another_telling_was_missed() -> None:
    town, ann, bob, first = pair()
    second = make_room(town, ann, "bob")
    presence = bob.handle._session._presence
    presence.since -= 1  # as if the telling of the second had been lost
    row = in_list(town, "bob", first)
    user = town.hosts["a"].cell.actor(actor_id("user", "bob"))
    town.hosts["a"].cell.tell(bob.handle._activation.address, user._list.told(row, 1))  # type: ignore[union-attr]
    town.settle()
    assert presence.since == in_list(town, "bob", second).version - 1
