"""Marks: they follow what rooms commit, whoever is down at the moment, and never stand too short."""

from __future__ import annotations

from functools import partial

from actors import commands as c
from actors import events as e
from actors.messages.marks import Cleared, Marked
from actors.runtime.actor import ActorId, actor_id
from actors.runtime.plain import Message
from actors.store.rows import MarkRow
from tests.kit import scene
from tests.kit.chat import Device, Town
from tests.kit.scene import direct, in_list, lose, make_room, mark_of, marked, post, request, rows, say, two_cells

MONTH_S = 31 * 24 * 3600.0

pair = partial(scene.pair, devices=("d1",))


def acknowledge(town: Town, seq: int, room: str, *devices: Device) -> None:
    for device in devices:
        device.say(c.Ack(room, seq))
    town.settle(2.0)


def cleared(town: Town, room: str, *devices: Device, seq: int = 1) -> None:
    """All have acknowledged, and a quiet minute has passed."""
    acknowledge(town, seq, room, *devices)
    town.settle(70.0)


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
