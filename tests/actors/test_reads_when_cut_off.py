"""A cell that may have lost its slots says nothing of them: not what is read beside a mailbox, and not what is answered from one.

What a commit proves is answered all the same: it is refused where the slots are somebody else's.
"""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from actors import events as e
from actors.errors import ChatError, Unavailable
from actors.messages.control import Expel, InspectRoom, ListAll, ReadLog
from actors.messages.delivery import ReadHeads, ReadPage, Subscribe
from actors.messages.room import AddMember, Describe, EditRoom, History, KeyedPost, ListMembers, OpenRoom
from actors.messages.session import Attach, ChangedSince, RoomsTold
from actors.messages.user import (
    CheckToken,
    FindRoom,
    GetCredentials,
    GetProfile,
    ListDevices,
    ListRooms,
    LogOut,
    Register,
    Rehash,
    SetProfile,
)
from actors.runtime.actor import ActorId, actor_id, pinned_id
from actors.runtime.plain import Message
from tests.kit.chat import Device, Town, read_token
from tests.kit.scene import key_on, make_room, say, user_on


class Scene:
    """A user and a room on the cell `b`, which is cut off; those who ask are on `a`."""

    def __init__(self) -> None:
        self.town = Town(["a", "b"])
        self.user = user_on(self.town, "b", "bob")
        self.nobody = user_on(self.town, "b", "nobody")
        self.town.register(self.user)
        self.device: Device = self.town.connect(self.user, "a")
        self.room = make_room(self.town, self.device, key=key_on(self.town, "b", self.user))
        self.town.ask(actor_id("room", self.room), KeyedPost(self.user, "the-key", "text"))
        self.cell = self.town.hosts["b"].cell

    def cut_off(self) -> None:
        self.cell.reads_until = self.town.clock.now() - 0.001

    def ask(self, kind: str, request: Any) -> Any:
        name = {"user": self.user, "room": self.room, "nobody": self.nobody}.get(kind)
        address = pinned_id("desk", "b") if name is None else actor_id("room" if kind == "room" else "user", name)
        return self.town.ask(address, request)


def requests(scene: Scene) -> list[tuple[str, Any]]:
    """Everything that can be answered without a commit."""
    user, room = scene.user, scene.room
    token = read_token(f"{user}/d1")[1]
    return [
        ("user", GetProfile()), ("user", GetCredentials()), ("user", CheckToken(token)), ("user", CheckToken(b"another")), ("user", ListDevices()),
        ("user", ListRooms()), ("user", FindRoom(room)), ("user", Attach(token, ActorId("session:a~9"), 0)), ("user", Register("Bob", "-")),
        ("user", Rehash("another", "-")), ("user", LogOut("no-device")), ("nobody", GetProfile()), ("nobody", CheckToken(token)),
        ("room", History(user, 0, None, 10)), ("room", Describe(user)), ("room", ListMembers(user, "", 10)), ("room", ReadLog(0, None, 10)),
        ("room", ListAll("", 10)), ("room", InspectRoom()), ("room", Expel("nobody")), ("room", OpenRoom(user, "Room", "", False, [])),
        ("room", AddMember(user, user)), ("room", KeyedPost(user, "the-key", "text")), ("room", EditRoom(user, "Room", None, None)),
        ("desk", ReadHeads([room])), ("desk", ReadPage(room, 0, 1, 10)), ("desk", Subscribe(pinned_id("relay", "a", room), room, user)),
    ]  # fmt: skip


def refusal(scene: Scene, kind: str, request: Any) -> ChatError | None:
    try:
        scene.ask(kind, request)
    except ChatError as error:
        return error
    return None


def test_whatever_no_commit_proves_is_not_answered_and_is_again_when_enough_others_are_heard() -> None:
    scene = Scene()
    scene.cut_off()
    for kind, request in requests(scene):
        found = refusal(scene, kind, request)
        assert isinstance(found, Unavailable) and found.code == "unavailable", (request, found)
    scene.cell.reads_until = inf
    for kind, request in requests(scene):
        assert not isinstance(refusal(scene, kind, request), Unavailable), request


def test_what_a_commit_proves_is_answered() -> None:
    scene = Scene()
    scene.cut_off()
    assert scene.ask("user", SetProfile(display="Robert")).display == "Robert"
    assert scene.ask("room", EditRoom(scene.user, "Another name", None, None)).name == "Another name"
    assert scene.ask("room", KeyedPost(scene.user, "another-key", "text")).seq == 4
    assert say(scene.town, scene.device, scene.room, 1) == [5]


def test_a_read_that_is_under_way_when_the_cell_is_cut_off_is_not_answered() -> None:
    scene = Scene()
    promise = scene.cell.ask(actor_id("room", scene.room), History(scene.user, 0, None, 10))
    assert not promise.settled
    while not promise.settled:
        scene.cut_off()
        scene.town.clock.advance(0.001)
    assert isinstance(promise.error, Unavailable)


def test_the_time_runs_out_by_itself_also_where_nothing_of_the_process_ran_meanwhile() -> None:
    scene = Scene()
    scene.cell.reads_until = scene.town.clock.now() + 3.0
    assert scene.ask("user", GetProfile()).user == scene.user
    scene.town.clock._now += 10.0
    assert isinstance(refusal(scene, "user", GetProfile()), Unavailable)


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_a_session_that_compares_its_list_is_told_nothing_by_a_cell_that_is_cut_off(is_cut_off: bool) -> None:
    scene = Scene()
    told: list[Message] = []
    real = scene.cell.tell_bound

    def listening(to: ActorId, message: Message) -> None:
        told.append(message)
        real(to, message)

    user = scene.cell.actor(actor_id("user", scene.user))
    user._ctx.tell = listening  # type: ignore[union-attr]
    if is_cut_off:
        scene.cut_off()
    session = scene.device.handle._activation.address
    scene.town.any_host().cell.tell(actor_id("user", scene.user), ChangedSince(session, 0))
    scene.town.settle()
    assert [isinstance(message, RoomsTold) for message in told] == ([] if is_cut_off else [True])
    assert scene.device.of(e.Failed) == []
