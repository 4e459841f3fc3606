"""A connection over a memory transport on a hand-moved clock: conversation, bounds, timeouts, endings."""

from __future__ import annotations

import random
from typing import Any

import pytest

from actors.closing import BAD_TOKEN, GOING_AWAY, IDLE, LOGGED_OUT, NOT_NOW, OVERLOADED, TOO_SLOW
from actors.commands import Command, Ping
from actors.errors import Overloaded
from actors.events import Head, Pong
from actors.ports import Payload, Port
from gateway.admission import Admission
from gateway.connection import CLOSE_TIMEOUT_S, HELLO_TIMEOUT_S, OPENING_TIMEOUT_S, PING_INTERVAL_S
from gateway.connection_flow import HIGH_WATER_BYTES, MAX_BACKLOG_BYTES, MAX_TURN_BYTES
from gateway.hub import Hub
from gateway.proxies import Proxies
from gateway.wire import encode, frame_text
from tests.kit.clock import Clock
from tests.kit.wire_ends import HEAD, HELLO, WELCOME, Line, RecordedSessions, echo_pings, frame

PING = b'{"t":"ping","q":%d}'
SERVER_PING = b"\x89\x00"


def close_frame(code: int, reason: str) -> bytes:
    payload = code.to_bytes(2, "big") + reason.encode()
    return bytes((0x88, len(payload))) + payload


def ended_with(line: Line) -> int:
    """The code of the close frame at the end of the output."""
    output = line.output()
    at = output.rindex(b"\x88")
    return int.from_bytes(output[at + 2 : at + 4], "big")


def pings(*numbers: int) -> bytes:
    return b"".join(frame(PING % number) for number in numbers)


# --- writing ---


def test_what_waits_in_one_turn_is_one_write() -> None:
    line = Line.welcomed(RecordedSessions(echo_pings))
    payload = Payload(b'{"t":"head","room":"abcd","head":1}')
    line.connection.data_received(pings(1, 2))
    line.connection.push(payload)
    assert line.transport.written == []
    line.clock.run()
    assert line.transport.written == [frame_text(encode(Pong(1))) + frame_text(encode(Pong(2))) + frame_text(payload.text)]


def test_one_turn_wakes_up_once_for_all_connections() -> None:
    first = Line.welcomed()
    second = Line(first.sessions, hub=first.hub)
    first.receive(b"")
    steps = first.clock.steps
    for line in (first, second, first):
        line.connection.emit(Head("abcd", 1))
    first.clock.run()
    assert first.clock.steps == steps + 1
    assert len(first.transport.written) == 1


def test_a_payload_is_framed_once_for_all() -> None:
    line, payload = Line.welcomed(), Payload(b'{"t":"pong"}')
    line.connection.push(payload)
    framed = payload.framed
    assert framed == frame_text(payload.text)
    line.connection.push(payload)
    line.clock.run()
    assert payload.framed is framed
    assert line.output() == frame_text(payload.text) * 2


def test_after_close_nothing_is_written_any_more() -> None:
    line = Line.welcomed()
    line.connection.emit(Head("abcd", 1))
    line.connection.close(LOGGED_OUT, "bye")
    line.connection.emit(Head("abcd", 2))
    line.connection.push(Payload(b"{}"))
    line.connection.close(GOING_AWAY, "again")
    line.clock.run()
    assert line.output() == frame_text(encode(Head("abcd", 1))) + close_frame(LOGGED_OUT, "bye")
    assert line.connection.backlog() == 0


def test_a_reason_too_long_for_a_close_frame_is_cut_between_characters() -> None:
    line = Line.welcomed()
    line.connection.close(GOING_AWAY, "é" * 100)
    assert line.output() == close_frame(GOING_AWAY, "é" * 61)


def test_the_backlog_counts_what_is_queued_and_what_the_system_has_not_taken() -> None:
    line = Line.welcomed()
    line.transport.stuck = True
    line.connection.push(Payload(b"x" * 98))
    assert line.connection.backlog() == 100
    line.clock.run()
    line.connection.push(Payload(b"x" * 48))
    assert line.connection.backlog() == 150


def test_drained_is_told_once_when_all_is_taken() -> None:
    line = Line.welcomed()
    told: list[str] = []
    line.transport.stuck = True
    line.connection.push(Payload(b"x" * 50))
    line.connection.on_drained(lambda: told.append("a"))
    line.connection.on_drained(lambda: told.append("b"))
    line.transport.take(51)
    assert told == []
    assert line.transport.reading
    line.transport.take(1)
    assert told == ["a", "b"]
    line.connection.push(Payload(b"x" * 50))
    line.clock.run()
    line.transport.take(52)
    assert told == ["a", "b"]


def test_drained_is_told_in_the_next_turn_where_nothing_waits() -> None:
    line = Line.welcomed()
    told: list[str] = []
    line.connection.on_drained(lambda: told.append("a"))
    assert told == []
    line.clock.run()
    assert told == ["a"]


# --- bounds ---


def test_a_client_that_does_not_read_is_not_read() -> None:
    line = Line.welcomed(RecordedSessions(echo_pings))
    line.transport.stuck = True
    line.connection.push(Payload(b"x" * HIGH_WATER_BYTES))
    line.clock.run()
    assert not line.transport.reading
    line.receive(pings(1))
    assert line.session.commands == []
    line.transport.take(line.transport.waiting)
    line.clock.run()
    assert line.transport.reading
    assert line.session.commands == [Ping(1)]


def test_a_connection_is_choked_while_it_is_above_its_marks() -> None:
    line = Line.welcomed()
    line.transport.stuck = True
    line.connection.push(Payload(b"x" * (MAX_TURN_BYTES + 1)))
    assert line.connection.choked
    line.clock.run()
    assert line.connection.choked
    line.transport.take(line.transport.waiting)
    line.clock.run()
    assert not line.connection.choked


def test_a_client_that_leaves_too_much_unread_and_is_owed_more_is_closed() -> None:
    line = Line.welcomed()
    line.transport.stuck = True
    line.connection.push(Payload(b"x" * MAX_BACKLOG_BYTES))
    line.clock.run()
    assert not line.transport.closed
    line.output()
    line.connection.push(Payload(b"one more"))
    line.clock.run()
    assert ended_with(line) == TOO_SLOW
    line.clock.advance(CLOSE_TIMEOUT_S + 1)
    assert line.transport.closed == "abort"


def test_the_bound_also_holds_while_somebody_waits_for_drained() -> None:
    line = Line.welcomed()
    line.transport.stuck = True
    line.connection.push(Payload(b"x"))
    line.connection.on_drained(lambda: None)
    line.connection.push(Payload(b"x" * MAX_BACKLOG_BYTES))
    line.clock.run()
    line.output()
    line.connection.push(Payload(b"one more"))
    line.clock.run()
    assert ended_with(line) == TOO_SLOW


def test_a_pause_holds_what_the_chunk_still_has() -> None:
    def pause_at_two(port: Port, command: Command) -> None:
        if command == Ping(2):
            port.pause()

    line = Line.welcomed(RecordedSessions(pause_at_two))
    line.receive(pings(1, 2, 3) + pings(4)[:5])
    line.receive(pings(4)[5:])
    assert line.session.commands == [Ping(1), Ping(2)]
    assert not line.transport.reading
    line.connection.resume()
    assert line.session.commands == [Ping(1), Ping(2)]
    line.clock.run()
    assert line.session.commands == [Ping(number) for number in (1, 2, 3, 4)]
    assert line.transport.reading


def test_a_pause_holds_frames_that_were_parsed_already() -> None:
    line = Line.welcomed(RecordedSessions(lambda port, command: port.pause()))
    line.receive(pings(1)[:3])
    line.receive(pings(1)[3:] + pings(2, 3))
    for count in (1, 2, 3):
        assert line.session.commands == [Ping(number + 1) for number in range(count)]
        line.connection.resume()
        line.connection.resume()
        line.clock.run()
    assert line.transport.reading


def test_resume_and_pause_in_one_turn_leave_reading_stopped() -> None:
    line = Line.welcomed()
    line.connection.pause()
    line.receive(pings(1))
    line.connection.resume()
    line.connection.pause()
    line.clock.run()
    assert (line.session.commands, line.transport.reading) == ([], False)
    line.connection.resume()
    line.clock.run()
    assert (line.session.commands, line.transport.reading) == ([Ping(1)], True)


def test_a_paused_connection_can_be_closed_and_hears_the_answer() -> None:
    line = Line.welcomed()
    line.connection.pause()
    line.connection.close(GOING_AWAY, "bye")
    line.clock.run()
    line.receive(frame(b"\x0f\xa0", 0x88))
    assert line.transport.closed == "close"


# --- timeouts ---


def test_without_hello_the_connection_ends() -> None:
    line = Line()
    line.output()
    line.clock.advance(HELLO_TIMEOUT_S + 1)
    assert ended_with(line) == IDLE
    line.clock.advance(CLOSE_TIMEOUT_S + 1)
    assert line.transport.closed == "abort"


def test_without_a_request_nothing_is_said() -> None:
    line = Line(head=b"")
    line.clock.advance(HELLO_TIMEOUT_S + 1)
    assert (line.output(), line.transport.closed) == (b"", "abort")


def test_a_server_without_a_welcome_says_that_it_is_busy() -> None:
    class Silent:
        def open(self, port: Port, address: str) -> Any:
            return Quiet()

    class Quiet:
        def command(self, command: Command) -> None: ...
        def closed(self) -> None: ...

    clock = Clock()
    line = Line(hub=Hub(Silent(), clock))
    line.connection.data_received(frame(HELLO))
    clock.run()
    line.output()
    clock.advance(HELLO_TIMEOUT_S + 2)
    assert line.output() == b""
    clock.advance(OPENING_TIMEOUT_S)
    assert ended_with(line) == OVERLOADED


def test_a_client_that_answers_pings_stays() -> None:
    line = Line.welcomed()
    seen = 0
    for _ in range(200):
        line.clock.advance(1.0)
        if SERVER_PING in line.output():
            seen += 1
            line.receive(frame(b"", 0x8A))
    assert not line.transport.closed
    assert 200 / PING_INTERVAL_S * 0.75 <= seen <= 200 / PING_INTERVAL_S * 1.3


def test_a_client_that_is_gone_without_a_word_ends_after_two_missed_pings() -> None:
    line = Line.welcomed()
    line.clock.advance(PING_INTERVAL_S * 2 * 0.75)
    assert line.transport.written == [SERVER_PING]
    line.clock.advance(PING_INTERVAL_S * 3 * 1.25 - PING_INTERVAL_S * 2 * 0.75)
    assert ended_with(line) == IDLE
    line.clock.advance(CLOSE_TIMEOUT_S + 1)
    assert line.transport.closed == "abort"


def test_any_byte_is_a_sign_of_life() -> None:
    line = Line.welcomed()
    for byte in frame(b" " * 20):
        line.clock.advance(PING_INTERVAL_S * 0.9)
        line.receive(bytes((byte,)))
    assert not line.transport.closed


def test_a_client_is_not_judged_while_its_session_has_stopped_reading() -> None:
    line = Line.welcomed()
    line.connection.pause()
    line.clock.advance(PING_INTERVAL_S * 10)
    assert not line.transport.closed


def test_a_slow_reader_lives_as_long_as_it_reads() -> None:
    line = Line.welcomed()
    line.transport.stuck = True
    line.connection.push(Payload(b"x" * 500_000))
    line.clock.run()
    for _ in range(10):
        line.clock.advance(PING_INTERVAL_S)
        line.transport.take(1000)
    assert not line.transport.closed
    line.output()
    # each of its own pings also changes what waits; after the first that finds nothing taken it counts as missed
    line.transport.write = lambda data: line.transport.written.append(data)  # type: ignore[method-assign]
    line.clock.advance(PING_INTERVAL_S * 4)
    assert ended_with(line) == IDLE


# --- the conversation ---


def test_a_session_is_opened_by_hello_and_with_the_address_of_the_client() -> None:
    line = Line(peer="198.51.100.9")
    assert line.sessions.opened == []
    line.receive(frame(HELLO))
    assert line.session.address == "198.51.100.9"
    assert line.output().endswith(frame_text(encode(WELCOME)))


def test_behind_a_trusted_proxy_the_address_is_the_one_it_names() -> None:
    sessions = RecordedSessions()
    hub = Hub(sessions, Clock(), proxies=Proxies(["192.0.2.0/24"]))
    line = Line(sessions, hub=hub, head=HEAD[:-2] + b"X-Forwarded-For: 203.0.113.5\r\n\r\n")
    line.receive(frame(HELLO))
    assert line.session.address == "203.0.113.5"


def test_the_bound_of_an_address_also_counts_what_comes_through_proxies() -> None:
    proxies = Proxies(["192.0.2.0/24"])
    admission = Admission(10, 1, proxies.trusts)
    sessions = RecordedSessions()
    hub = Hub(sessions, Clock(), proxies=proxies, admission=admission)
    head = HEAD[:-2] + b"X-Forwarded-For: 203.0.113.5\r\n\r\n"
    first = Line(sessions, hub=hub, head=head)
    second = Line(sessions, hub=hub, head=head)
    assert ended_with(second) == OVERLOADED
    first.lose()
    second.lose()
    assert not Line(sessions, hub=hub, head=head).output().count(b"\x88")


def test_a_full_server_answers_hello_with_an_error_and_asks_to_come_back() -> None:
    sessions = RecordedSessions()
    sessions.refusal = Overloaded(retry_after=3.0)
    line = Line(sessions)
    line.output()
    line.receive(frame(HELLO))
    output = line.output()
    assert b'"t":"error","q":0,"code":"overloaded"' in output
    assert b'"retry_after":3.0' in output
    assert output.endswith(close_frame(OVERLOADED, "the server is busy"))


def test_a_frame_out_of_turn_before_welcome_is_told_and_ends_the_connection() -> None:
    line = Line()
    line.output()
    line.receive(frame(b'{"t":"ping"}') + frame(HELLO))
    output = line.output()
    assert b'"code":"not_now"' in output
    assert output.endswith(close_frame(NOT_NOW, "not allowed in this state"))
    assert line.sessions.opened == []


def test_a_session_that_closes_inside_a_command_hears_no_further_one() -> None:
    line = Line.welcomed(RecordedSessions(lambda port, command: port.close(BAD_TOKEN, "no")))
    line.receive(pings(1, 2))
    assert line.session.commands == [Ping(1)]
    assert line.output() == close_frame(BAD_TOKEN, "no")


# --- endings ---


def test_the_end_is_told_to_the_session_once_and_leaves_nothing_behind() -> None:
    line = Line.welcomed()
    line.connection.emit(Head("abcd", 1))
    line.lose()
    line.connection.emit(Head("abcd", 2))
    line.connection.resume()
    line.connection.on_drained(lambda: pytest.fail("it never drains"))
    line.connection.close(GOING_AWAY, "late")
    line.clock.run()
    assert line.session.ended == 1
    assert (line.hub.admission.total, len(line.hub.connections), line.connection.slot) == (0, 0, -1)
    assert (line.hub.counters.websockets, dict(line.hub.counters.closes)) == (0, {1006: 1})
    assert line.output() == b""


def test_closes_are_counted_by_code() -> None:
    line = Line.welcomed()
    line.receive(frame(b"\x03\xe8", 0x88))
    line.lose()
    assert dict(line.hub.counters.closes) == {1000: 1}
    assert line.session.ended == 1


def test_what_was_sent_before_a_close_frame_is_heard_and_answered() -> None:
    line = Line.welcomed(RecordedSessions(echo_pings))
    line.receive(pings(1)[:2])
    line.receive(pings(1)[2:] + pings(2) + frame(b"\x03\xe8", 0x88))
    assert line.session.commands == [Ping(1), Ping(2)]
    assert line.output() == frame_text(encode(Pong(1))) + frame_text(encode(Pong(2))) + close_frame(1000, "")
    assert line.transport.closed == "close"


def test_frames_and_bytes_are_counted() -> None:
    line = Line.welcomed(RecordedSessions(echo_pings))
    counters = line.hub.counters
    before = counters.bytes_in, counters.frames_in, counters.bytes_out, counters.frames_out
    line.receive(pings(1, 2))
    after = counters.bytes_in, counters.frames_in, counters.bytes_out, counters.frames_out
    output = line.output()
    assert [new - old for new, old in zip(after, before, strict=True)] == [len(pings(1, 2)), 2, len(output), 2]


# --- the handshake ---


@pytest.mark.parametrize(
    ("origin", "accepted"),
    [
        (b"", True),
        (b"https://chat.example", True),
        (b"http://chat.example:80", True),
        (b"https://CHAT.example", True),
        (b"https://chat.example:8443", False),
        (b"https://evil.example", False),
        (b"https://chat.example.evil.example", False),
        (b"null", False),
        (b"https://app.example", True),
        (b"http://app.example", False),
        (b"chat.example", False),
        (b"https://[bad", False),
    ],
)
def test_pages_connect_from_the_own_origin_or_a_listed_one(origin: bytes, accepted: bool) -> None:
    hub = Hub(RecordedSessions(), Clock(), origins=["https://App.example"], chance=random.Random(1))
    line = Line(hub=hub, head=HEAD[:-2] + (b"Origin: " + origin + b"\r\n" if origin else b"") + b"\r\n")
    assert line.output().startswith(b"HTTP/1.1 101" if accepted else b"HTTP/1.1 403")
    assert line.transport.closed == ("" if accepted else "close")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (HEAD.replace(b"/ws", b"/ws?token=secret"), b"400"),
        (HEAD.replace(b"/ws", b"/other"), b"404"),
        (HEAD.replace(b"Host: chat.example\r\n", b""), b"400"),
        (HEAD.replace(b"Host: chat.example\r\n", b"Host: a\r\nHost: b\r\n"), b"400"),
        (HEAD[:-2] + b"Origin: https://chat.example\r\nOrigin: https://chat.example\r\n\r\n", b"400"),
        (HEAD.replace(b"Version: 13", b"Version: 8"), b"400"),
        (HEAD.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), b"400"),
        (HEAD.replace(b"GET", b"POST"), b"405"),
        (HEAD.replace(b"Upgrade: websocket", b"Upgrade: other"), b"426"),
    ],
)
def test_a_wrong_request_is_refused_by_status(head: bytes, status: bytes) -> None:
    line = Line(head=head)
    assert line.output().split(b" ")[1] == status
    assert line.transport.closed == "close"
    line.lose()
    assert line.hub.counters.websockets == 0


def test_a_request_that_is_no_http_is_ended() -> None:
    line = Line(head=b"hello\r\n\r\n")
    assert (line.output(), line.transport.closed) == (b"", "close")


@pytest.mark.parametrize(("offered", "chosen"), [(b"warbler.v1", b"warbler.v1"), (b"chat, warbler.v1", b"warbler.v1"), (b"chat", None)])
def test_a_subprotocol_is_optional(offered: bytes, chosen: bytes | None) -> None:
    response = Line(head=HEAD[:-2] + b"Sec-WebSocket-Protocol: " + offered + b"\r\n\r\n").output()
    assert response.startswith(b"HTTP/1.1 101")
    assert (b"Sec-WebSocket-Protocol: warbler.v1" in response) == (chosen is not None)


def test_compression_is_not_agreed_to() -> None:
    response = Line(head=HEAD[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n").output()
    assert response.startswith(b"HTTP/1.1 101")
    assert b"Extensions" not in response
