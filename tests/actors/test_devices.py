"""The devices of an account: what they acknowledge and read, and how their sessions end."""

from __future__ import annotations

from functools import partial

import pytest

from actors import commands as c
from actors import events as e
from actors.errors import ChatError
from actors.messages.user import CheckToken, Grant, LogIn, LogOut, Refresh, SetProfile
from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.store.rows import CursorRow, DeviceRow, EntryRow, ReadRow
from actors.store.store import Commit
from tests.kit import scene
from tests.kit.chat import Device, Town, read_token
from tests.kit.memory import MemoryStore
from tests.kit.scene import request, rows, say, user_on

BIG = "x" * 16_000


pair = partial(scene.pair, devices=("d1", "d2", "d3"))


# --- acknowledgements and read marks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [c.Ack, c.Read])
def test_what_nobody_can_have_is_refused_and_names_the_head(command: type[c.Command]) -> None:
    town, _, bob, room = pair()
    bob.say(command(room=room, seq=99))
    town.settle()
    answer = bob.last(e.Failed)
    assert (answer.q, answer.code, answer.fields) == (0, "beyond_head", {"room": room, "head": 1})


def test_a_position_in_a_room_that_was_not_shown_here_is_looked_up() -> None:
    town, _, bob, room = pair()
    bob.handle._session._heads.clear()
    bob.say(c.Ack(room, 1))
    town.settle(10.0)
    assert bob.of(e.Failed) == []
    assert [(row.device, row.seq) for row in rows(town, CursorRow, "bob")] == [("bobd1", 1)]


@pytest.mark.parametrize("kind", [c.Ack, c.Read])
def test_what_a_page_has_shown_of_a_commit_that_is_under_way_in_the_room_is_not_refused(kind: type[c.Command]) -> None:
    town, _, bob, room = pair()
    host = scene.host_of(town, "room", room)
    entry = EntryRow(room, 2, 0, "ann", "annd1", 1, f"{1:024x}", "text", "durable, and its room does not know")
    MemoryStore(town.disk, host.chat.life).commit(Commit(slot_of(actor_id("room", room)), [entry]))
    bob.say(kind(room=room, seq=2))
    town.settle(10.0)
    assert bob.of(e.Failed) == []
    bob.say(kind(room=room, seq=3))
    town.settle(10.0)
    assert [(answer.code, answer.fields["head"]) for answer in bob.of(e.Failed)] == [("beyond_head", 1)]


def test_the_devices_of_one_account_each_see_what_the_others_send_and_have_read() -> None:
    town, ann, bob, room = pair()
    second, third = town.connect("bob", device="d2"), town.connect("bob", device="d3")
    for device in (second, third):
        device.forget()
    say(town, bob, room, 1)
    say(town, second, room, 1)
    assert second.bodies(room)[-1:] == ["text 1 of bob"]
    assert third.pushed(room) == [2, 3]
    bob.say(c.Read(room, 3))
    town.settle()
    for device in (second, third):
        assert ("bob", 3) in [(mark.user, mark.seq) for mark in device.of(e.ReadMark, room)]
    assert bob.of(e.ReadMark) == []
    assert [(mark.user, mark.seq) for mark in ann.of(e.ReadMark, room)] == [("bob", 3)]


def test_how_far_a_person_has_read_is_kept_and_told_to_every_device() -> None:
    town, ann, bob, room = pair()
    say(town, ann, room, 1, 2)
    bob.say(c.Read(room, 2))
    town.settle(10.0)
    bob.say(c.Read(room, 1))  # never back
    town.settle(10.0)
    assert [row.seq for row in rows(town, ReadRow, "bob")] == [2]
    (info,) = town.connect("bob", device="d2").last(e.Welcome).rooms
    assert (info.read, info.head) == (2, 3)  # one is unread
    town.settle(400.0)
    (info,) = town.connect("bob", device="d3").last(e.Welcome).rooms
    assert info.read == 2


def test_acknowledgements_are_written_now_and_then_and_when_the_connection_ends() -> None:
    town, ann, bob, room = pair()
    say(town, ann, room, *range(1, 6))
    commits = len(town.hosts["a"].store.commits)
    for seq in range(1, 7):
        bob.say(c.Ack(room, seq))
    bob.hang_up()
    town.settle(10.0)
    assert [row.seq for row in rows(town, CursorRow, "bob")] == [6]
    assert len(town.hosts["a"].store.commits) - commits <= 2


# --- the end of a session --------------------------------------------------------------------------------------------


def test_a_newer_connection_of_the_same_device_replaces_the_older() -> None:
    town, ann, bob, room = pair()
    newer = town.connect("bob")
    assert (bob.close_code, newer.close_code) == (4004, None)
    say(town, ann, room, 1)
    assert newer.pushed(room) == [2]


def test_a_device_that_is_logged_out_is_sent_away_and_its_token_ends() -> None:
    town, _, bob, _ = pair()
    second = town.connect("bob", device="d2")
    town.ask(actor_id("user", "bob"), LogOut("bobd1"))
    town.settle()
    assert (bob.close_code, second.close_code) == (4102, None)
    assert town.connect("bob").close_code == 4100


def test_a_disabled_account_is_sent_away_everywhere() -> None:
    town, _, bob, _ = pair()
    second = town.connect("bob", device="d2")
    town.ask(actor_id("user", "bob"), SetProfile(disabled=True))
    town.settle()
    assert (bob.close_code, second.close_code) == (4101, 4101)
    assert town.connect("bob").close_code in {4100, 4101}


def test_a_new_password_logs_every_device_out() -> None:
    town, _, bob, _ = pair()
    second = town.connect("bob", device="d2")
    town.ask(actor_id("user", "bob"), SetProfile(password="another"))
    town.settle()
    assert (bob.close_code, second.close_code) == (4102, 4102)


def grant(device: str, token: bytes, refresh: bytes) -> Grant:
    return Grant(device, device, token, 0, refresh, 0)


def test_a_refresh_token_that_comes_again_logs_the_device_out() -> None:
    town, _, bob, _ = pair()
    user, old = actor_id("user", "bob"), read_token("bob/d1")[1]
    town.ask(user, Refresh(old, grant("bobd1", b"token 2", b"refresh 2")))
    town.settle()
    codes = [bob.close_code]
    with pytest.raises(ChatError, match="bad_token"):
        town.ask(user, Refresh(old, grant("bobd1", b"token 3", b"refresh 3")))
    town.settle()
    assert [*codes, bob.close_code] == [None, 4102]
    assert "bobd1" not in [row.device for row in rows(town, DeviceRow, "bob")]


def test_a_refresh_whose_answer_was_lost_is_answered_alike_until_what_it_gave_is_used() -> None:
    town, _, _, _ = pair()
    user, old = actor_id("user", "bob"), read_token("bob/d1")[1]
    given, later = grant("bobd1", b"token 2", b"refresh 2"), grant("bobd1", b"token 3", b"refresh 3")
    assert town.ask(user, Refresh(old, given, grant("bobd1", b"token 1", b"refresh 1"))) is False
    stored = rows(town, DeviceRow, "bob")
    assert town.ask(user, Refresh(old, given)) is False
    assert town.ask(user, Refresh(old, later, given)) is True
    town.settle(400.0)  # also by an actor that is loaded again
    assert town.ask(user, Refresh(old, later, given)) is True
    assert rows(town, DeviceRow, "bob") == stored
    town.ask(user, CheckToken(b"token 2"))
    with pytest.raises(ChatError, match="bad_token"):
        town.ask(user, Refresh(old, later, given))
    town.settle()
    assert "bobd1" not in [row.device for row in rows(town, DeviceRow, "bob")]


def test_a_repeat_that_asks_for_something_else_is_a_copy() -> None:
    town, _, _, _ = pair()
    user, old = actor_id("user", "bob"), read_token("bob/d1")[1]
    town.ask(user, Refresh(old, grant("bobd1", b"token 2", b"refresh 2")))
    with pytest.raises(ChatError, match="bad_token"):
        town.ask(user, Refresh(old, grant("bobd1", b"token 3", b"refresh 3"), grant("bobd1", b"token 4", b"refresh 4")))
    assert "bobd1" not in [row.device for row in rows(town, DeviceRow, "bob")]


def test_that_a_token_was_used_is_remembered_when_the_device_is_seen_anew() -> None:
    town, _, _, _ = pair()
    user, old = actor_id("user", "bob"), read_token("bob/d1")[1]
    given = grant("bobd1", read_token("bob/d9")[1], b"refresh 2")
    town.ask(user, Refresh(old, given))
    town.ask(user, CheckToken(given.token))
    town.settle(4000.0)
    town.connect("bob", device="d9")  # written anew, since it was not seen for an hour
    town.settle(30.0)
    with pytest.raises(ChatError, match="bad_token"):
        town.ask(user, Refresh(old, given))


def test_a_refresh_token_that_was_never_given_changes_nothing() -> None:
    town, _, bob, _ = pair()
    with pytest.raises(ChatError, match="bad_token"):
        town.ask(actor_id("user", "bob"), Refresh(b"made up", grant("bobd1", b"token 2", b"refresh 2")))
    town.settle()
    assert bob.close_code is None


def test_a_device_that_was_logged_out_stays_logged_out_whatever_was_to_be_written_later() -> None:
    """When a device was seen is written lazily: that must not bring a device back, nor an old token."""
    town, _, _, _ = pair()
    town.settle(4000.0)
    again = town.connect("bob")  # seen anew: to be written in a moment
    town.ask(actor_id("user", "bob"), LogOut("bobd1"))
    town.settle(30.0)
    assert again.close_code == 4102
    assert "bobd1" not in [row.device for row in rows(town, DeviceRow, "bob")]
    assert town.hosts["a"].reports == []
    town.settle(400.0)
    assert town.connect("bob").close_code == 4100


def test_new_tokens_are_not_overwritten_by_what_was_to_be_written_later() -> None:
    town, _, _, _ = pair()
    town.settle(4000.0)
    for device in ("d1", "d2"):
        town.connect("bob", device=device)
    old = read_token("bob/d1")[1]
    town.ask(actor_id("user", "bob"), Refresh(old, grant("bobd1", b"token 2", b"refresh 2")))
    town.settle(30.0)
    kept = {row.device: row for row in rows(town, DeviceRow, "bob")}
    assert kept["bobd1"].token == b"token 2"
    assert kept["bobd1"].seen_at == kept["bobd2"].seen_at or kept["bobd2"].seen_at > kept["bobd3"].seen_at


def test_both_devices_that_were_seen_in_one_moment_are_written() -> None:
    town, _, _, _ = pair()
    town.settle(4000.0)
    for device in ("d1", "d2"):
        town.connect("bob", device=device)
    town.settle(30.0)
    seen = {row.device: row.seen_at for row in rows(town, DeviceRow, "bob")}
    assert min(seen["bobd1"], seen["bobd2"]) > seen["bobd3"]


def test_beyond_fifty_devices_the_longest_unseen_is_logged_out() -> None:
    town, _, bob, _ = pair()
    town.settle(1.0)
    for number in range(50):
        town.ask(actor_id("user", "bob"), LogIn(grant(f"new{number}", f"t{number}".encode(), f"r{number}".encode())))
    town.settle()
    assert len(rows(town, DeviceRow, "bob")) == 50
    assert bob.close_code == 4102


def test_who_was_told_to_go_and_did_not_hear_is_told_again() -> None:
    town = Town(["a", "b"])
    name = user_on(town, "a", "bob")
    town.register(name)
    bob = town.connect(name, "b")
    town.network.cut("a", "b")
    town.settle(5.0)
    town.ask(actor_id("user", name), LogOut(name + "d1"))
    town.settle(5.0)
    assert bob.close_code is None
    town.network.heal("a", "b")
    town.settle(10.0)
    assert bob.close_code == 4102


def test_a_cell_that_ends_sends_its_clients_elsewhere() -> None:
    town, ann, bob, _ = pair()
    town.hosts["a"].cell.shutdown()
    town.clock.run()
    assert (ann.close_code, bob.close_code) == (4000, 4000)


def test_a_session_that_crashes_sends_its_client_elsewhere_and_leaves_nothing() -> None:
    town, ann, bob, room = pair()
    bob.handle._activation.fail(RuntimeError("a bug"))
    town.settle()
    assert bob.close_code == 4000
    assert bob.handle._activation.address not in town.hosts["a"].chat.tables.sessions
    assert town.hosts["a"].chat.tables.routes.sessions("bob") == {}
    say(town, ann, room, 1)


def test_a_cell_takes_only_so_many_sessions() -> None:
    town, _, _, _ = pair()
    town.hosts["a"].sessions.max_sessions = 2
    with pytest.raises(ChatError, match="overloaded"):
        town.hosts["a"].sessions.open(Device("ann", "annd2", town.clock.soon), "127.0.0.1")


def test_pings_are_answered() -> None:
    town, ann, _, _ = pair()
    ann.say(c.Ping(7))
    town.settle()
    assert ann.last(e.Pong).q == 7


def test_people_are_looked_up_by_exact_name() -> None:
    town, ann, _, _ = pair()
    found = request(town, ann, c.Who, user="bob")
    assert isinstance(found, e.Done)
    assert found.result == {"user": "bob", "display": "Bob"}
    missing = request(town, ann, c.Who, user="bobb")
    assert isinstance(missing, e.Failed)
    assert missing.code == "no_such_user"
