"""What a cell counts of its posts and readers, and how a message is followed through cells."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors import commands as c
from actors import roster
from actors.runtime.actor import ActorId
from actors.tally import Tally
from tests.kit.chat import Town
from tests.kit.scene import direct, key_on, make_room, post, request, say, user_on

Step = tuple[object, ...]


class Steps:
    """A trace that remembers."""

    def __init__(self) -> None:
        self.seen: list[Step] = []

    def welcomed(self, session: ActorId, user: str, device: str) -> None:
        self.seen.append(("welcomed", session, user, device))

    def received(self, room: str, n: int, device: str, session: ActorId) -> None:
        self.seen.append(("received", room, n, device, session))

    def committed(self, room: str, seq: int, n: int, device: str) -> None:
        self.seen.append(("committed", room, seq, n, device))

    def fanned_out(self, room: str, seq: int, edges: int) -> None:
        self.seen.append(("fanned_out", room, seq, edges))

    def relayed(self, room: str, seq: int) -> None:
        self.seen.append(("relayed", room, seq))

    def delivered(self, room: str, seq: int, session: ActorId, pushed: bool) -> None:
        self.seen.append(("delivered", room, seq, session, pushed))


@pytest.fixture
def small_is_two(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A room of more than two is large."""
    monkeypatch.setattr(roster, "SMALL_ROOM", 2)
    yield


def followed(town: Town) -> Steps:
    """All cells of the town tell one trace. Before there are rooms."""
    steps = Steps()
    for host in town.hosts.values():
        host.chat.tables.sessions.trace = steps
    return steps


def tally_of(town: Town, life: str = "a") -> Tally:
    return town.hosts[life].chat.tables.sessions.tally


# --- figures ---


def test_posts_are_counted_where_they_are_stored_and_refusals_where_they_are_told() -> None:
    town = Town(["a", "b"])
    ann = user_on(town, "b", "ann")
    town.register(ann, "bob")
    device = town.connect(ann, "b")
    room = make_room(town, device, "bob", key=key_on(town, "a", ann))
    say(town, device, room, 1, 2, 3)
    post(device, room, 9)
    post(device, "nosuchroom", 1)
    town.settle()
    assert (tally_of(town, "a").posts_stored, tally_of(town, "b").posts_stored) == (3, 0)
    assert tally_of(town, "a").posts_refused == {}
    assert tally_of(town, "b").posts_refused == {"expected": 1, "no_such_room": 1}


def test_who_reads_too_slowly_counts_until_it_reads_again_or_leaves() -> None:
    town = Town()
    town.register("ann", "bob")
    ann, bob, other = town.connect("ann"), town.connect("bob"), town.connect("bob", device="d2")
    room = direct(town, ann, "bob")
    bob.choked = other.choked = True
    say(town, ann, room, 1, 2)
    assert len(tally_of(town).behind) == 2
    bob.drain()
    assert len(tally_of(town).behind) == 1
    other.hang_up()
    town.settle()
    other.drain()
    assert tally_of(town).behind == set()


# --- the way of a message ---


def test_one_post_is_followed_from_session_to_session_over_two_cells() -> None:
    town = Town(["a", "b"])
    ann, bob = user_on(town, "a", "ann"), user_on(town, "b", "bob")
    town.register(ann, bob)
    steps = followed(town)
    sender, reader = town.connect(ann, "a"), town.connect(bob, "b")
    assert [step[2:] for step in steps.seen] == [(ann, ann + "d1"), (bob, bob + "d1")]
    mine, his = (step[1] for step in steps.seen)
    room = make_room(town, sender, bob, key=key_on(town, "a", ann))
    steps.seen.clear()
    say(town, sender, room, 1)
    assert reader.pushed(room)[-1] == 2
    assert steps.seen == [
        ("received", room, 1, sender.user + "d1", mine),
        ("committed", room, 2, 1, sender.user + "d1"),
        ("fanned_out", room, 2, 2),
        ("delivered", room, 2, his, True),
    ]


def test_a_reader_that_will_pull_is_told_apart_and_each_of_many_posts_is_named() -> None:
    town = Town()
    town.register("ann", "bob")
    steps = followed(town)
    ann, bob = town.connect("ann"), town.connect("bob")
    his = steps.seen[1][1]
    room = direct(town, ann, "bob")
    bob.choked = True
    steps.seen.clear()
    say(town, ann, room, 1, 2)
    assert [step for step in steps.seen if step[0] == "delivered"] == [
        ("delivered", room, 2, his, False),
        ("delivered", room, 3, his, False),
    ]


def test_in_a_large_room_the_relay_is_a_step_of_its_own(small_is_two: None) -> None:
    town = Town(["a", "b"])
    ann = user_on(town, "a", "ann")
    others = [user_on(town, "b", name) for name in ("bob", "cat")]
    town.register(ann, *others)
    steps = followed(town)
    sender = town.connect(ann, "a")
    readers = [town.connect(name, "b") for name in others]
    room = make_room(town, sender, others[0], key=key_on(town, "a", ann))
    request(town, sender, c.Invite, room=room, user=others[1])
    town.settle(2.0)
    steps.seen.clear()
    say(town, sender, room, 1)
    head = readers[0].pushed(room)[-1]
    assert [step[0] for step in steps.seen if step[2] == head and step[0] != "received"][:3] == ["committed", "fanned_out", "relayed"]
    assert sorted(step[0] for step in steps.seen).count("delivered") == 2
