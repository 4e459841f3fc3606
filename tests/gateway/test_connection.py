"""A connection over a memory transport on a hand-moved clock: what it writes, the conversation, endings."""

from __future__ import annotations

import gc
import random
import tracemalloc

import pytest

from actors.closing import BAD_TOKEN, GOING_AWAY, LOGGED_OUT, NOT_NOW, OVERLOADED
from actors.commands import Ping
from actors.errors import Overloaded
from actors.events import Head, Pong
from actors.ports import Payload
from gateway.admission import Admission
from gateway.connection import Connection
from gateway.hub import Hub
from gateway.proxies import Proxies
from gateway.wire import encode, frame_text
from tests.kit.clock import Clock
from tests.kit.wire_ends import (
    HEAD,
    HELLO,
    WELCOME,
    Line,
    MemoryTransport,
    RecordedSessions,
    close_frame,
    echo_pings,
    ended_with,
    frame,
    pings,
)


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


def test_an_idle_connection_costs_little_memory() -> None:
    """Python objects of one welcomed connection, without transport and session: at most 1.5 KiB."""
    hub = Hub(RecordedSessions(), Clock(), chance=random.Random(1))
    count = 300
    ends = [MemoryTransport() for _ in range(count)]
    first = Line(hub=hub)
    first.receive(frame(HELLO))
    del hub.sessions.opened[:]  # type: ignore[attr-defined]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        connections = [welcomed_over(hub, end) for end in ends]
        gc.collect()
        cost = (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()
    assert len(connections) == count
    assert cost < 1536


def welcomed_over(hub: Hub, end: MemoryTransport) -> Connection:
    """A connection whose session is forgotten by everybody else, and what was written too."""
    connection = Connection(hub)
    end.protocol = connection
    connection.connection_made(end)  # type: ignore[arg-type]
    connection.data_received(HEAD)
    connection.data_received(frame(HELLO))
    hub.scheduler.run()  # type: ignore[attr-defined]
    del hub.sessions.opened[:]  # type: ignore[attr-defined]
    end.written.clear()
    return connection
