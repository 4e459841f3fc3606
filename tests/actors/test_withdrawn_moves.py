"""Slots that were closed for a move and opened again: what was left there by others is still there, since nobody leaves it anew."""

from __future__ import annotations

import pytest

from actors.runtime.actor import actor_id
from actors.runtime.ring import SLOTS
from tests.kit.chat import Device, Town
from tests.kit.scene import key_on, make_room, say, user_on


def withdraw_a_move(town: Town, life: str) -> None:
    """The owner lets all its slots go, another view comes, and the move is withdrawn."""
    view = town.view
    assert view is not None
    owners = {slot: view.owner(slot) or "" for slot in range(SLOTS)}
    slots = [slot for slot, owner in owners.items() if owner == life]
    town.hosts[life].cell.close_slots(slots)
    town.clock.run()
    town.place(owners)
    town.hosts[life].cell.open_slots(slots)
    town.settle(3.0)


def writer_and_reader(town: Town) -> tuple[Device, Device]:
    """Both are connected to a; the reader's account lives on b."""
    writer, reader = user_on(town, "a", "ann"), user_on(town, "b", "bob")
    town.register(writer, reader)
    return town.connect(writer, "a"), town.connect(reader, "a")


def test_a_session_is_still_found_by_the_rooms_of_its_user() -> None:
    town = Town(["a", "b"])
    ann, bob = writer_and_reader(town)
    room = make_room(town, ann, bob.user, key=key_on(town, "a", ann.user))
    withdraw_a_move(town, "b")
    activation = town.hosts["a"].cell.activation(actor_id("room", room))
    assert activation is not None
    activation.stop()  # the next instance asks on b where he is
    town.settle()
    say(town, ann, room, 1)
    say(town, ann, room, 2)
    assert bob.pushed(room)[-1] == 3


def test_a_relay_still_hears_of_its_large_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.roster.SMALL_ROOM", 1)
    town = Town(["a", "b"])
    ann, bob = writer_and_reader(town)
    room = make_room(town, ann, bob.user, key=key_on(town, "b", ann.user))
    town.settle(3.0)
    bob.forget()
    withdraw_a_move(town, "b")
    say(town, ann, room, 1)
    assert bob.pushed(room) == [2]
