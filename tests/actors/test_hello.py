"""Connecting: what is marked and nothing else, no post hidden by a race, nobody activated."""

from __future__ import annotations

from functools import partial

import pytest

from actors import commands as c
from actors import events as e
from actors import user_list
from actors.messages.routes import Route, Routed
from actors.runtime.actor import actor_id
from tests.kit import scene
from tests.kit.chat import Town
from tests.kit.gate import Gate
from tests.kit.scene import direct, host_of, key_on, make_room, post, request, say, user_on

pair = partial(scene.pair, devices=("d1", "d2"), forgets=False)


def test_a_new_device_is_told_all_marked_rooms_newest_first_with_heads_and_first_pages() -> None:
    town, ann, _, first = pair()
    second = make_room(town, ann, "bob")
    say(town, ann, second, 1)
    town.settle(1.0)
    say(town, ann, first, 1, 2)
    welcome = town.connect("bob", device="d2").last(e.Welcome)
    assert [(info.room, info.head, info.marked) for info in welcome.rooms] == [(first, 3, True), (second, 2, True)]
    assert [(page.room, [x.seq for x in page.entries], page.head) for page in welcome.pages] == [(first, [1, 2, 3], 3), (second, [1, 2], 2)]
    assert (welcome.user, welcome.device, welcome.since, welcome.more) == ("bob", "bobd2", 2, False)


def test_newest_is_by_time_also_where_rooms_were_just_loaded() -> None:
    town, ann, _, first = pair()
    second = make_room(town, ann, "bob")
    say(town, ann, second, 1)
    town.settle(1.0)
    say(town, ann, first, 1)
    town.hosts["a"].cell.close_slots(range(4096))
    town.settle()
    town.hosts["a"].cell.open_slots(range(4096))
    request(town, ann, c.Members, room=second)  # active again, without a post since
    welcome = town.connect("bob", device="d2").last(e.Welcome)
    assert [info.room for info in welcome.rooms] == [first, second]


def test_the_first_page_begins_where_this_device_stopped() -> None:
    town, ann, bob, room = pair()
    say(town, ann, room, 1, 2, 3)
    bob.say(c.Ack(room, 2))
    town.settle(10.0)
    bob.hang_up()
    (page,) = town.connect("bob").last(e.Welcome).pages
    assert [x.seq for x in page.entries] == [3, 4]
    (page,) = town.connect("bob", device="d2").last(e.Welcome).pages
    assert [x.seq for x in page.entries] == [1, 2, 3, 4]


def test_a_device_that_has_everything_of_a_marked_room_gets_no_page_of_it() -> None:
    town, _, bob, room = pair()
    bob.say(c.Ack(room, 1))
    town.settle(10.0)
    bob.hang_up()
    welcome = town.connect("bob").last(e.Welcome)
    assert [info.room for info in welcome.rooms] == [room]
    assert welcome.pages == []


def test_since_leaves_out_what_did_not_change_and_is_not_marked() -> None:
    town = Town()
    town.register("ann", "bob", devices=("d1",))
    ann, bob = town.connect("ann"), town.connect("bob")
    first, second = direct(town, ann, "bob"), make_room(town, ann, "bob")
    for device in (ann, bob):
        for room in (first, second):
            device.say(c.Ack(room, 1))
    town.settle(70.0)
    bob.hang_up()
    assert [info.room for info in town.connect("bob").last(e.Welcome).rooms] == [first, second]
    assert town.connect("bob", since=2).last(e.Welcome).rooms == []
    request(town, ann, c.Edit, room=second, name="New")
    welcome = town.connect("bob", since=2).last(e.Welcome)
    assert [(info.room, info.name) for info in welcome.rooms] == [(second, "New")]
    assert welcome.since == 3


def test_a_room_that_was_left_while_away_is_said_to_be_left() -> None:
    town, ann, bob, _ = pair()
    room = make_room(town, ann, "bob")
    since = 2
    bob.hang_up()
    request(town, ann, c.Kick, room=room, user="bob")
    welcome = town.connect("bob", since=since).last(e.Welcome)
    assert [(info.room, info.role) for info in welcome.rooms if info.role == "none"] == [(room, "none")]


@pytest.mark.parametrize("many", [4, 6])
def test_more_rooms_than_fit_are_said_to_be_more_and_paged(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_list, "HELLO_ROOMS", 5)
    town = Town()
    town.register("ann", "bob", devices=("d1", "d2"))
    ann = town.connect("ann")
    rooms = [make_room(town, ann, "bob", key=f"the-key-{i}") for i in range(many)]
    welcome = town.connect("bob").last(e.Welcome)
    assert welcome.more is (many > 5)
    bob = town.connect("bob", device="d2", since=many)  # knows the list, but not what the marks say
    welcome = bob.last(e.Welcome)
    assert welcome.more is (many > 5)
    answer = request(town, bob, c.Rooms, limit=200)
    assert isinstance(answer, e.Done)
    assert sorted(room["room"] for room in answer.result["rooms"]) == sorted(rooms)


def test_what_did_not_fit_into_a_welcome_comes_with_the_next_since(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_list, "HELLO_ROOMS", 5)
    town = Town()
    town.register("ann", "bob", devices=("d1",))
    ann = town.connect("ann")
    rooms = [make_room(town, ann, "bob", key=f"the-key-{i}") for i in range(8)]
    bob = town.connect("bob")
    since = bob.last(e.Welcome).since
    assert since == 5
    rooms.append(make_room(town, ann, "bob", key="the-key-9"))  # a telling with version 9 shows what lies between first
    told = [event.room.room for event in bob.of(e.RoomChanged)]
    assert set(told) >= set(rooms[5:])
    assert bob.of(e.RoomChanged)[-1].since == 9


def test_connecting_activates_no_room_and_reads_only_what_is_marked() -> None:
    town = Town()
    town.register("ann", "bob", devices=("d1",))
    ann, bob = town.connect("ann"), town.connect("bob")
    rooms = [make_room(town, ann, "bob", key=f"the-key-{i}") for i in range(30)]
    for device in (ann, bob):
        for room in rooms:
            device.say(c.Ack(room, 1))
    town.settle(70.0)
    for room in rooms[:3]:
        say(town, ann, room, 1)
    for device in (ann, bob):
        device.hang_up()
    town.settle(400.0)
    cell = town.hosts["a"].cell
    assert cell.counters["live_room"] == 0
    asked: list[object] = []
    heads = town.hosts["a"].store.heads
    town.hosts["a"].store.heads = lambda rooms: (asked.extend(rooms), heads(rooms))[1]  # type: ignore[method-assign,func-returns-value]
    welcome = town.connect("bob", since=30).last(e.Welcome)
    assert sorted(info.room for info in welcome.rooms) == sorted(rooms[:3])
    assert len(asked) == 3
    assert cell.counters["live_room"] == 0


def test_a_post_while_the_heads_are_read_is_not_hidden() -> None:
    """The session is announced before heads are read: what is posted after the read reaches it as a head."""
    town, ann, _, room = pair()
    gate = Gate(town.hosts["a"].store, "entries_before")
    late = town.connect("bob", device="d2", settle=False)
    town.settle()
    assert late.of(e.Welcome) == []
    say(town, ann, room, 1)
    gate.open()
    town.settle()
    assert late.last(e.Welcome).rooms[0].head == 1
    assert [head.head for head in late.of(e.Head, room)] == [2]
    say(town, ann, room, 2)
    assert late.pushed(room) == [3]


def test_a_post_while_the_list_is_read_is_not_hidden() -> None:
    town, ann, _, room = pair()
    gate = Gate(town.hosts["a"].store, "user_rooms")
    late = town.connect("bob", device="d2", settle=False)
    town.settle()
    assert say(town, ann, room, 1) == [2]
    gate.open()
    town.settle()
    knows = [info.head for info in late.last(e.Welcome).rooms] + [head.head for head in late.of(e.Head, room)]
    assert max(knows) == 2


def test_a_room_that_learns_of_a_session_sends_it_its_head() -> None:
    town, ann, bob, room = pair()
    say(town, ann, room, 1)
    bob.forget()
    bob.handle._session._heads[room] = 0  # it has missed everything
    town.hosts["a"].room(room)._members.remove("bob", bob.handle._activation.address)
    town.hosts["a"].cell.tell(actor_id("room", room), Routed(Route("bob", bob.handle._activation.address, "bobd1")))
    town.settle()
    assert [head.head for head in bob.of(e.Head, room)] == [2]


def test_an_edge_that_no_longer_has_a_session_says_so_and_it_is_forgotten() -> None:
    town = Town(["a", "b"])
    writer, reader = user_on(town, "a", "ann"), user_on(town, "a", "bob")
    town.register(writer, reader)
    ann, bob = town.connect(writer, "a"), town.connect(reader, "b")
    room = make_room(town, ann, reader, key=key_on(town, "a", writer))
    town.settle()
    session = bob.handle._activation.address
    town.hosts["b"].chat.tables.sessions.pop(session)  # it ended, and its withdrawal was lost
    say(town, ann, room, 1)
    assert town.hosts["a"].room(room)._members.owner_of(session) is None
    assert session not in town.hosts["a"].chat.tables.routes.sessions(reader)


def test_who_hangs_up_during_hello_leaves_no_route() -> None:
    town, _, _, _ = pair()
    gate = Gate(town.hosts["a"].store, "user_rooms")
    late = town.connect("bob", device="d2", settle=False)
    town.clock.run()
    late.hang_up()
    gate.open()
    town.settle()
    assert list(town.hosts["a"].chat.tables.routes.sessions("bob").values()) == ["bobd1"]
    assert late.seen == []


def test_a_token_of_nobody_is_refused_and_leaves_no_actor() -> None:
    town, _, _, _ = pair()
    stranger = town.connect("nobody")
    assert (stranger.last(e.Failed).code, stranger.close_code) == ("bad_token", 4100)
    town.settle()
    assert town.hosts["a"].cell.activation(actor_id("user", "nobody")) is None
    wrong = town.connect("ann", device="d9")
    assert (wrong.last(e.Failed).code, wrong.close_code) == ("bad_token", 4100)


def test_while_the_store_is_away_hello_is_refused_as_busy_and_may_be_repeated() -> None:
    town, _, _, _ = pair()
    town.settle(400.0)
    town.hosts["a"].store.break_down()
    late = town.connect("bob", device="d2")
    assert (late.last(e.Failed).code, late.close_code) == ("store_unavailable", 4002)
    town.hosts["a"].store.mend()
    assert town.connect("bob", device="d2").of(e.Welcome)


def test_a_room_whose_cell_does_not_answer_is_shown_by_its_mark() -> None:
    town = Town(["a", "b"])
    writer, reader = user_on(town, "a", "ann"), user_on(town, "a", "bob")
    town.register(writer, reader)
    ann = town.connect(writer, "a")
    room = make_room(town, ann, reader, key=key_on(town, "b", writer))
    town.settle()
    town.network.cut("a", "b")
    town.settle(5.0)
    bob = town.connect(reader, "a", settle=False)
    town.settle(10.0)
    (info,) = bob.last(e.Welcome).rooms
    assert (info.room, info.marked, info.head) == (room, True, 0)
    assert host_of(town, "room", room).cell.life == "b"


def test_posts_of_both_sides_meet_in_one_order() -> None:
    town, ann, bob, room = pair()
    for n in range(1, 6):
        post(ann, room, n)
        post(bob, room, n)
    town.settle()
    third = town.connect("ann", device="d2")
    (page,) = third.last(e.Welcome).pages
    assert [x.seq for x in page.entries] == list(range(1, 12))
