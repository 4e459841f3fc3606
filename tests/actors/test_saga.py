"""Operations of several steps: each is carried out as a whole or not at all, at whichever commit the cell dies, on every store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from actors import commands as c
from actors import events as e
from actors import saga
from actors.closing import BAD_TOKEN, DISABLED
from actors.errors import ChatError, Overloaded, Unknown
from actors.messages.room import AddMember, ListMembers, OpenDirect, OpenRoom
from actors.messages.saga import AddOnce, AddToRooms, DeleteAccount, MakeRoom
from actors.messages.user import GetProfile, Grant, ListRooms, LogIn, Register
from actors.naming import direct_room, room_for, saga_for
from actors.runtime.actor import ActorId, actor_id
from actors.runtime.driving import drive
from actors.runtime.ring import SLOTS, slot_of
from actors.saga_states import Adding, State, encode
from actors.store.rows import SagaRow
from actors.store.store import Commit
from tests.kit.chat import Town
from tests.kit.labs import lab_of
from tests.kit.mortal import Died, Mortal
from tests.kit.scene import code, key_on, make_room, pair, post, refused, request, user_on

Where = Callable[[str], str]
"""Names that nobody else in this test has."""


class Operation(NamedTuple):
    """One kind of operation, and what must be true of it."""

    prepare: Callable[[Mortal, Where], None]
    """What is there before."""
    begin: Callable[[Mortal, Where], Any]
    """Ask for it, or put it there half done."""
    check: Callable[[Mortal, Where], None]
    """It is done as a whole; or, where it had to be undone, nothing of it is left."""


def saga_id(what: str, user: str, key: str) -> ActorId:
    return actor_id("saga", saga_for(what, user, key))


def members(mortal: Mortal, room: str) -> dict[str, str]:
    """Who is in a room, and as what; nobody where it is not there."""
    state = mortal.lab.wait(mortal.store.store.load_room(slot_of(actor_id("room", room)), room))
    return {row.user: row.role for row in state.members} if state is not None else {}


def listed(mortal: Mortal, user: str) -> set[str]:
    """The rooms of somebody's list."""
    return {info.room for info in mortal.ask(actor_id("user", user), ListRooms()).rooms}


def running(mortal: Mortal) -> list[str]:
    return list(mortal.lab.wait(mortal.store.store.sagas(range(SLOTS))))


def room_of(who: Where, name: str) -> str:
    return room_for(who("ann"), who(name))


def open_room(mortal: Mortal, who: Where, name: str, *others: str) -> None:
    request = OpenRoom(who("ann"), "Room", "", False, [who(other) for other in others])
    mortal.ask(actor_id("room", room_of(who, name)), request)


# --- a room with its members -----------------------------------------------------------------------------------------


def prepare_people(mortal: Mortal, who: Where) -> None:
    mortal.register(*(who(name) for name in ("ann", "bob", "eve")))


def begin_room(mortal: Mortal, who: Where) -> Any:
    request = MakeRoom(who("ann"), room_of(who, "made"), "Tea", "", False, [who("bob"), who("eve")])
    return mortal.ask(saga_id("create", who("ann"), "made"), request)


def check_room(mortal: Mortal, who: Where) -> None:
    room = room_of(who, "made")
    assert members(mortal, room) == {who("ann"): "owner", who("bob"): "member", who("eve"): "member"}
    assert all(room in listed(mortal, who(name)) for name in ("ann", "bob", "eve"))


def begin_room_with_nobody(mortal: Mortal, who: Where) -> None:
    with pytest.raises(ChatError) as told:
        mortal.ask(
            saga_id("create", who("ann"), "made"),
            MakeRoom(who("ann"), room_of(who, "made"), "Tea", "", False, [who("bob"), who("nobody")]),
        )
    assert (told.value.code, told.value.fields) == ("no_such_user", {"user": who("nobody")})


def check_no_room(mortal: Mortal, who: Where) -> None:
    assert members(mortal, room_of(who, "made")) == {}
    assert not listed(mortal, who("bob"))


# --- into several rooms ----------------------------------------------------------------------------------------------


def prepare_rooms(mortal: Mortal, who: Where) -> None:
    prepare_people(mortal, who)
    open_room(mortal, who, "one")
    open_room(mortal, who, "two", "eve")
    open_room(mortal, who, "three")


def begin_adding(mortal: Mortal, who: Where) -> Any:
    rooms = [room_of(who, name) for name in ("one", "two", "three")]
    return mortal.ask(saga_id("add", who("ann"), "adding"), AddToRooms(who("ann"), who("eve"), rooms))


def check_added(mortal: Mortal, who: Where) -> None:
    rooms = {room_of(who, name) for name in ("one", "two", "three")}
    assert all(who("eve") in members(mortal, room) for room in rooms)
    assert listed(mortal, who("eve")) == rooms


def begin_adding_where_one_refuses(mortal: Mortal, who: Where) -> Any:
    """All rooms would have had them; then one changed its mind: it is not to be found any more."""
    rooms = [room_of(who, "one"), room_of(who, "two"), room_for(who("bob"), "nowhere"), room_of(who, "three")]
    put_state(mortal, saga_id("add", who("ann"), "adding"), who("ann"), Adding(who("ann"), who("eve"), rooms))
    with pytest.raises(ChatError) as told:
        begin_adding(mortal, who)
    assert (told.value.code, told.value.fields) == ("no_such_room", {"room": rooms[2]})


def put_state(mortal: Mortal, address: ActorId, user: str, state: State) -> None:
    row = SagaRow(address.partition(":")[2], slot_of(address), "adding", user, 1, encode(state))
    mortal.lab.wait(mortal.store.store.commit(Commit(slot_of(address), (row,))))


def check_undone(mortal: Mortal, who: Where) -> None:
    assert who("eve") not in members(mortal, room_of(who, "one")) and who("eve") not in members(mortal, room_of(who, "three"))
    assert members(mortal, room_of(who, "two")) == {who("ann"): "owner", who("eve"): "member"}, "who was there before stays"
    assert listed(mortal, who("eve")) == {room_of(who, "two")}
    # A copy of a step that was on its way when its sender was taken for dead:
    with pytest.raises(ChatError) as late:
        mortal.ask(actor_id("room", room_of(who, "one")), AddOnce(who("ann"), who("eve"), saga_id("add", who("ann"), "adding")))
    assert late.value.code == "undone"
    # And that it was undone keeps nobody out.
    mortal.ask(actor_id("room", room_of(who, "one")), AddMember(who("ann"), who("eve")))


# --- an account ------------------------------------------------------------------------------------------------------


def prepare_account(mortal: Mortal, who: Where) -> None:
    prepare_people(mortal, who)
    open_room(mortal, who, "one", "bob", "eve")
    open_room(mortal, who, "two", "bob")
    mortal.ask(actor_id("room", direct_room(who("ann"), who("bob"))), OpenDirect(who("ann"), who("bob")))
    digest = sha256(b"token").digest()
    mortal.ask(actor_id("user", who("ann")), LogIn(Grant("phone", "", digest, 0, digest, 0)))
    mortal.settle()


def begin_deleting(mortal: Mortal, who: Where) -> Any:
    return mortal.ask(saga_id("delete", who("ann"), ""), DeleteAccount(who("ann")))


def check_deleted(mortal: Mortal, who: Where) -> None:
    ann, bob = who("ann"), who("bob")
    assert members(mortal, room_of(who, "one")) == {bob: "owner", who("eve"): "member"}
    assert members(mortal, room_of(who, "two")) == {bob: "owner"}
    assert members(mortal, direct_room(ann, bob)) == {bob: "member"}
    found = mortal.lab.wait(mortal.store.store.load_user(slot_of(actor_id("user", ann)), ann))
    assert (found.row.password, found.row.display, found.devices, found.marks) == ("", "", [], [])
    assert mortal.lab.wait(mortal.store.store.user_rooms_since(slot_of(actor_id("user", ann)), ann, -1, 9)) == []
    for asked, refusal in ((GetProfile(), "no_such_user"), (Register("Ann", "-"), "name_taken")):
        with pytest.raises(ChatError) as told:
            mortal.ask(actor_id("user", ann), asked)
        assert told.value.code == refusal
    assert listed(mortal, bob) == {room_of(who, "one"), room_of(who, "two"), direct_room(ann, bob)}
    peers = {info.peer for info in mortal.ask(actor_id("user", bob), ListRooms()).rooms if info.kind == "direct"}
    assert peers == {""}, "the other one hears that nobody is there any more"


OPERATIONS = {
    "a room with members": Operation(prepare_people, begin_room, check_room),
    "a room with somebody who is not there": Operation(prepare_people, begin_room_with_nobody, check_no_room),
    "into several rooms": Operation(prepare_rooms, begin_adding, check_added),
    "into several rooms, one refuses": Operation(prepare_rooms, begin_adding_where_one_refuses, check_undone),
    "an account is deleted": Operation(prepare_account, begin_deleting, check_deleted),
}


@pytest.fixture(params=["memory", "sqlite", pytest.param("cassandra", marks=pytest.mark.slow)])
def mortal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mortal]:
    with lab_of(request.param, tmp_path) as lab:
        yield Mortal(lab)


def dies(mortal: Mortal, operation: Operation, who: Where, commits: int) -> bool:
    """The cell dies after so many commits; whether there were so many."""
    mortal.settle()
    mortal.die_after(commits)
    try:
        operation.begin(mortal, who)
        mortal.settle()
    except Died:
        return True
    return False


@pytest.mark.parametrize("operation", list(OPERATIONS.values()), ids=list(OPERATIONS))
def test_at_whichever_commit_the_cell_dies_the_next_owner_brings_it_to_its_end(mortal: Mortal, operation: Operation) -> None:
    at = 0
    has_died = True
    while has_died:
        at += 1

        def who(name: str, at: int = at) -> str:
            return f"{name}{at}"

        operation.prepare(mortal, who)
        has_died = dies(mortal, operation, who, at)
        if has_died:
            mortal.live_again()
            mortal.settle()
        mortal.store.dies_after = None
        assert running(mortal) == []
        operation.check(mortal, who)
    assert at > 2, "there were commits to die at"
    assert [what for what, *_ in mortal.reports if what in ("crashed", "set_aside", "unhandled")] == []


@pytest.mark.parametrize("name", ["a room with members", "into several rooms", "an account is deleted"])
def test_asked_again_it_is_the_same_operation(mortal: Mortal, name: str) -> None:
    operation = OPERATIONS[name]
    operation.prepare(mortal, str)
    first = operation.begin(mortal, str)
    mortal.settle()
    again = operation.begin(mortal, str)
    mortal.settle()
    assert getattr(first, "room", None) == getattr(again, "room", None)
    operation.check(mortal, str)


def test_one_room_that_would_not_have_them_is_named_before_anything_is_done(mortal: Mortal) -> None:
    prepare_rooms(mortal, str)
    mortal.settle()
    rooms = [room_of(str, "one"), "rnowhere"]
    with pytest.raises(ChatError) as told:
        mortal.ask(saga_id("add", "ann", "k"), AddToRooms("ann", "eve", rooms))
    assert (told.value.code, told.value.fields) == ("no_such_room", {"room": "rnowhere"})
    page = mortal.ask(actor_id("room", rooms[0]), ListMembers("ann", "", 9))
    assert [member.user for member in page.members] == ["ann"]


def test_whoever_is_taken_into_a_room_as_their_account_goes_does_not_stay(mortal: Mortal) -> None:
    # The room saw the account, and then it was closed: only the room's telling of it can find that out.
    prepare_account(mortal, str)
    begin_deleting(mortal, str)
    mortal.settle()
    mortal.ask(actor_id("room", "rlate"), OpenRoom("bob", "Late", "", False, []))
    mortal.settle()
    room: Any = mortal.chat.cell.actor(actor_id("room", "rlate"))
    plan = room.log.roster.plan_add("bob", "ann", "Ann", room.log.head, 5)
    drive(room._carry_out(plan, 5))
    mortal.settle()
    assert members(mortal, "rlate") == {"bob": "owner"}


# --- as clients see it ------------------------------------------------------------------------------------------------


def test_a_client_makes_a_room_with_members_and_adds_somebody_to_several() -> None:
    town, ann, _, _ = pair("eve")
    rooms = [make_room(town, ann, "bob", key=f"the-key-{number}") for number in range(3)]
    eve = town.connect("eve")
    answer = request(town, ann, c.Add, key="the-key-9", user="eve", rooms=[*rooms, "rnowhere"])
    assert isinstance(answer, e.Failed) and (answer.code, answer.fields) == ("no_such_room", {"room": "rnowhere"})
    assert code(request(town, ann, c.Add, key="the-key-8", user="eve", rooms=rooms)) == "ok"
    assert code(request(town, ann, c.Add, key="the-key-8", user="eve", rooms=rooms)) == "ok"
    assert {told.room.room for told in eve.of(e.RoomChanged)} == set(rooms)
    assert code(request(town, ann, c.Add, key="the-key-7", user="ann", rooms=rooms)) == "already_a_member"


def test_whose_account_is_deleted_is_sent_away_and_what_they_wrote_stays() -> None:
    town, ann, bob, room = pair()
    post(ann, room, 1, "I was here")
    town.settle()
    town.ask(saga_id("delete", "ann", ""), DeleteAccount("ann"))
    town.settle(1.0)
    assert ann.close_code == DISABLED
    assert bob.last(e.RoomChanged).room.peer == ""
    assert bob.bodies(room) == ["I was here"]
    post(bob, room, 1, "Are you there?")
    town.settle()
    assert refused(bob, room, 1).code == "forbidden"
    again = town.connect("ann")
    assert again.close_code == BAD_TOKEN
    assert code(request(town, bob, c.Who, user="ann")) == "no_such_user"


def test_a_session_that_did_not_hear_that_its_account_is_gone_is_told_again() -> None:
    town = Town(["a", "b"])
    ann = user_on(town, "a", "ann")
    town.register(ann)
    device = town.connect(ann, "b")
    key = next(key for key in map(str, range(99)) if is_on(town, "a", saga_id("delete", ann, key)))
    town.network.cut("a", "b")
    town.ask(saga_id("delete", ann, key), DeleteAccount(ann))
    town.settle(20.0)
    assert device.close_code is None
    town.network.heal("a", "b")
    town.settle(15.0)
    assert device.close_code == DISABLED


def is_on(town: Town, life: str, address: ActorId) -> bool:
    return town.view is not None and town.view.owner(slot_of(address)) == life


# --- bounds, and what cannot be reached ------------------------------------------------------------------------------


def test_beyond_the_bound_new_operations_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    town.register("ann", "bob")
    monkeypatch.setattr(saga, "MAX_RUNNING", 0)
    with pytest.raises(Overloaded) as told:
        town.ask(saga_id("create", "ann", "k"), MakeRoom("ann", "room1", "Tea", "", False, ["bob"]))
    assert told.value.code == "too_many_operations" and told.value.retry and told.value.retry_after
    monkeypatch.setattr(saga, "MAX_RUNNING", 1)
    assert town.ask(saga_id("create", "ann", "k"), MakeRoom("ann", "room1", "Tea", "", False, ["bob"])).room == "room1"


def test_a_step_whose_room_cannot_be_reached_is_tried_again_until_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town(["a", "b"])
    ann, eve = user_on(town, "a", "ann"), user_on(town, "a", "eve")
    town.register(ann, eve)
    rooms = [make_room(town, town.connect(ann), key=key_on(town, life, ann)) for life in ("a", "b")]
    key = next(str(n) for n in range(999) if town.view is not None and town.view.owner(slot_of(saga_id("add", ann, str(n)))) == "a")
    town.kill("b")
    with pytest.raises(Unknown):
        town.ask(saga_id("add", ann, key), AddToRooms(ann, eve, rooms))
    town.take_over("b")
    town.settle(30.0)
    for room in rooms:
        page = town.ask(actor_id("room", room), ListMembers(ann, "", 9))
        assert eve in {member.user for member in page.members}


def test_one_that_has_ended_takes_no_memory() -> None:
    town = Town()
    town.register("ann", "bob")
    town.ask(saga_id("create", "ann", "k"), MakeRoom("ann", "room1", "Tea", "", False, ["bob"]))
    town.settle(8.0)
    assert town.any_host().cell.counters["live_saga"] == 0


def test_one_that_is_asked_for_again_the_moment_it_ends_is_done_again_to_its_end() -> None:
    town = Town()
    town.register("ann", "bob")
    cell = town.any_host().cell
    asked = [cell.ask(saga_id("delete", "bob", ""), DeleteAccount("bob")) for _ in range(3)]
    town.settle(5.0)
    assert [promise.settled for promise in asked] == [True] * 3
    assert not town.disk.tables.get("sagas") or not any(town.disk.tables["sagas"].values())
