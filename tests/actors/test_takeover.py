"""Cells die and links break: nothing acknowledged is lost, and everybody hears without a further post."""

from __future__ import annotations

from typing import NamedTuple

from actors import commands as c
from actors import events as e
from actors.messages.routes import Unfollow
from actors.runtime.actor import actor_id, pinned_id
from actors.runtime.ring import slot_of
from actors.store.rows import ActiveRow
from tests.kit.chat import Device, Town
from tests.kit.scene import answered, code, key_on, lose, make_room, post, request, rows, say, user_on


class Scene(NamedTuple):
    """Ann writes on one cell; the room is on another; Bob reads on a third, where his user lives."""

    town: Town
    ann: Device
    bob: Device
    room: str


def three() -> Scene:
    town = Town(["a", "b", "c"])
    writer, reader = user_on(town, "a", "ann"), user_on(town, "c", "bob")
    town.register(writer, reader)
    ann, bob = town.connect(writer, "a"), town.connect(reader, "c")
    room = make_room(town, ann, reader, key=key_on(town, "b", writer))
    town.settle(5.0)
    bob.forget()
    return Scene(town, ann, bob, room)


def knows(device: Device, room: str) -> int:
    """How far the device was told that the room has come."""
    heads = [x.head for x in device.of(e.Head, room)] + [x.seq for x in device.of(e.Entry, room)]
    heads += [x.room.head for x in device.of(e.RoomChanged) if x.room.room == room]
    heads += [info.head for welcome in device.of(e.Welcome) for info in welcome.rooms if info.room == room]
    return max(heads, default=0)


def commit_and_die(town: Town, life: str) -> None:
    """What waits for the store is stored, and the process dies before it hears of it."""
    town.clock.run()
    for change in town.hosts[life].store.waiting():
        town.disk.apply(change)
    lose(town, life)


def test_a_room_whose_cell_died_between_commit_and_fan_out_is_heard_of_by_everybody() -> None:
    town, ann, bob, room = three()
    say(town, ann, room, 1)
    bob.forget()
    town.hosts["b"].store.hold()
    post(ann, room, 2)
    commit_and_die(town, "b")
    town.settle(3.0)
    assert answered(ann, room, 2) == 3
    assert knows(bob, room) == 3


def test_a_device_that_was_off_all_along_hears_of_it_when_it_connects() -> None:
    town, ann, bob, room = three()
    town.hosts["b"].store.hold()
    post(ann, room, 1)
    commit_and_die(town, "b")
    town.settle(3.0)
    late = town.connect(bob.user, "a", device="d2")
    assert knows(late, room) == 2
    assert [x.seq for x in late.last(e.Welcome).pages[0].entries] == [1, 2]


def test_a_room_in_the_middle_of_its_work_is_looked_at_by_the_taker_and_one_that_is_settled_is_not() -> None:
    town, ann, _, room = three()
    say(town, ann, room, 1)
    assert len(rows(town, ActiveRow, room)) == 1
    town.settle(300.0)
    assert rows(town, ActiveRow, room) == []
    lose(town, "b")
    assert all(host.cell.activation(actor_id("room", room)) is None for host in town.hosts.values())


def test_a_session_posts_on_without_noticing_that_its_rooms_cell_died() -> None:
    town, ann, bob, room = three()
    say(town, ann, room, 1)
    town.kill("b")
    post(ann, room, 2)
    post(ann, room, 3)
    town.settle(0.5)
    assert [x.n for x in ann.of(e.Sent, room)] == [1]
    town.take_over("b")
    town.settle(2.5)
    assert [answered(ann, room, n) for n in (2, 3)] == [3, 4]
    assert ann.of(e.Refused) == []
    assert knows(bob, room) == 4


def test_when_the_cell_of_a_users_routes_died_the_session_is_announced_to_the_next() -> None:
    town, ann, bob, room = three()
    life = next(life for life in town.hosts if life not in {"c", "b"})
    mover = town.connect(bob.user, life, device="d2")  # its route is on c, it is not
    lose(town, "c")
    town.settle(1.0)
    assert town.view is not None
    owner = town.view.owner(slot_of(actor_id("user", bob.user)))
    assert owner is not None
    assert mover.handle._activation.address in town.hosts[owner].chat.tables.routes.sessions(bob.user)
    say(town, ann, room, 1)
    assert mover.pushed(room) == [2]


def test_what_a_dead_cell_could_not_tell_a_session_of_its_list_is_asked_for() -> None:
    """The user had stored and confirmed that it was kicked, and the telling was on its way when its cell died."""
    town, ann, bob, room = three()
    mover = town.connect(bob.user, "a", device="d2")
    town.network.cut_one_way("c", "a")
    assert code(request(town, ann, c.Kick, room=room, user=bob.user)) == "ok"
    assert mover.of(e.RoomChanged) == []
    lose(town, "c")
    town.settle(10.0)
    assert mover.of(e.RoomChanged)[-1].room.role == "none"


def test_a_post_whose_sender_died_with_the_room_is_heard_of_all_the_same() -> None:
    """Stored, not fanned out, its marks told long ago, and nobody left who would repeat it."""
    town, ann, bob, room = three()
    writer = town.connect(ann.user, "b", device="d2")
    say(town, writer, room, 1)
    town.settle(5.0)
    say(town, writer, room, 2)
    bob.forget()
    town.hosts["b"].store.hold()
    post(writer, room, 3)
    commit_and_die(town, "b")
    town.settle(3.0)
    assert knows(bob, room) == 4


def test_who_is_kicked_before_the_room_knows_where_they_are_is_pushed_nothing() -> None:
    town, ann, bob, room = three()
    activation = town.hosts["b"].cell.activation(actor_id("room", room))
    assert activation is not None
    activation.stop()
    town.settle()
    town.hosts["c"].store.break_down()  # so that his own list says nothing
    town.network.delay("c", "b", 0.3)
    post(ann, room, 1)  # the room starts, and asks where its members are
    ann.say(c.Kick(1, room, bob.user))
    town.settle(0.2)
    bob.forget()
    town.settle(1.0)
    say(town, ann, room, 2)
    assert (bob.of(e.Entry), bob.of(e.Head)) == ([], [])


def test_a_readers_edge_that_died_costs_nothing_but_a_new_connection() -> None:
    town, ann, bob, room = three()
    say(town, ann, room, 1)
    lose(town, "c")
    say(town, ann, room, 2)
    again = town.connect(bob.user, "a")
    assert knows(again, room) == 3
    say(town, ann, room, 3)
    assert again.pushed(room) == [4]


def test_a_life_that_is_sealed_acknowledges_nothing_and_its_successor_everything() -> None:
    town, ann, bob, room = three()
    town.disk.seal("b")
    post(ann, room, 1)
    town.settle(1.0)
    assert ann.of(e.Sent) == []
    lose(town, "b")
    town.settle(3.0)
    assert answered(ann, room, 1) == 2
    assert knows(bob, room) == 2


def test_a_hand_over_between_living_cells_is_not_noticed() -> None:
    town, ann, bob, room = three()
    say(town, ann, room, 1, 2)
    assert town.move([slot_of(actor_id("room", room))], "a")
    assert say(town, ann, room, 3) == [4]
    assert bob.pushed(room) == [2, 3]
    assert knows(bob, room) == 4  # the next owner has just asked where he is
    assert say(town, ann, room, 4) == [5]
    assert bob.pushed(room) == [2, 3, 5]
    assert town.hosts["b"].cell.activation(actor_id("room", room)) is None


def test_a_hand_over_in_the_middle_of_a_commit_waits_for_it() -> None:
    town, ann, bob, room = three()
    store = town.hosts["b"].store
    store.hold()
    post(ann, room, 1)
    town.clock.advance(0.01)
    town.clock.later(0.5, store.flow)
    assert town.move([slot_of(actor_id("room", room))], "a")
    town.settle(1.0)
    assert answered(ann, room, 1) == 2
    assert knows(bob, room) == 2


def test_a_hand_over_that_is_not_finished_in_time_is_withdrawn_and_the_room_goes_on() -> None:
    town, ann, bob, room = three()
    store = town.hosts["b"].store
    store.hold()
    post(ann, room, 1)
    town.clock.advance(0.01)
    assert not town.move([slot_of(actor_id("room", room))], "a")
    store.flow()
    town.settle(3.0)
    assert say(town, ann, room, 2) == [3]
    assert knows(bob, room) == 3


def test_a_table_that_moved_away_and_came_back_is_followed_and_told_anew() -> None:
    """The owner is the same as before, and has forgotten everything."""
    town, ann, bob, room = three()
    slot = slot_of(actor_id("user", bob.user))
    town.move([slot], "a")
    town.move([slot], "c")
    town.settle(2.0)
    say(town, ann, room, 1)
    assert bob.pushed(room) == [2]


def test_what_a_room_left_at_its_old_place_does_not_undo_what_it_does_at_its_new_one() -> None:
    """The old instance takes back its following, late; the new one follows already."""
    town, ann, bob, room = three()
    town.network.delay("b", "c", 1.0)
    assert town.move([slot_of(actor_id("room", room))], "a")
    town.network.delay("b", "c", 0.001)
    say(town, ann, room, 1)
    unfollow = Unfollow(actor_id("room", room), [bob.user], "b")
    town.hosts["c"].cell.tell(pinned_id("routes", "c"), unfollow)
    town.settle(2.0)
    late = town.connect(bob.user, "c", device="d2")
    say(town, ann, room, 2)
    assert late.pushed(room) == [3]


# --- links -----------------------------------------------------------------------------------------------------------


def test_what_a_broken_link_lost_is_told_as_heads_when_it_is_back() -> None:
    town, ann, bob, room = three()
    town.network.cut("b", "c")
    say(town, ann, room, 1)
    town.settle(5.0)
    assert knows(bob, room) == 0
    town.network.heal("b", "c")
    town.settle(5.0)
    assert knows(bob, room) == 2


def test_what_is_owed_is_told_also_when_the_room_has_retired_meanwhile() -> None:
    town, ann, bob, room = three()
    town.network.cut("b", "c")
    town.settle(10.0)
    say(town, ann, room, 1)
    town.settle(400.0)
    bob.forget()
    town.network.heal("b", "c")
    town.settle(5.0)
    assert knows(bob, room) == 2


def test_a_change_of_the_list_that_a_link_lost_is_told_also_when_the_user_has_retired_meanwhile() -> None:
    town, ann, bob, room = three()
    mover = town.connect(bob.user, "a", device="d2")
    town.network.cut("a", "c")
    town.settle(5.0)
    other = town.connect(bob.user, "b", device="d1")
    assert code(request(town, other, c.Leave, room=room)) == "ok"
    town.settle(400.0)
    assert [x.room.role for x in mover.of(e.RoomChanged)] == []
    town.network.heal("a", "c")
    town.settle(10.0)
    assert mover.of(e.RoomChanged)[-1].room.role == "none"
    assert ann.close_code is None


def test_news_of_a_session_that_a_link_lost_reaches_the_room_when_it_is_back() -> None:
    """The table of routes told the room of a new session, and the link broke: the session must not stay unknown."""
    town, ann, bob, room = three()
    town.network.cut("c", "b")
    late = town.connect(bob.user, "c", device="d2", settle=False)
    town.settle(10.0)
    town.network.heal("c", "b")
    town.settle(5.0)
    say(town, ann, room, 1)
    assert late.pushed(room) == [2]


def test_a_post_that_a_broken_link_lost_is_repeated_and_stored_once() -> None:
    town, ann, bob, room = three()
    post(ann, room, 1)
    town.clock.run()
    town.network.drop("a", "b")
    town.settle(3.0)
    assert answered(ann, room, 1) == 2
    assert bob.pushed(room) in ([2], []) and knows(bob, room) == 2


def test_an_answer_that_a_broken_link_lost_is_asked_for_again() -> None:
    town, ann, bob, room = three()
    town.network.delay("b", "a", 0.2)
    post(ann, room, 1)
    town.clock.advance(0.1)
    town.network.drop("a", "b")
    town.settle(5.0)
    assert answered(ann, room, 1) == 2
    assert knows(bob, room) == 2


def test_repeats_of_lost_posts_grow_rarer_while_nothing_answers() -> None:
    town, ann, _, room = three()
    town.network.cut("a", "b")
    town.settle(5.0)
    before = town.hosts["a"].cell.counters["undelivered_no_link"]
    for n in range(1, 65):
        post(ann, room, n)
    town.settle(10.0)
    assert town.hosts["a"].cell.counters["undelivered_no_link"] - before < 64 * 15
