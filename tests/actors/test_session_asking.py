"""Requests while the other side cannot be reached: asked again where nothing was done, and told where it lasts."""

from __future__ import annotations

from actors import commands as c
from actors import events as e
from actors.messages.delivery import HeadTold
from actors.runtime.actor import ActorId, actor_id
from actors.runtime.ring import SLOTS
from tests.kit.chat import Town
from tests.kit.scene import direct, say


def test_a_request_to_a_room_whose_slot_opens_in_a_moment_is_answered_without_an_error() -> None:
    town = Town(["a"])
    town.register("ann")
    ann = town.connect("ann")
    host = town.hosts["a"]
    host.cell.drop_slots(range(SLOTS))
    ann.say(c.Create(7, "key-of-a-room", "Room", "", True, []))
    town.settle(0.3)
    assert not ann.of(e.Done)
    assert not ann.of(e.Failed)
    host.cell.open_slots(range(SLOTS))
    town.settle(2.0)
    assert [done.q for done in ann.of(e.Done)] == [7]
    assert not ann.of(e.Failed)


def test_a_room_that_stays_away_is_told_as_unavailable_with_the_request() -> None:
    town = Town(["a"])
    town.register("ann")
    ann = town.connect("ann")
    town.hosts["a"].cell.drop_slots(range(SLOTS))
    ann.say(c.Create(7, "key-of-a-room", "Room", "", True, []))
    town.settle(5.0)
    assert [(failed.q, failed.code, failed.retry) for failed in ann.of(e.Failed)] == [(7, "unavailable", True)]


def test_a_client_that_has_gone_asks_for_nothing_any_more_and_sends_no_newer_connection_away() -> None:
    town = Town(["a"])
    town.register("ann")
    town.hosts["a"].cell.drop_slots(range(SLOTS))
    gone = town.connect("ann", settle=False)
    town.clock.advance(0.2)
    gone.hang_up()
    town.clock.advance(0.55)
    newer = town.connect("ann", settle=False)  # its attempts fall between those of the one before
    town.clock.advance(0.25)
    town.hosts["a"].cell.open_slots(range(SLOTS))
    town.settle(5.0)
    assert newer.of(e.Welcome)
    assert newer.close_code is None


def test_an_acknowledgement_hides_nothing_of_what_came_after_it() -> None:
    """The room was looked up for it, and its head is told a moment later."""
    town = Town(["a"])
    town.register("ann", "bob", devices=("d1",))
    ann = town.connect("ann")
    room = direct(town, ann, "bob")
    say(town, ann, room, 1, 2)
    ann.say(c.Ack(room, 3))
    town.settle(80.0)
    ann = town.connect("ann")
    welcome = ann.last(e.Welcome)
    assert [(info.marked, info.head) for info in welcome.rooms] == [(False, 0)]  # the mark is cleared: nobody looks it up
    ann.say(c.Ack(room, 1))
    town.settle()
    town.any_host().cell.tell(ActorId(welcome.session), HeadTold(room, 3, actor_id("room", room)))
    town.settle()
    assert [x.head for x in ann.of(e.Head, room)] == [3]
