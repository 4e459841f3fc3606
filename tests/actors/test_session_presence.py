"""What a session takes for news of its user's list."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from actors.messages.routes import Route
from actors.messages.session import ChangedSince
from actors.places import Kept
from actors.runtime.actor import ActorId
from actors.session_presence import Presence


class Heard:
    """A presence, and what it asks the user."""

    def __init__(self, since: int) -> None:
        self.asked: list[Any] = []
        ctx = SimpleNamespace(me=ActorId("session:a~1"), now=lambda: 0.0, tell=lambda to, message: self.asked.append(message))
        route = Route("ann", ActorId("session:a~1"), "d1")
        self.presence = Presence(cast(Any, ctx), cast(Any, None), route, Kept("a", 1), since, lambda: None)

    def hears(self, *told: tuple[str, int]) -> list[bool]:
        return [self.presence.follows(room, version) for room, version in told]


def test_the_next_version_is_shown_and_what_is_told_again_too() -> None:
    heard = Heard(4)
    assert heard.hears(("x", 5), ("x", 5), ("y", 2), ("y", 6), ("x", 5)) == [True] * 5
    assert heard.presence.since == 6
    assert heard.asked == []


def test_what_lies_between_is_asked_for() -> None:
    heard = Heard(4)
    assert heard.hears(("x", 6)) == [False]
    assert heard.asked == [ChangedSince(ActorId("session:a~1"), 4)]
    assert heard.presence.since == 4


def test_what_a_former_owner_told_of_a_room_before_the_last_news_of_it_is_not_shown() -> None:
    heard = Heard(1)
    assert heard.hears(("x", 2), ("x", 3), ("x", 2)) == [True, True, False]
    assert heard.hears(("y", 2)) == [True]
