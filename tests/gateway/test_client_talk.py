"""A client's side of the protocol without input or output."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from actors.commands import Invite, Rooms, Who
from actors.errors import ChatError
from actors.events import Done, Entry, Event, Failed, Lagging, Page, Pong, Refused, RoomChanged, RoomInfo, Sent, Welcome
from gateway.client_state import Saved
from gateway.client_talk import ACK_INTERVAL_S, REPAIR_WAIT_S, Talk
from gateway.wire import decode, encode


class Server:
    """The other end: says events, hears frames."""

    def __init__(self, saved: Saved | None = None, *, from_first: bool = True) -> None:
        self.talk = Talk(saved or Saved(), from_first=from_first, agent="test", chance=random.Random(1))
        self.now = 100.0

    def welcome(self, *rooms: RoomInfo, **changes: Any) -> None:
        values = {"user": "alice", "device": "d1", "since": 7, "pages": [], **changes}
        self.say(Welcome(1, "s", display="Alice", now=1, rooms=list(rooms), **values))

    def say(self, event: Event) -> None:
        self.talk.receive(encode(event), self.now)

    def hear(self) -> list[dict[str, Any]]:
        frames = self.talk.due(self.now)
        for frame in frames:
            decode(frame)
        return [json.loads(frame) for frame in frames]


def test_hello_carries_what_the_last_run_left() -> None:
    talk = Server(Saved("alice", "d1", 42)).talk
    assert json.loads(talk.hello("secret-token")) == {"t": "hello", "v": 2, "token": "secret-token", "since": 42, "agent": "test"}


def test_before_the_welcome_nothing_is_sent() -> None:
    server = Server()
    server.talk.post("abcd", "hi", lambda seq, error: None)
    server.talk.request(lambda q: Who(q, "bob"), lambda answer, error: None)
    assert server.hear() == []
    server.welcome()
    assert [frame["t"] for frame in server.hear()] == ["who", "post"]


def test_a_post_of_our_own_comes_back_as_an_entry() -> None:
    server = Server(Saved("alice", "d1", seqs={"abcd": 4}))
    server.welcome()
    told: list[Any] = []
    server.talk.post("abcd", "hi", lambda seq, error: told.append((seq, error)))
    (post,) = server.hear()
    server.say(Sent("abcd", 1, 5, 99))
    assert told == [(5, None)]
    assert list(server.talk.rooms.ready) == [Entry("abcd", 5, 99, "alice", "text", "hi", "d1", 1, post["id"])]


def test_a_request_is_answered_by_its_q() -> None:
    server = Server()
    server.welcome()
    told: list[Any] = []
    for name in ("bob", "carol"):
        server.talk.request(lambda q, name=name: Who(q, name), lambda answer, error: told.append((answer, error and error.code)))
    first, second = server.hear()
    server.say(Done(second["q"], {"user": "carol"}))
    server.say(Failed(first["q"], "no_such_user", "...", False))
    server.say(Done(first["q"], {"user": "late"}))
    assert told == [({"user": "carol"}, None), (None, "no_such_user")]


def test_after_a_disconnect_reads_are_repeated_and_changes_are_of_unknown_outcome() -> None:
    server = Server()
    server.welcome()
    told: list[str] = []
    server.talk.request(lambda q: Who(q, "bob"), lambda answer, error: told.append("who"))
    server.talk.request(lambda q: Invite(q, "abcd", "bob"), lambda answer, error: told.append(error.code if error else ""))
    server.hear()
    server.talk.request(lambda q: Invite(q, "abcd", "carol"), lambda answer, error: told.append("not sent yet"))
    server.talk.disconnected()
    assert told == ["unknown_outcome"]
    assert server.hear() == []
    server.welcome()
    assert [(frame["t"], frame.get("user")) for frame in server.hear()] == [("who", "bob"), ("invite", "carol")]


def test_a_hole_is_pulled_and_the_answer_is_not_mistaken_for_history() -> None:
    server = Server(Saved("alice", "d1", seqs={"abcd": 1}))
    server.welcome(RoomInfo("abcd", "room", head=3, marked=True))
    pull, ack = server.hear()
    assert (pull["t"], pull["room"], pull["after"]) == ("pull", "abcd", 1)
    assert ack == {"t": "ack", "room": "abcd", "seq": 1}
    server.say(Page(pull["q"], "abcd", [Entry("abcd", 2, 0, "bob"), Entry("abcd", 3, 0, "bob")], 3))
    assert [entry.seq for entry in server.talk.rooms.ready] == [2, 3]


def test_a_pull_that_was_refused_for_now_is_repeated_after_a_while() -> None:
    server = Server(Saved("alice", "d1", seqs={"abcd": 1}))
    server.welcome()
    server.say(Lagging({"abcd": 3}))
    (pull,) = server.hear()
    server.say(Failed(pull["q"], "unavailable", "...", True))
    assert server.hear() == []
    assert server.talk.next_due_at(server.now) == server.now + REPAIR_WAIT_S
    server.now += REPAIR_WAIT_S
    assert [frame["t"] for frame in server.hear()] == ["pull"]


def test_more_rooms_than_fit_into_a_welcome_are_asked_for_page_by_page() -> None:
    server = Server()
    server.welcome(more=True)
    (first,) = server.hear()
    assert (first["t"], first["after"]) == ("rooms", "")
    server.say(Done(first["q"], {"rooms": [{"room": "aaaa", "kind": "room"}], "more": True}))
    (second,) = [frame for frame in server.hear() if frame["t"] == "rooms"]
    assert second["after"] == "aaaa"
    server.say(Done(second["q"], {"rooms": [{"room": "bbbb", "kind": "room"}]}))
    assert [frame for frame in server.hear() if frame["t"] == "rooms"] == []
    assert set(server.talk.rooms.infos) == {"aaaa", "bbbb"}


def test_acknowledgements_are_lazy() -> None:
    server = Server(Saved("alice", "d1", seqs={"abcd": 0}))
    server.welcome()
    for seq in (1, 2, 3):
        server.say(Entry("abcd", seq, 0, "bob"))
        server.talk.rooms.done_with(server.talk.rooms.ready.popleft())
        if seq == 1:
            assert server.hear() == [{"t": "ack", "room": "abcd", "seq": 1}]
    assert server.hear() == []
    assert server.talk.next_due_at(server.now) == server.now + ACK_INTERVAL_S
    server.now += ACK_INTERVAL_S
    assert server.hear() == [{"t": "ack", "room": "abcd", "seq": 3}]


def test_a_refused_frame_of_a_post_is_a_refusal_of_the_post() -> None:
    server = Server()
    server.welcome()
    told: list[str] = []
    server.talk.post("abcd", "x", lambda seq, error: told.append(error.code if error else ""))
    server.hear()
    server.say(Failed(0, "too_large", "...", False, None, {"t": "post", "room": "abcd", "n": 1, "limit": "16384 bytes"}))
    assert told == ["too_large"]
    assert server.talk.refused is None


def test_a_refusal_with_a_code_of_a_newer_server_follows_its_retry_flag() -> None:
    server = Server()
    server.welcome()
    told: list[str] = []
    server.talk.post("abcd", "x", lambda seq, error: told.append(error.code if error else ""))
    server.hear()
    server.say(Refused("abcd", 1, "moon_phase", "...", False, None, {"code": 1, "self": 2}))
    assert told == ["moon_phase"]


def test_an_error_about_no_frame_of_ours_is_why_the_server_will_close() -> None:
    server = Server()
    server.say(Failed(0, "bad_token", "...", False))
    assert server.talk.refused is not None
    assert server.talk.refused.code == "bad_token"
    server.talk.hello("again-token")
    assert server.talk.refused is None


def test_another_device_keeps_positions_and_forgets_numbers() -> None:
    server = Server(Saved("alice", "d1", 3, {"abcd": 9}, {"abcd": 5}))
    server.welcome(device="d2")
    assert server.talk.saved() == Saved("alice", "d2", 7, {}, {"abcd": 5})


def test_another_user_forgets_all() -> None:
    server = Server(Saved("bob", "d0", 3, {"abcd": 9}, {"abcd": 5}))
    server.welcome()
    assert server.talk.saved() == Saved("alice", "d1", 7, {}, {})


def test_frames_of_a_newer_server_are_passed_over_and_broken_ones_are_not() -> None:
    server = Server()
    server.talk.receive('{"t":"sparkle","x":1}', 0.0)
    server.talk.receive('{"t":"pong","new_field":1}', 0.0)
    with pytest.raises(ValueError, match="seq"):
        server.talk.receive('{"t":"sent","room":"abcd","n":1,"seq":"x","at":1}', 0.0)


def test_callbacks_hear_of_rooms() -> None:
    server, seen = Server(), []
    server.talk.on_room = lambda info: seen.append(info.name)
    server.welcome()
    server.say(RoomChanged(RoomInfo("abcd", "room", name="New"), 8))
    server.say(Pong())
    assert seen == ["New"]
    assert server.talk.saved().since == 8


def test_the_end_is_told_to_all_who_wait() -> None:
    server, told = Server(), []
    server.welcome()
    server.talk.request(lambda q: Rooms(q), lambda answer, error: told.append(error))
    server.talk.post("abcd", "x", lambda seq, error: told.append(error))
    server.talk.fail(ChatError("unknown_outcome"))
    assert [error.code for error in told if error is not None] == ["unknown_outcome", "unknown_outcome"]
