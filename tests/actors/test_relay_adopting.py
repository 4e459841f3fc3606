"""The moment in which a room becomes large, and its relay is there before the room's sessions are handed to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors import roster
from actors.messages.delivery import AdoptSessions, NoInterest
from actors.runtime.actor import ActorId, pinned_id
from tests.actors.test_relay import Scene
from tests.kit.scene import say


@pytest.fixture(autouse=True)
def small_is_three(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A room of more than three is large."""
    monkeypatch.setattr(roster, "SMALL_ROOM", 3)
    yield


def session_of(scene: Scene, user: str) -> ActorId:
    """The session of a user that the relay serves."""
    return next(session for session, name in scene.relay()._users.items() if name == user)


def adopt(scene: Scene, head: int, session: ActorId, user: str) -> None:
    """The room hands a session over, which it has told everything up to `head`."""
    scene.town.hosts["b"].cell.take(pinned_id("relay", "b", scene.room), AdoptSessions(head, [session], [user]))
    scene.town.settle(1.0)


def test_a_session_that_is_handed_over_late_hears_of_what_the_relay_has_handed_on_already() -> None:
    scene = Scene()
    dan = scene.names[2]
    session = session_of(scene, dan)
    scene.town.hosts["b"].cell.take(pinned_id("relay", "b", scene.room), NoInterest(session))
    scene.town.settle(0.1)
    head = scene.relay()._head
    say(scene.town, scene.ann, scene.room, 2, 3)
    assert scene.knows(scene.dan) <= head
    adopt(scene, head, session, dan)
    assert scene.knows(scene.dan) == head + 2


def test_sessions_of_a_relay_that_is_behind_the_room_hear_of_the_rooms_head() -> None:
    scene = Scene()
    dan = scene.names[2]
    relay = scene.relay()
    adopt(scene, relay._head + 5, session_of(scene, dan), dan)
    assert scene.knows(scene.bob) == scene.knows(scene.cat) == relay._head


def test_a_session_whose_user_was_out_for_a_moment_and_never_heard_of_it_is_served_again() -> None:
    scene = Scene()
    dan = scene.names[2]
    session, relay = session_of(scene, dan), scene.relay()
    relay._dismiss([dan], relay._head + 1)
    assert session not in relay._users
    say(scene.town, scene.ann, scene.room, 2)
    scene.town.settle(2.0)
    assert relay._users[session] == dan
    assert scene.knows(scene.dan) == relay._head
