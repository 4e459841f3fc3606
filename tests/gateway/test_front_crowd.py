"""The public port when more come than it should take at once: who waits, who does not, and who is told to come again."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import pytest

from gateway.front import MAX_HEAD_BYTES, Front
from gateway.pace import BURST
from tests.gateway.test_front import GET, ClockedLoop, Peer, certificates, serve
from tests.kit.clock import Clock
from tests.kit.wire_ends import HEAD, HELLO, RecordedSessions, frame

__all__ = ["certificates"]


async def until(what: Callable[[], bool]) -> None:
    """Turns of the loop until it is true."""
    for _ in range(100_000):
        if what():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def crowd(front: Front) -> list[Peer]:
    """As many as come in at once, and their WebSockets: nobody else comes in until the clock is moved."""
    peers = [await Peer.to(front) for _ in range(int(BURST))]
    for peer in peers:
        assert (await peer.ask(HEAD, b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    return peers


def hand(front: Front) -> Clock:
    return front._hub.scheduler.hand  # type: ignore[attr-defined,no-any-return]


def test_where_many_come_at_once_requests_and_hellos_wait_for_their_turn_and_operators_do_not() -> None:
    async def main(front: Front, sessions: RecordedSessions) -> None:
        (first, *_) = await crowd(front)
        first.writer.write(frame(HELLO) + frame(b'{"t":"ping","q":3}'))
        late = await Peer.to(front)
        late.writer.write(GET % (b"late", b""))
        assert (await (await Peer.to(front)).ask(GET % (b"healthz", b""), b"/healthz")).startswith(b"HTTP/1.1 200")
        await until(lambda: front._hub.entrance.waiting == 2)
        assert not sessions.opened
        hand(front).advance(1.0)
        welcome, pong = await first.frames(2)
        assert welcome.startswith(b'\x81{"t":"welcome"')
        assert pong == b'\x81{"t":"pong","q":3}'
        assert await late.reader.readuntil(b"/late")
        assert front._hub.entrance.waiting == 0

    serve(main, clock=ClockedLoop)


def test_who_finds_no_place_at_the_entrance_is_told_when_to_come_again() -> None:
    async def main(front: Front, sessions: RecordedSessions) -> None:
        first, *_ = await crowd(front)
        waits = await Peer.to(front)
        waits.writer.write(HEAD)
        await until(lambda: front._hub.entrance.waiting == 1)
        refused = await (await Peer.to(front)).ask(HEAD, b"\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 503")
        assert 2 <= int(refused.partition(b"Retry-After: ")[2].partition(b"\r\n")[0]) <= 5
        first.writer.write(frame(HELLO))
        error, close = await first.frames(2)
        assert b'"code":"overloaded"' in error
        assert b'"retry_after":' in error
        assert close[:1] == b"\x88"
        assert front.counters.refused == 1

    serve(main, clock=ClockedLoop, most_waiting=1)


def test_a_request_waits_for_so_long_and_who_leaves_meanwhile_is_forgotten() -> None:
    async def main(front: Front, sessions: RecordedSessions) -> None:
        await crowd(front)
        stays, leaves = await Peer.to(front), await Peer.to(front)
        for peer in (stays, leaves):
            peer.writer.write(HEAD)
        await until(lambda: front._hub.entrance.waiting == 2)
        leaves.writer.transport.abort()  # type: ignore[attr-defined]
        await until(lambda: len(front._hub.doors) == 1)
        for door in list(front._hub.doors):
            assert door.on_time() == 0.0  # type: ignore[attr-defined]
        assert (await stays.rest()).startswith(b"HTTP/1.1 503")
        await until(lambda: not front._hub.doors)
        hand(front).advance(1.0)
        assert front._hub.entrance.waiting == 0
        assert front.counters.opened == BURST

    serve(main, clock=ClockedLoop)


def test_what_a_client_sends_while_it_waits_is_bounded_and_not_lost() -> None:
    async def main(front: Front, sessions: RecordedSessions) -> None:
        await crowd(front)
        peer = await Peer.to(front)
        peer.writer.write(HEAD)
        await until(lambda: front._hub.entrance.waiting == 1)
        peer.writer.write(frame(HELLO) + frame(b'{"t":"ping","q":7}') * 4_000)
        (door,) = front._hub.doors
        await until(lambda: len(door._head) > 2 * MAX_HEAD_BYTES)  # type: ignore[attr-defined]
        hand(front).advance(1.0)
        assert await peer.reader.readuntil(b"\r\n\r\n")
        hand(front).advance(1.0)
        frames = await peer.frames(4_001)
        assert frames[-1] == b'\x81{"t":"pong","q":7}'

    serve(main, clock=ClockedLoop)


def test_tls_handshakes_wait_for_their_turn_and_are_ended_when_it_does_not_come(
    certificates: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async def main(front: Front, sessions: RecordedSessions) -> None:
        entrance = front._hub.entrance
        while entrance.takes():
            pass
        coming = asyncio.ensure_future(Peer.to(front, certificates[1]))
        await until(lambda: entrance.waiting == 1)
        assert not coming.done()
        hand(front).advance(1.0)
        peer = await coming
        assert (await peer.ask(GET % (b"page", b""), b"/page")).startswith(b"HTTP/1.1 200")
        while entrance.takes():
            pass
        late = asyncio.ensure_future(Peer.to(front, certificates[1]))
        await until(lambda: entrance.waiting == 1)
        (door,) = front._hub.doors
        door.abort()
        with pytest.raises(OSError):
            await late
        hand(front).advance(1.0)
        assert (entrance.waiting, front.sockets, len(front._hub.doors)) == (0, 1, 0)

    serve(main, clock=ClockedLoop, tls=certificates[0])
