"""Large rooms: one envelope an edge, membership checked when interest is granted, gaps repaired, reads joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors import commands as c
from actors import events as e
from actors import relay, roster
from actors.errors import ChatError
from actors.messages.delivery import Relayed, RelayHead, Subscribe
from actors.messages.room import History
from actors.relay import Relay
from actors.runtime.actor import ActorId, actor_id, pinned_id
from actors.runtime.plain import Message
from tests.kit.chat import Device, Town
from tests.kit.scene import active_room, answered, code, host_of, key_on, lose, make_room, post, pull, request, say, seqs, user_on


@pytest.fixture(autouse=True)
def small_is_three(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A room of more than three is large."""
    monkeypatch.setattr(roster, "SMALL_ROOM", 3)
    yield


class Scene:
    """Ann's large room on one cell; Bob, Cat and Dan at another edge, where only a relay reaches them."""

    def __init__(self) -> None:
        self.town = Town(["a", "b"])
        ann = user_on(self.town, "a", "ann")
        self.names = [user_on(self.town, "b", name) for name in ("bob", "cat", "dan")]
        self.town.register(ann, *self.names)
        self.ann = self.town.connect(ann, "a")
        self.bob, self.cat, self.dan = (self.town.connect(name, "b") for name in self.names)
        self.room = make_room(self.town, self.ann, *self.names[:2], key=key_on(self.town, "a", ann), public=True)
        say(self.town, self.ann, self.room, 1)
        assert not active_room(self.town, self.room).log.roster.row.large
        assert code(request(self.town, self.ann, c.Invite, room=self.room, user=self.names[2])) == "ok"
        assert active_room(self.town, self.room).log.roster.row.large
        self.town.settle(1.0)

    @property
    def readers(self) -> list[Device]:
        return [self.bob, self.cat, self.dan]

    def relay(self, life: str = "b") -> Relay:
        actor = self.town.hosts[life].cell.actor(pinned_id("relay", life, self.room))
        assert isinstance(actor, Relay)
        return actor

    def subscribed(self) -> set[str]:
        return set(host_of(self.town, "room", self.room).chat.tables.interest.relays(self.room))

    def knows(self, device: Device) -> int:
        heads = [x.head for x in device.of(e.Head, self.room)] + device.pushed(self.room)
        return max(heads, default=0)


def spied(scene: Scene, kind: type[Any], life: str = "a") -> list[Any]:
    """What this cell's actors are asked or told of that kind, from here on."""
    seen: list[Any] = []
    cell = scene.town.hosts[life].cell
    take, take_ask = cell.take, cell.take_ask

    def spy(to: Any, message: Any) -> Any:
        if isinstance(message, kind):
            seen.append(message)
        return take(to, message)

    def spy_ask(to: Any, request: Any) -> Any:
        if isinstance(request, kind):
            seen.append(request)
        return take_ask(to, request)

    cell.take, cell.take_ask = spy, spy_ask  # type: ignore[method-assign]
    return seen


def refusing_posts(scene: Scene, answer: str | None) -> Callable[[], None]:
    """The relay's cell does not take posts (None: it loses them); returns what ends that."""
    cell = scene.town.hosts["b"].cell
    real = cell.take

    def take(to: ActorId, message: Message) -> str | None:
        return answer if isinstance(message, Relayed) else real(to, message)

    def give_back() -> None:
        cell.take = real  # type: ignore[method-assign]

    cell.take = take  # type: ignore[method-assign]
    return give_back


def test_a_room_that_grows_large_hands_its_sessions_over_without_loss_or_double_push() -> None:
    scene = Scene()
    for device in (scene.bob, scene.cat):
        assert device.pushed(scene.room) == [2, 3]  # the first entry was told with the list
    say(scene.town, scene.ann, scene.room, 2, 3)
    for device in (scene.bob, scene.cat):
        assert device.pushed(scene.room) == [2, 3, 4, 5]
    assert scene.dan.pushed(scene.room)[-2:] == [4, 5]


def test_posts_around_the_growth_reach_everybody_once() -> None:
    town = Town(["a", "b"])
    ann_name, bob_name = user_on(town, "a", "ann"), user_on(town, "b", "bob")
    others = [user_on(town, "a", name) for name in ("cat", "dan")]
    town.register(ann_name, bob_name, *others)
    ann, bob = town.connect(ann_name, "a"), town.connect(bob_name, "b")
    room = make_room(town, ann, bob_name, others[0], key=key_on(town, "a", ann_name))
    post(ann, room, 1)
    ann.say(c.Invite(1, room, others[1]))
    post(ann, room, 2)
    town.settle(2.0)
    assert [answered(ann, room, n) for n in (1, 2)] == [2, 4]
    assert bob.pushed(room) == [2, 3, 4]


def test_who_is_invited_is_not_pushed_what_was_posted_just_before() -> None:
    scene = Scene()
    second = make_room(scene.town, scene.ann, key="another-key", name="Second")
    post(scene.ann, second, 1)
    scene.ann.say(c.Invite(1, second, scene.names[0]))
    scene.town.settle(1.0)
    assert scene.bob.pushed(second) in ([3], [])


def test_one_envelope_reaches_all_sessions_of_an_edge() -> None:
    scene = Scene()
    seen = spied(scene, Relayed, "b")
    say(scene.town, scene.ann, scene.room, 2)
    assert len(seen) == 1
    assert [device.pushed(scene.room)[-1] for device in scene.readers] == [4, 4, 4]


def test_a_sender_behind_a_relay_is_not_pushed_its_own() -> None:
    scene = Scene()
    assert say(scene.town, scene.bob, scene.room, 1) == [4]
    assert scene.bob.pushed(scene.room)[-1] == 3
    assert scene.cat.pushed(scene.room)[-1] == 4


def test_a_hole_is_repaired_by_a_pull_before_what_follows_is_handed_on() -> None:
    scene = Scene()
    give_back = refusing_posts(scene, None)
    say(scene.town, scene.ann, scene.room, 2, 3)
    give_back()
    say(scene.town, scene.ann, scene.room, 4)
    assert scene.bob.pushed(scene.room) == [2, 3, 4, 5, 6]


def test_a_long_hole_is_left_to_the_sessions_which_hear_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "REPAIR_ENTRIES", 2)
    scene = Scene()
    give_back = refusing_posts(scene, None)
    say(scene.town, scene.ann, scene.room, 2, 3, 4)
    give_back()
    scene.town.hosts["b"].cell.tell(pinned_id("relay", "b", scene.room), RelayHead(6))
    scene.town.settle()
    assert [head.head for head in scene.bob.of(e.Head, scene.room)] == [6]
    say(scene.town, scene.ann, scene.room, 5)
    assert scene.bob.pushed(scene.room) == [2, 3, 7]
    assert seqs(pull(scene.town, scene.bob, scene.room, after=3)) == [4, 5, 6, 7]


def test_membership_is_checked_when_interest_is_granted() -> None:
    scene = Scene()
    stranger = user_on(scene.town, "b", "eve")
    scene.town.register(stranger)
    eve = scene.town.connect(stranger, "b")
    eve.handle._session._listen(scene.room)  # as if its list were wrong
    scene.town.settle()
    say(scene.town, scene.ann, scene.room, 2)
    assert eve.seen[1:] == []


def test_a_subscription_activates_no_room() -> None:
    scene = Scene()
    scene.town.settle(1.0)
    for device in scene.readers:
        device.hang_up()
    scene.town.settle(300.0)
    cell = host_of(scene.town, "room", scene.room).cell
    assert cell.activation(actor_id("room", scene.room)) is None
    assert pinned_id("relay", "b", scene.room) not in scene.subscribed()
    again = scene.town.connect(scene.names[0], "b")
    scene.town.settle(1.0)
    assert pinned_id("relay", "b", scene.room) in scene.subscribed()
    assert cell.activation(actor_id("room", scene.room)) is None
    say(scene.town, scene.ann, scene.room, 2)
    assert again.pushed(scene.room) == [4]


def test_who_is_kicked_gets_nothing_any_more_on_any_device() -> None:
    scene = Scene()
    second = scene.town.connect(scene.names[0], "b", device="d2")
    scene.town.settle(1.0)
    assert code(request(scene.town, scene.ann, c.Kick, room=scene.room, user=scene.names[0])) == "ok"
    scene.bob.forget()
    second.forget()
    say(scene.town, scene.ann, scene.room, 2)
    assert scene.bob.of(e.Entry) == second.of(e.Entry) == []
    assert scene.cat.pushed(scene.room)[-1] == 5


def test_who_is_kicked_while_the_link_is_down_gets_nothing_when_it_is_back() -> None:
    scene = Scene()
    scene.town.hosts["b"].store.break_down()  # so that his own list says nothing
    scene.town.network.cut("a", "b")
    scene.town.settle(5.0)
    scene.ann.say(c.Kick(1, scene.room, scene.names[0]))
    scene.town.settle(5.0)
    scene.town.network.heal("a", "b")
    scene.town.settle(10.0)
    scene.bob.forget()
    say(scene.town, scene.ann, scene.room, 2)
    assert scene.bob.of(e.Entry) == []
    assert scene.cat.pushed(scene.room)[-1] == 5


def test_who_is_kicked_in_a_hole_that_is_repaired_gets_nothing_after_it() -> None:
    scene = Scene()
    scene.town.hosts["b"].store.break_down()
    give_back = refusing_posts(scene, None)
    assert code(request(scene.town, scene.ann, c.Kick, room=scene.room, user=scene.names[0])) == "ok"
    give_back()
    scene.bob.forget()
    say(scene.town, scene.ann, scene.room, 2)
    say(scene.town, scene.ann, scene.room, 3)
    assert [entry.kind for entry in scene.bob.of(e.Entry)] == ["kick"]
    assert scene.cat.pushed(scene.room)[-1] == 6


def test_who_is_kicked_in_a_long_hole_gets_nothing_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "REPAIR_ENTRIES", 1)
    scene = Scene()
    scene.town.hosts["b"].store.break_down()
    scene.town.network.cut("a", "b")
    scene.town.settle(5.0)
    scene.ann.say(c.Kick(1, scene.room, scene.names[0]))
    for n in (2, 3, 4):
        post(scene.ann, scene.room, n)
    scene.town.settle(5.0)
    scene.town.network.heal("a", "b")
    scene.town.settle(10.0)
    scene.bob.forget()
    say(scene.town, scene.ann, scene.room, 5)
    assert scene.bob.of(e.Entry) == []
    assert scene.cat.pushed(scene.room)[-1] == 8


def test_who_is_kicked_and_invited_again_is_pushed_again() -> None:
    scene = Scene()
    for command in (c.Kick, c.Invite):
        assert code(request(scene.town, scene.ann, command, room=scene.room, user=scene.names[0])) == "ok"
    scene.town.settle(1.0)
    say(scene.town, scene.ann, scene.room, 2)
    assert scene.bob.pushed(scene.room)[-1] == 6


def test_a_session_that_is_gone_is_forgotten_by_its_relay_which_takes_its_subscription_back() -> None:
    scene = Scene()
    for device in scene.readers:
        device.hang_up()
    scene.town.settle(200.0)
    assert scene.town.hosts["b"].cell.activation(pinned_id("relay", "b", scene.room)) is None
    assert pinned_id("relay", "b", scene.room) not in scene.subscribed()


def test_a_relay_that_crashed_finds_its_sessions_again() -> None:
    scene = Scene()
    activation = scene.town.hosts["b"].cell.activation(pinned_id("relay", "b", scene.room))
    assert activation is not None
    activation.fail(RuntimeError("a bug"))
    scene.town.settle(2.0)
    say(scene.town, scene.ann, scene.room, 2)
    assert [device.pushed(scene.room)[-1] for device in scene.readers] == [4, 4, 4]


def test_after_a_takeover_relays_subscribe_again_and_what_was_missed_is_pulled() -> None:
    scene = Scene()
    store = scene.town.hosts["a"].store
    ann_b = scene.town.connect(scene.ann.user, "b", device="d2")
    scene.town.settle(1.0)
    store.hold()
    post(ann_b, scene.room, 1)
    scene.town.settle()
    for change in store.waiting():
        scene.town.disk.apply(change)
    lose(scene.town, "a")
    scene.town.settle(5.0)
    assert answered(ann_b, scene.room, 1) == 4
    assert [scene.knows(device) for device in scene.readers] == [4, 4, 4]
    say(scene.town, ann_b, scene.room, 2)
    assert [device.pushed(scene.room)[-1] for device in scene.readers] == [5, 5, 5]


def test_a_lost_link_makes_the_room_tell_its_relays_the_head() -> None:
    scene = Scene()
    scene.town.network.cut("a", "b")
    say(scene.town, scene.ann, scene.room, 2)
    scene.town.settle(5.0)
    scene.town.network.heal("a", "b")
    scene.town.settle(5.0)
    assert [scene.knows(device) for device in scene.readers] == [4, 4, 4]


def test_the_same_page_wanted_by_many_at_once_is_read_once() -> None:
    scene = Scene()
    asked = spied(scene, History)
    for device in scene.readers:
        device.say(c.Pull(1, scene.room))
    scene.town.settle()
    # all three may read from the first entry on; one of them was adopted with the growth, and asks for itself once
    assert len(asked) <= 3
    again = [scene.town.connect(name, "b", device="d2") for name in scene.names]
    scene.town.settle(1.0)
    asked.clear()
    for device in again:
        device.say(c.Pull(1, scene.room))
    scene.town.settle()
    assert len(asked) == 1
    assert [[x.seq for x in device.last(e.Page).entries] for device in again] == [[1, 2, 3]] * 3


def test_joined_reads_of_members_with_different_firsts_are_kept_apart() -> None:
    scene = Scene()
    request(scene.town, scene.ann, c.Edit, room=scene.room, public=False)
    late = user_on(scene.town, "b", "eve")
    scene.town.register(late)
    eve = scene.town.connect(late, "b")
    assert code(request(scene.town, scene.ann, c.Invite, room=scene.room, user=late)) == "ok"
    bob = scene.town.connect(scene.names[0], "b", device="d2")
    scene.town.settle(1.0)
    for device in (bob, eve):
        device.say(c.Pull(1, scene.room))
    scene.town.settle()
    assert [x.seq for x in bob.last(e.Page).entries] == [1, 2, 3, 4, 5]
    assert [x.seq for x in eve.last(e.Page).entries] == [5]


def test_a_joined_read_that_is_refused_is_refused_for_all() -> None:
    scene = Scene()
    again = [scene.town.connect(name, "b", device="d2") for name in scene.names]
    scene.town.settle(1.0)
    scene.town.hosts["a"].store.break_down()
    for device in again:
        device.say(c.Pull(1, scene.room))
    scene.town.settle()
    assert [device.last(e.Failed).code for device in again] == ["store_unavailable"] * 3


def test_a_desk_whose_view_is_older_than_the_askers_refuses() -> None:
    scene = Scene()
    cell = scene.town.hosts["a"].cell
    ask = Subscribe(pinned_id("relay", "b", scene.room), scene.room, scene.ann.user, cell.version + 1)
    answer = cell.ask(pinned_id("desk", "a"), ask)
    scene.town.settle()
    assert answer.error is not None
    assert getattr(answer.error, "code", "") == "unavailable"


def test_a_relay_too_busy_to_take_a_post_is_told_the_head_later() -> None:
    scene = Scene()
    give_back = refusing_posts(scene, "overloaded")
    say(scene.town, scene.ann, scene.room, 2)
    give_back()
    seen = spied(scene, RelayHead, "b")
    scene.town.settle(3.0)
    assert [message.head for message in seen] == [4]
    assert [device.pushed(scene.room)[-1] for device in scene.readers] == [4, 4, 4]


def test_read_marks_are_not_shown_in_large_rooms() -> None:
    scene = Scene()
    scene.bob.say(c.Read(scene.room, 3))
    scene.town.settle()
    assert scene.cat.of(e.ReadMark) == []


def test_a_new_name_of_a_large_room_reaches_every_members_list() -> None:
    scene = Scene()
    assert code(request(scene.town, scene.ann, c.Edit, room=scene.room, name="New")) == "ok"
    scene.town.settle(3.0)
    assert [device.of(e.RoomChanged)[-1].room.name for device in scene.readers] == ["New"] * 3


def test_who_was_kicked_gets_no_subscription_of_a_large_room_also_where_it_is_asleep() -> None:
    scene = Scene()
    user = scene.names[0]
    assert code(request(scene.town, scene.ann, c.Kick, room=scene.room, user=user)) == "ok"
    for wait in (0.0, 400.0):
        scene.town.settle(wait)
        with pytest.raises(ChatError, match="no_such_room"):
            scene.town.ask(pinned_id("desk", "a"), Subscribe(pinned_id("relay", "b", scene.room), scene.room, user))
