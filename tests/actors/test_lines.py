"""Sessions in cells of their own: the edge keeps the connection, a line joins the two, and what is lost ends it."""

from __future__ import annotations

import pytest

from actors import commands as c
from actors import events as e
from actors.closing import GOING_AWAY, OVERLOADED, TOO_SLOW
from actors.line import MAX_HELD_BYTES
from actors.lines import Apart, process_of
from actors.messages.lines import LineWrote
from actors.runtime.actor import life_of, pinned_id
from tests.kit.chat import Device, Host, Town

ANNA, BOB = "session:anna.annaphone", "session:bob.bobphone"
ROOMY = Apart(10, 5.0)


def make_town(*processes: str, apart: Apart = ROOMY) -> Town:
    """An edge, people, and processes for the sessions of some of them."""
    town = Town(("edge",), apart=apart)
    town.register("anna", "bob", devices=("phone",))
    for process in processes:
        town.start(process + "#1")
    return town


def edge_of(town: Town) -> Host:
    return town.hosts["edge"]


def hello(town: Town, user: str, *, device: str = "phone", since: int = 0) -> Device:
    return town.connect(user, "edge", device, since)


def wanted(town: Town) -> list[str]:
    lines = edge_of(town).chat.lines
    assert lines is not None
    return lines.wanted()


def room_of_both(town: Town, anna: Device) -> str:
    anna.say(c.Direct(1, "bob"))
    town.settle()
    room: str = anna.last(e.Done).result["room"]["room"]
    return room


def post(device: Device, room: str, n: int, body: str) -> None:
    device.say(c.Post(room, n, f"{device.user}-post-{n}", body))


def both(town: Town) -> tuple[Device, Device, str]:
    """Anna and Bob, connected, and their room."""
    anna, bob = hello(town, "anna"), hello(town, "bob")
    return anna, bob, room_of_both(town, anna)


def test_a_hello_waits_for_its_process_and_is_answered_by_a_session_in_it() -> None:
    town = make_town()
    anna = hello(town, "anna")
    assert wanted(town) == [ANNA]
    assert anna.seen == []
    town.start(ANNA + "#1")
    town.settle()
    welcome = anna.last(e.Welcome)
    assert (welcome.user, life_of(welcome.session)) == ("anna", ANNA + "#1")  # type: ignore[arg-type]
    lines = edge_of(town).chat.lines
    assert lines is not None
    assert list(lines.sessions()) == [welcome.session]
    assert list(town.hosts[ANNA + "#1"].chat.tables.sessions) == [welcome.session]
    assert not edge_of(town).chat.tables.sessions


def test_what_people_say_goes_by_their_own_processes_in_order_and_once() -> None:
    town = make_town(ANNA, BOB)
    anna, bob, room = both(town)
    for n in range(1, 31):
        post(anna, room, n, f"text {n}")
    town.settle()
    assert [sent.n for sent in anna.of(e.Sent, room)] == list(range(1, 31))
    assert bob.pushed(room)[-30:] == [sent.seq for sent in anna.of(e.Sent, room)]
    assert bob.bodies(room) == [f"text {n}" for n in range(1, 31)]
    bob.say(c.Ping(7))
    bob.say(c.Pull(8, room))
    town.settle()
    assert bob.last(e.Pong).q == 7
    assert bob.last(e.Page).entries[-1].body == "text 30"


def test_a_ping_before_the_welcome_is_answered_after_it_and_too_many_are_refused() -> None:
    town = make_town()
    anna = hello(town, "anna")
    taken = [anna.handle.offer(c.Ping(number)) for number in range(1, 21)]
    assert taken == [True] * 16 + [False] * 4
    town.start(ANNA + "#1")
    town.settle()
    assert [pong.q for pong in anna.of(e.Pong)] == list(range(1, 17))


def test_a_stranger_is_refused_and_no_process_is_wanted() -> None:
    town = make_town()
    for user, device in (("anna", "stolen"), ("nobody", "phone")):
        stranger = hello(town, user, device=device)
        assert (stranger.last(e.Failed).code, stranger.close_code) == ("bad_token", 4100)
    assert wanted(town) == []


def test_beyond_the_limit_a_hello_is_refused_with_a_time_and_a_device_that_has_a_process_is_not() -> None:
    town = make_town(ANNA, apart=Apart(1, 5.0))
    hello(town, "anna")
    bob = hello(town, "bob")
    refusal = bob.last(e.Failed)
    assert (refusal.code, refusal.retry, refusal.retry_after, bob.close_code) == ("overloaded", True, 5.0, OVERLOADED)
    again = hello(town, "anna")
    assert again.of(e.Welcome)
    assert wanted(town) == [ANNA]


def test_where_no_process_comes_in_time_the_hello_is_refused_and_may_be_repeated() -> None:
    town = make_town(apart=Apart(10, 5.0))
    anna = hello(town, "anna")
    town.settle(5.0)
    refusal = anna.last(e.Failed)
    assert (refusal.code, refusal.retry, anna.close_code) == ("unavailable", True, OVERLOADED)
    assert wanted(town) == []


def test_who_leaves_before_there_is_a_process_leaves_nothing() -> None:
    town = make_town()
    anna = hello(town, "anna")
    anna.hang_up()
    assert wanted(town) == []
    town.start(ANNA + "#1")
    town.settle(6.0)
    assert not town.hosts[ANNA + "#1"].chat.tables.sessions
    assert anna.seen == []


def test_a_broken_connection_ends_the_session_and_the_device_finds_its_process_again() -> None:
    town = make_town(ANNA)
    anna = hello(town, "anna")
    first = anna.last(e.Welcome).session
    anna.hang_up()
    town.settle()
    assert not town.hosts[ANNA + "#1"].chat.tables.sessions
    again = hello(town, "anna")
    second = again.last(e.Welcome).session
    assert first != second
    assert life_of(second) == life_of(first)  # type: ignore[arg-type]


def test_a_process_that_dies_costs_its_client_a_new_connection_and_no_message() -> None:
    town = make_town(ANNA, BOB)
    anna, bob, room = both(town)
    post(anna, room, 1, "one")
    town.settle()
    town.kill(BOB + "#1")
    town.clock.run()
    assert bob.close_code == GOING_AWAY
    post(anna, room, 2, "two")
    town.take_over(BOB + "#1")
    town.settle()
    assert anna.close_code is None
    again = hello(town, "bob", since=bob.last(e.Welcome).since)
    town.start(BOB + "#2")
    town.settle()
    post(again, room, 1, "three")
    town.settle()
    assert again.bodies(room) == ["one", "two"]
    assert anna.bodies(room) == ["three"]
    assert [sent.n for sent in anna.of(e.Sent, room)] == [1, 2]


def test_a_process_that_dies_before_it_has_welcomed_is_followed_by_the_next_without_the_client_noticing() -> None:
    town = make_town(ANNA)
    town.network.cut(ANNA + "#1", "edge")
    anna = hello(town, "anna")
    town.kill(ANNA + "#1")
    town.take_over(ANNA + "#1")
    town.start(ANNA + "#2")
    town.settle()
    assert anna.close_code is None
    assert life_of(anna.last(e.Welcome).session) == ANNA + "#2"  # type: ignore[arg-type]


@pytest.mark.parametrize("ends", [("edge", BOB + "#1"), (BOB + "#1", "edge")])
def test_a_link_that_breaks_ends_the_lines_over_it_at_both_ends(ends: tuple[str, str]) -> None:
    town = make_town(ANNA, BOB)
    anna, bob, room = both(town)
    town.network.drop(*ends)
    town.settle()
    assert (anna.close_code, bob.close_code) == (None, GOING_AWAY)
    assert not town.hosts[BOB + "#1"].chat.tables.sessions
    again = hello(town, "bob")
    post(anna, room, 1, "hello")
    town.settle()
    assert again.bodies(room) == ["hello"]


def test_an_edge_that_dies_ends_its_sessions() -> None:
    town = Town(("edge", "other"), apart=Apart(10, 5.0))
    town.register("anna", devices=("phone",))
    town.start(ANNA + "#1")
    hello(town, "anna")
    town.kill("edge")
    town.take_over("edge")
    town.settle()
    assert not town.hosts[ANNA + "#1"].chat.tables.sessions


def test_a_session_whose_host_has_forgotten_the_line_is_told_at_the_next_word() -> None:
    town = make_town(ANNA)
    anna = hello(town, "anna")
    lines = edge_of(town).chat.lines
    assert lines is not None
    # the host believes in a line that this edge does not know
    town.hosts[ANNA + "#1"].cell.tell(lines.me, LineWrote(pinned_id("host", ANNA + "#1"), 99, [e.Pong(1)]))
    town.settle()
    assert (anna.close_code, anna.of(e.Pong)) == (None, [])


def test_a_host_that_is_to_be_emptied_sends_its_clients_away() -> None:
    town = make_town(ANNA)
    anna = hello(town, "anna")
    town.empty(ANNA + "#1")
    town.settle()
    assert anna.close_code == GOING_AWAY
    anna = hello(town, "anna")
    assert anna.of(e.Welcome) == []
    town.start(ANNA + "#2", draining=ANNA + "#1")
    town.settle()
    assert life_of(anna.last(e.Welcome).session) == ANNA + "#2"  # type: ignore[arg-type]


def test_a_slow_reader_is_no_longer_pushed_to_and_is_told_the_heads_when_it_reads_again() -> None:
    town = make_town(ANNA, BOB)
    anna, bob, room = both(town)
    before = bob.pushed(room)
    bob.choked = True
    post(anna, room, 1, "held at the edge")
    town.settle()
    for n in range(2, 6):
        post(anna, room, n, "noted by the session")
    town.settle()
    assert bob.pushed(room) == before
    bob.drain()
    town.settle()
    assert bob.bodies(room) == ["held at the edge"]
    assert bob.last(e.Lagging).heads == {room: anna.last(e.Sent).seq}
    post(anna, room, 6, "pushed again")
    town.settle()
    assert bob.bodies(room) == ["held at the edge", "pushed again"]


def test_what_waits_at_the_edge_for_a_slow_reader_is_bounded() -> None:
    town = make_town(ANNA)
    anna = hello(town, "anna")
    anna.choked = True
    lines = edge_of(town).chat.lines
    assert lines is not None
    host, (line, *_) = pinned_id("host", ANNA + "#1"), lines._lines
    for _ in range(5):
        lines.wrote(LineWrote(host, line.number, [b"x" * (MAX_HELD_BYTES // 4)]))
    assert anna.close_code == TOO_SLOW


def test_a_session_can_stop_reading_from_its_client() -> None:
    town = make_town(ANNA)
    anna = hello(town, "anna")
    (session,) = town.hosts[ANNA + "#1"].chat.tables.sessions.values()
    session._port.pause()  # type: ignore[attr-defined]
    town.settle()
    assert anna.paused
    session._port.resume()  # type: ignore[attr-defined]
    town.settle()
    assert not anna.paused


def test_a_process_is_named_by_user_and_device_and_odd_names_make_no_odd_files() -> None:
    assert process_of("anna", "k3jd9") == "session:anna.k3jd9"
    odd = process_of("anna", "../../etc")
    assert odd.startswith("session:anna.")
    assert "/" not in odd
    assert odd != process_of("anna", "../etc")
