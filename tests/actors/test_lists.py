"""Lists of rooms: they follow what rooms commit, whoever is down at the moment."""

from __future__ import annotations

from functools import partial

import pytest

from actors import commands as c
from actors import events as e
from actors import user_list
from actors.runtime.actor import actor_id
from actors.store.rows import MarkRow, UserRoomRow
from actors.store.store import StoreUnavailable
from tests.kit import scene
from tests.kit.chat import Town
from tests.kit.scene import code, host_of, in_list, key_on, make_room, request, rows, say, two_cells, user_on

pair = partial(scene.pair, devices=("d1",))


def in_list_or_none(town: Town, user: str, room: str) -> str:
    return next((row.role for row in rows(town, UserRoomRow, user) if row.room == room), "none")


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


def test_a_room_that_was_left_is_heard_of_though_more_changed_than_one_welcome_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_list, "HELLO_ROOMS", 2)
    town, ann, bob, _ = pair()
    first = make_room(town, ann, "bob", key="the-key-0")
    since = bob.of(e.RoomChanged)[-1].since
    for number in range(1, 5):
        make_room(town, ann, "bob", key=f"the-key-{number}")
    request(town, ann, c.Kick, room=first, user="bob")
    again = town.connect("bob", since=since)
    welcome = again.last(e.Welcome)
    assert welcome.more and all(info.role != "none" for info in welcome.rooms), "it did not fit"
    assert [told.room.role for told in again.of(e.RoomChanged) if told.room.room == first] == ["none"]


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
