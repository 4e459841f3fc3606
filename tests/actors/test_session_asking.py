"""Requests while the other side cannot be reached: asked again where nothing was done, and told where it lasts."""

from __future__ import annotations

from actors import commands as c
from actors import events as e
from actors.runtime.ring import SLOTS
from tests.kit.chat import Town


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
