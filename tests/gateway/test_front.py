"""The public port over real sockets: one port for HTTP and WebSocket, bounds, true addresses, the end as a procedure."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest
import uvloop

from actors.closing import GOING_AWAY
from gateway import front as front_module
from gateway.certificate import make_self_signed
from gateway.front import HEAD_TIMEOUT_S, MAX_HEAD_BYTES, Door, Front
from gateway.http_side import REQUEST_TIMEOUT_S, HttpConnection, StartupFailed
from gateway.hub import Hub
from gateway.loop_clock import LoopClock
from tests.kit.asgi import plain_app
from tests.kit.calls import called
from tests.kit.clock import Clock
from tests.kit.http_server import exchange
from tests.kit.wire_ends import HEAD, HELLO, RecordedSessions, echo_pings, frame

Main = Callable[[Front, RecordedSessions], Awaitable[None]]
GET = b"GET /%s HTTP/1.1\r\nHost: chat.example\r\n%s\r\n"


class ClockedLoop(LoopClock):
    """The loop's turns with a hand-moved time."""

    __slots__ = ("hand",)

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.hand = Clock()
        self.now = self.hand.now
        self.later = self.hand.later  # type: ignore[assignment]


def serve(main: Main, *, runner: Any = uvloop.run, tls: ssl.SSLContext | None = None, app: Any = plain_app, **options: Any) -> None:
    """Run `main` against a front that is started before and closed after it."""

    async def around() -> None:
        sessions = RecordedSessions(echo_pings)
        clock = options.pop("clock", None)
        front = Front(sessions, app, scheduler=clock() if clock else None, **options)
        await front.start("127.0.0.1", 0, tls)
        try:
            async with asyncio.timeout(10):
                await main(front, sessions)
        finally:
            while Peer.here:
                Peer.here.pop().close()  # else the front waits for them, where Python does not close what is forgotten
            await front.close()

    runner(around())


class Peer:
    """A raw connection."""

    here: ClassVar[list[Peer]] = []
    """All of the running test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.here.append(self)

    @classmethod
    async def to(cls, front: Front, tls: ssl.SSLContext | None = None) -> Peer:
        return cls(*await asyncio.open_connection("127.0.0.1", front.port, ssl=tls, server_hostname="localhost" if tls else None))

    async def ask(self, data: bytes, until: bytes) -> bytes:
        self.writer.write(data)
        return await self.reader.readuntil(until)

    async def rest(self) -> bytes:
        """All up to the end of the stream, or what came before it was reset."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b"reset"

    async def frames(self, count: int) -> list[bytes]:
        """The next short frames of the server."""
        found = []
        for _ in range(count):
            head = await self.reader.readexactly(2)
            size = head[1] if head[1] < 126 else int.from_bytes(await self.reader.readexactly(2), "big")
            found.append(head[:1] + await self.reader.readexactly(size))
        return found

    def close(self) -> None:
        self.writer.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's context."""
    certificate, key = make_self_signed(["localhost"], tmp_path_factory.mktemp("tls"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))


@pytest.mark.parametrize("runner", [uvloop.run, asyncio.run])
@pytest.mark.parametrize("encrypted", [False, True])
def test_one_port_serves_http_and_websockets(runner: Any, encrypted: bool, certificates: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def main(front: Front, sessions: RecordedSessions) -> None:
        tls = certificates[1] if encrypted else None
        http, ws = await Peer.to(front, tls), await Peer.to(front, tls)
        scheme = b"https" if encrypted else b"http"
        assert (await http.ask(GET % (b"page", b""), b"/page")).endswith(b"127.0.0.1 " + scheme + b" GET /page")
        assert (await http.ask(GET % (b"next", b""), b"/next")).startswith(b"HTTP/1.1 200")
        assert (await ws.ask(HEAD + frame(HELLO) + frame(b'{"t":"ping","q":3}'), b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        welcome, pong = await ws.frames(2)
        assert welcome.startswith(b'\x81{"t":"welcome"')
        assert pong == b'\x81{"t":"pong","q":3}'
        assert front.sockets == 2
        assert (front.counters.http, front.counters.opened, front.counters.websockets) == (1, 1, 1)

    serve(main, runner=runner, tls=certificates[0] if encrypted else None)


def test_a_kept_http_connection_can_become_a_websocket() -> None:
    async def main(front: Front, sessions: RecordedSessions) -> None:
        peer = await Peer.to(front)
        await peer.ask(GET % (b"page", b""), b"/page")
        assert (await peer.ask(HEAD, b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        peer.writer.write(frame(HELLO))
        await peer.frames(1)
        assert (front.sockets, front.counters.http, front.counters.websockets) == (1, 0, 1)
        peer.writer.transport.abort()  # type: ignore[attr-defined]

    serve(main)


@pytest.mark.parametrize("runner", [uvloop.run, asyncio.run])
def test_a_connection_counts_before_its_tls_handshake_and_is_cut_off_without_one(
    runner: Any, certificates: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, left = called(monkeypatch, Door, "enter"), called(monkeypatch, Hub, "leave")

    async def main(front: Front, sessions: RecordedSessions) -> None:
        silent = await Peer.to(front)
        await made.wait()
        assert front.sockets == 1
        second = await Peer.to(front)
        assert await second.rest() in (b"", b"reset")
        assert (front.sockets, front.counters.refused) == (1, 1)
        front._hub.scheduler.hand.advance(HEAD_TIMEOUT_S + 1)  # type: ignore[attr-defined]
        assert await silent.rest() in (b"", b"reset")
        await left.wait()
        assert (front.sockets, len(front._hub.doors)) == (0, 0)
        good = await Peer.to(front, certificates[1])
        assert (await good.ask(GET % (b"page", b""), b"/page")).startswith(b"HTTP/1.1 200")

    serve(main, runner=runner, tls=certificates[0], clock=ClockedLoop, max_connections=1)


@pytest.mark.parametrize("runner", [uvloop.run, asyncio.run])
def test_what_is_no_tls_is_ended_and_forgotten(
    runner: Any, certificates: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = called(monkeypatch, Hub, "leave")

    async def main(front: Front, sessions: RecordedSessions) -> None:
        peer = await Peer.to(front)
        peer.writer.write(GET % (b"page", b""))
        await peer.rest()
        await left.wait()
        assert (front.sockets, len(front._hub.doors)) == (0, 0)

    serve(main, runner=runner, tls=certificates[0])


@pytest.mark.parametrize("step", [1, 2, 7, 61])
def test_a_head_may_come_in_pieces(step: int) -> None:
    async def main(front: Front, sessions: RecordedSessions) -> None:
        peer = await Peer.to(front)
        for at in range(0, len(HEAD), step):
            peer.writer.write(HEAD[at : at + step])
            await peer.writer.drain()
        assert (await peer.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")

    serve(main)


def test_a_head_that_is_too_long_is_refused() -> None:
    async def main(front: Front, sessions: RecordedSessions) -> None:
        peer = await Peer.to(front)
        peer.writer.write(GET.partition(b"%s\r\n")[0] % b"x" + b"X-Long: " + b"x" * MAX_HEAD_BYTES)
        assert (await peer.rest()).startswith(b"HTTP/1.1 431")
        fitting = await Peer.to(front)
        head = GET % (b"page", b"X-Long: %s\r\n")
        answer = await fitting.ask(head % (b"x" * (MAX_HEAD_BYTES - len(head) + 2)), b"/page")
        assert answer.startswith(b"HTTP/1.1 200")

    serve(main)


def test_a_head_that_does_not_come_to_its_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = called(monkeypatch, Door, "data_received")

    async def main(front: Front, sessions: RecordedSessions) -> None:
        peer = await Peer.to(front)
        peer.writer.write(HEAD[:-2])
        await begun.wait()
        hand = front._hub.scheduler.hand  # type: ignore[attr-defined]
        hand.advance(HEAD_TIMEOUT_S - 1)
        assert front.sockets == 1
        hand.advance(2.0)
        assert await peer.rest() in (b"", b"reset")
        assert front.sockets == 0

    serve(main, clock=ClockedLoop)


def test_a_body_that_does_not_come_to_its_end_is_cut_off() -> None:
    async def main(front: Front, sessions: RecordedSessions) -> None:
        peer = await Peer.to(front)
        await peer.ask(GET % (b"one", b""), b"/one")
        await peer.ask(b"POST /two HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf", b"/two")
        front._hub.scheduler.hand.advance(REQUEST_TIMEOUT_S + 1)  # type: ignore[attr-defined]
        assert await peer.rest() in (b"", b"reset")

    serve(main, clock=ClockedLoop)


def test_a_second_head_that_does_not_come_to_its_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = called(monkeypatch, HttpConnection, "on_message_begin")

    async def main(front: Front, sessions: RecordedSessions) -> None:
        peer = await Peer.to(front)
        await peer.ask(GET % (b"one", b""), b"/one")
        begun.clear()
        peer.writer.write(b"GET /two HTTP/1.1\r\nHos")
        await begun.wait()
        front._hub.scheduler.hand.advance(REQUEST_TIMEOUT_S + 1)  # type: ignore[attr-defined]
        assert await peer.rest() in (b"", b"reset")

    serve(main, clock=ClockedLoop)


@pytest.mark.parametrize("options", [{"max_connections": 2}, {"max_connections_per_address": 2}])
def test_beyond_the_bound_a_connection_is_told_to_come_later(options: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    left = called(monkeypatch, Hub, "leave")

    async def main(front: Front, sessions: RecordedSessions) -> None:
        first, second = await Peer.to(front), await Peer.to(front)
        await first.ask(GET % (b"page", b""), b"/page")
        await second.ask(HEAD, b"\r\n\r\n")
        third = await Peer.to(front)
        answer = await third.rest()
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"\r\nRetry-After: " in answer
        assert (front.sockets, front.counters.refused) == (2, 1)
        first.close()
        await left.wait()
        fourth = await Peer.to(front)
        assert (await fourth.ask(HEAD, b"\r\n\r\n")).startswith(b"HTTP/1.1 101")

    serve(main, **options)


def test_http_hears_the_address_that_a_trusted_proxy_names_for_each_request() -> None:
    async def main(front: Front, sessions: RecordedSessions) -> None:
        peer = await Peer.to(front)
        first = await peer.ask(GET % (b"one", b"X-Forwarded-For: 203.0.113.5\r\nX-Forwarded-Proto: https\r\n"), b"/one")
        second = await peer.ask(GET % (b"two", b"Forwarded: for=203.0.113.6\r\nX-Forwarded-Proto: gopher\r\n"), b"/two")
        assert first.endswith(b"203.0.113.5 https GET /one")
        assert second.endswith(b"203.0.113.6 http GET /two")

    serve(main, trusted_proxies=["127.0.0.0/8"])


def test_nobody_else_is_believed() -> None:
    async def main(front: Front, sessions: RecordedSessions) -> None:
        peer = await Peer.to(front)
        assert b"127.0.0.1 http" in await peer.ask(GET % (b"one", b"X-Forwarded-For: 203.0.113.5\r\n"), b"/one")

    serve(main)


def test_closing_tells_websockets_to_go_elsewhere_and_answers_what_http_has_begun() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow_app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            begun.set()
            await go_on.wait()
        await plain_app(scope, receive, send)

    async def main(front: Front, sessions: RecordedSessions) -> None:
        port, ws, http, idle = front.port, await Peer.to(front), await Peer.to(front), await Peer.to(front)
        await ws.ask(HEAD + frame(HELLO), b"\r\n\r\n")
        await ws.frames(1)
        http.writer.write(GET % (b"slow", b""))
        await begun.wait()
        closing = asyncio.gather(front.close(), front.close())
        (close,) = await ws.frames(1)
        assert close == b"\x88" + GOING_AWAY.to_bytes(2, "big") + b"going away"
        ws.writer.write(frame(close[1:3], 0x88))
        assert await ws.rest() == b""
        assert await idle.rest() in (b"", b"reset")
        go_on.set()
        assert (await http.rest()).endswith(b"/slow")
        await closing
        await front.close()
        assert front.sockets == 0
        assert sessions.opened[0].ended == 1
        with pytest.raises(OSError, match="Connect"):
            await asyncio.open_connection("127.0.0.1", port)

    serve(main, app=slow_app)


def test_who_does_not_go_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "CLOSE_WAIT_S", 0.05)

    async def main(front: Front, sessions: RecordedSessions) -> None:
        peer = await Peer.to(front)
        await peer.ask(HEAD + frame(HELLO), b"\r\n\r\n")
        await peer.frames(1)
        await front.close()
        assert front.sockets == 0
        assert sessions.opened[0].ended == 1

    serve(main)


def test_a_port_that_is_taken_is_an_error_and_ends_the_application_again() -> None:
    events: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = (await receive())["type"]
            events.append(message)
            await send({"type": message + ".complete"})
            if message.endswith("shutdown"):
                return

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            front = Front(RecordedSessions(), app)
            with pytest.raises(OSError, match="ddress already in use"):
                await front.start("127.0.0.1", taken.getsockname()[1])
            await front.close()
        assert events == ["lifespan.startup", "lifespan.shutdown"]

    uvloop.run(main())


def test_an_application_that_does_not_start_is_an_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    async def main() -> None:
        with pytest.raises(StartupFailed):
            await Front(RecordedSessions(), app).start()

    uvloop.run(main())


def test_two_fronts_can_share_a_port() -> None:
    async def main() -> None:
        first, second = Front(RecordedSessions(), plain_app), Front(RecordedSessions(), plain_app)
        await first.start("127.0.0.1", 0, reuse_port=True)
        await second.start("127.0.0.1", first.port, reuse_port=True)
        assert first.port == second.port
        await asyncio.gather(first.close(), second.close())

    uvloop.run(main())


def test_a_cell_can_listen_on_a_port_of_its_own_beside_the_shared_one_stop_both_and_go_on() -> None:
    async def main() -> None:
        front = Front(RecordedSessions(), plain_app)
        await front.start("127.0.0.1", 0, reuse_port=True, own_port=0)
        assert 0 < front.own_port != front.port
        ports = front.port, front.own_port
        for _ in range(2):
            assert (front.port, front.own_port) == ports
            for port in ports:
                assert (await exchange(port, GET % (b"hello", b"Connection: close\r\n"))).startswith(b"HTTP/1.1 200")
            front.stop_listening()
            for port in ports:
                with pytest.raises(OSError, match="refused"):
                    await exchange(port, b"")
            await front.listen_again()
        await front.close()
        await front.listen_again()
        assert not front.is_listening

    uvloop.run(main())
