"""What a session answers to operators, from whichever cell they ask."""

from __future__ import annotations

import pytest

from actors import commands as c
from actors import events as e
from actors.closing import GOING_AWAY
from actors.errors import ChatError
from actors.messages.control import EndSession, InspectSession, Notify
from actors.runtime.actor import ActorId
from tests.kit.chat import Device, Town
from tests.kit.scene import make_room, say


def town_with_ann() -> tuple[Town, Device, ActorId]:
    town = Town(["a", "b"])
    town.register("ann")
    ann = town.connect("ann", "b")
    return town, ann, ActorId(ann.last(e.Welcome).session)


def test_the_figures_tell_whose_it_is_and_what_it_was_shown() -> None:
    town, ann, session = town_with_ann()
    say(town, ann, make_room(town, ann), 1)
    figures = town.ask(session, InspectSession())
    assert (figures.user, figures.device, figures.life) == ("ann", "annd1", "b")
    assert (figures.rooms, figures.unanswered, figures.pushes) == (1, 0, True)


def test_a_word_of_the_operators_comes_to_this_client_alone() -> None:
    town, ann, session = town_with_ann()
    other = town.connect("ann", "b", device="d2")
    town.ask(session, Notify("back in a minute"))
    assert [notice.text for notice in ann.of(e.Notice)] == ["back in a minute"]
    assert other.of(e.Notice) == []


def test_before_welcome_nothing_is_told() -> None:
    town = Town()
    town.register("ann")
    client = Device("ann", "annd1", town.clock.soon)
    client.handle = town.any_host().sessions.open(client, "127.0.0.1")
    (session,) = town.any_host().chat.tables.sessions
    with pytest.raises(ChatError, match="not_now"):
        town.ask(session, Notify("hello"))
    client.say(c.Hello(1, "ann/d1", 0))
    town.settle()
    town.ask(session, Notify("hello"))
    assert client.last(e.Notice).text == "hello"


def test_a_session_is_closed_with_a_code_that_clients_know_and_no_other() -> None:
    town, ann, session = town_with_ann()
    with pytest.raises(ChatError, match="invalid"):
        town.ask(session, EndSession(1234))
    assert ann.close_code is None
    town.ask(session, EndSession(GOING_AWAY))
    assert ann.close_code == GOING_AWAY
