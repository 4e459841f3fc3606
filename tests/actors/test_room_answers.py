"""What a room tells operators: they stand above membership, and do not stand in the log by a name of their own."""

from __future__ import annotations

import json

import pytest

from actors.errors import ChatError
from actors.messages.control import Expel, InspectRoom, ListAll, ReadLog
from actors.messages.room import History
from actors.runtime.actor import actor_id
from actors.store.rows import EntryRow
from tests.kit.chat import Town
from tests.kit.scene import direct, make_room, rows, say


def town_with_room() -> tuple[Town, str]:
    town = Town(["a", "b"])
    town.register("ann", "bob", "carl")
    ann = town.connect("ann")
    room = make_room(town, ann, "bob", name="Plans")
    say(town, ann, room, 1, 2)
    return town, room


def test_an_operator_reads_the_whole_log_without_being_a_member() -> None:
    town, room = town_with_room()
    page = town.ask(actor_id("room", room), ReadLog(0, None, 100))
    assert [entry.kind for entry in page.entries] == ["create", "text", "text"]
    assert (page.head, page.more) == (3, False)
    last = town.ask(actor_id("room", room), ReadLog(0, 4, 1))
    assert [entry.seq for entry in last.entries] == [3]
    assert last.more
    with pytest.raises(ChatError, match="no_such_room"):
        town.ask(actor_id("room", room), History("carl", 0, None, 100))


def test_the_figures_say_how_large_it_is_and_where_it_lives() -> None:
    town, room = town_with_room()
    figures = town.ask(actor_id("room", room), InspectRoom())
    assert town.view is not None
    assert (figures.kind, figures.name, figures.head, figures.members) == ("room", "Plans", 3, 2)
    assert figures.life == town.view.owner_of(actor_id("room", room))


def test_members_come_by_pages() -> None:
    town, room = town_with_room()
    page = town.ask(actor_id("room", room), ListAll("", 1))
    assert [(member.user, member.role) for member in page.members] == [("ann", "owner")]
    assert (page.count, page.more) == (2, True)


def test_who_is_expelled_left_in_the_owners_name() -> None:
    town, room = town_with_room()
    town.ask(actor_id("room", room), Expel("bob"))
    last = rows(town, EntryRow, room)[-1]
    assert (last.kind, last.user, json.loads(last.body)) == ("kick", "ann", {"user": "bob"})
    with pytest.raises(ChatError, match="not_a_member"):
        town.ask(actor_id("room", room), Expel("bob"))


def test_nobody_is_expelled_from_a_direct_chat_and_no_owner_from_a_room() -> None:
    town, room = town_with_room()
    pair = direct(town, town.connect("carl"), "bob")
    for name, user in ((room, "ann"), (pair, "bob")):
        with pytest.raises(ChatError, match="forbidden"):
            town.ask(actor_id("room", name), Expel(user))


def test_a_room_that_was_never_made_is_none() -> None:
    town, _ = town_with_room()
    for request in (InspectRoom(), ReadLog(0, None, 1), ListAll("", 1), Expel("bob")):
        with pytest.raises(ChatError, match="no_such_room"):
            town.ask(actor_id("room", "nothing"), request)
