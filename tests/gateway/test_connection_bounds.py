"""The bounds of a connection in bytes and in time, on a hand-moved clock."""

from __future__ import annotations

from typing import Any

from actors.closing import GOING_AWAY, IDLE, OVERLOADED, TOO_SLOW
from actors.commands import Command, Ping
from actors.events import Pong
from actors.ports import Payload, Port
from gateway.connection import CLOSE_TIMEOUT_S, HELLO_TIMEOUT_S, OPENING_TIMEOUT_S, PING_INTERVAL_S
from gateway.connection_flow import HIGH_WATER_BYTES, MAX_BACKLOG_BYTES, MAX_TURN_BYTES
from gateway.hub import Hub
from tests.kit.clock import Clock
from tests.kit.wire_ends import (
    HELLO,
    Line,
    RecordedSessions,
    echo_pings,
    ended_with,
    frame,
    pings,
)

SERVER_PING = b"\x89\x00"


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
    assert not line.connection.push(Payload(b"an entry, which it can pull later"))
    line.connection.emit(Pong(1, 2))  # an answer, which it cannot
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
        def offer(self, command: Command) -> bool:
            return True

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
