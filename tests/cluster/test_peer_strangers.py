"""Those who must not get in: other secrets, versions and lives, garbage, floods; and peers that go wrong."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from actors.runtime import link as link_module
from actors.runtime.link import LINK_VERSION
from actors.runtime.view import CellInfo, first_view
from cluster import peer as peer_module
from cluster import peer_socket
from gateway.certificate import make_self_signed
from tests.kit.peers import Cell, Double, Note, X, connected, on_loop, pair, result, stop, turn_until

# --- those who must not get in ---------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a connection gives up soon."""
    monkeypatch.setattr(link_module, "PATIENCE_S", 0.1)


def test_a_cell_with_another_secret_gets_nothing_and_gives_nothing() -> None:
    async def test() -> None:
        a, b, _ = await pair(secret=b"the secret of another cluster")
        a.links.tell("b.1", (X,), Note(1))
        b.links.tell("a.1", (X,), Note(2))
        await turn_until(lambda: len(a.local.undelivered_items) == len(b.local.undelivered_items) == 1)
        assert {reason for _, _, reason in a.local.undelivered_items + b.local.undelivered_items} == {"no_link"}
        assert (a.local.taken, b.local.taken) == ([], [])
        assert a.listener.refused > 0
        assert b.listener.refused > 0
        (dialing,) = a.dialer._dialings
        assert "secret" in dialing.last_reason
        await stop(a, b)

    on_loop(test)


@pytest.mark.parametrize(("version", "connects"), [(LINK_VERSION + 1, True), (LINK_VERSION + 2, False)])
def test_the_version_before_and_after_is_spoken_and_no_other(version: int, connects: bool) -> None:
    async def test() -> None:
        a, b, _ = await pair(version=version)
        a.links.tell("b.1", (X,), Note(1))
        b.links.tell("a.1", (X,), Note(2))
        if connects:
            await turn_until(lambda: a.numbers() == [2] and b.numbers() == [1])
        else:
            await turn_until(lambda: len(a.local.undelivered_items) == len(b.local.undelivered_items) == 1)
            assert (a.numbers(), b.numbers()) == ([], [])
            (dialing,) = a.dialer._dialings
            assert "version" in dialing.last_reason
        await stop(a, b)

    on_loop(test)


def test_another_life_at_the_same_address_is_not_taken_for_the_one_before() -> None:
    async def test() -> None:
        a, b = Cell("a.1"), Cell("b.2")
        info = await a.start()
        url = (await b.start()).url
        a.links.adopt(first_view([info, CellInfo("b.1", "b.1", url=url)], 8))
        a.links.tell("b.1", (X,), Note(1))
        await turn_until(lambda: bool(a.local.undelivered_items))
        assert b.local.taken == []
        (dialing,) = a.dialer._dialings
        assert "another life" in dialing.last_reason
        await stop(a, b)

    on_loop(test)


async def stranger(cell: Cell, data: bytes, *, upgrade: bool = False) -> bytes:
    """Send these bytes to a cell's listener, in a WebSocket where wanted; returns what comes back until it closes."""
    host, port = cell.info.url.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    back = b""
    with suppress(ConnectionError):
        if upgrade:
            writer.write(UPGRADE)
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()
        back = await reader.read()
    writer.close()
    return back


async def still_works(a: Cell, b: Cell) -> None:
    """The link between two cells is as it was."""
    b.local.answer = lambda to, request: 1
    assert await result(a.links.ask("b.1", X, Double(1), 5.0)) == 1
    assert a.local.lost == []


UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.mark.parametrize(
    ("upgrade", "data", "back"),
    [
        (False, b"\x00\xff garbage \r\n\r\n", b""),
        (False, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 426"),
        (False, b"A" * 100_000, b""),
        (True, b"\x82\x03abc", b"incorrect masking"),
        (True, b"\x82\x83\x00\x00\x00\x00abc", b"no hello"),
        (True, b"\x81\x83\x00\x00\x00\x00abc", b"one binary frame"),
        (True, b"\x02\x83\x00\x00\x00\x00abc", b"one binary frame"),
        (True, b"\x82\xfe\x40\x00\x00\x00\x00\x00" + b"x" * 16_384, b""),
        (True, b"\x82\xff\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00", b"exceeds limit"),
    ],
)
def test_strangers_bytes_are_answered_shortly_and_harm_nobody(upgrade: bool, data: bytes, back: bytes) -> None:
    async def test() -> None:
        a, b, _ = await pair()
        await connected(a, b)
        assert back in await stranger(b, data, upgrade=upgrade)
        await turn_until(lambda: not b.listener.strangers)
        await still_works(a, b)
        await stop(a, b)

    on_loop(test)


def test_a_stranger_that_is_slow_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        a, b, _ = await pair()
        await connected(a, b)
        await connected(b, a)
        monkeypatch.setattr(peer_socket, "EARLY_S", 0.05)
        assert b"too slow" in await stranger(b, UPGRADE)
        assert await stranger(b, UPGRADE[:20]) == b""
        await still_works(a, b)
        await stop(a, b)

    on_loop(test)


def test_strangers_are_bounded_in_number_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_module, "MAX_STRANGERS", 5)

    async def test() -> None:
        a, b, _ = await pair()
        await connected(a, b)
        await connected(b, a)
        host, port = b.info.url.removeprefix("ws://").split(":")
        held = [await asyncio.open_connection(host, int(port)) for _ in range(5)]
        await turn_until(lambda: len(b.listener.strangers) == 5)
        assert (await stranger(b, UPGRADE + b"\x82\x80\x00\x00\x00\x00")).startswith(b"HTTP/1.1 101")
        with suppress(ConnectionError):
            assert await held[0][0].read() == b""
        assert len(b.listener.strangers) == 4
        await still_works(a, b)
        for _, writer in held:
            writer.close()
        await turn_until(lambda: not b.listener.strangers)
        await stop(a, b)

    on_loop(test)


def test_strangers_who_come_back_again_and_again_keep_no_cell_out() -> None:
    async def test() -> None:
        a, b = Cell("a.1"), Cell("b.1")
        here, there = await a.start(), await b.start()
        host, port = there.url.removeprefix("ws://").split(":")

        async def besiege() -> None:
            while True:
                with suppress(OSError):
                    reader, writer = await asyncio.open_connection(host, int(port))
                    await reader.read()
                    writer.close()

        besiegers = [asyncio.create_task(besiege()) for _ in range(2 * peer_module.MAX_STRANGERS)]
        await turn_until(lambda: b.listener.refused > peer_module.MAX_STRANGERS)
        a.links.adopt(first_view([here, there], 8))
        a.links.tell("b.1", (X,), Note(1))
        await turn_until(lambda: b.numbers() == [1])
        for task in besiegers:
            task.cancel()
        await asyncio.gather(*besiegers, return_exceptions=True)
        await stop(a, b)

    on_loop(test)


def test_refused_strangers_do_not_fill_the_log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_module, "REPORT_S", 1000.0)

    async def test() -> None:
        a, b, _ = await pair()
        for _ in range(20):
            await stranger(b, b"\x00\xff garbage \r\n\r\n")
        await turn_until(lambda: b.listener.refused == 20)
        await stop(a, b)

    on_loop(test)
    assert sum("peer_refused" in record.message for record in caplog.records) == 1


def test_a_trusted_peer_that_sends_nonsense_loses_its_connection_and_only_that() -> None:
    async def test() -> None:
        a, b, _ = await pair()
        await connected(a, b)
        await connected(b, a)
        (dialing,) = a.dialer._dialings
        assert dialing._peer is not None
        dialing._peer.send(b"\xc1 nonsense")
        await turn_until(lambda: a.local.lost == ["b.1"])
        assert b.local.lost == []
        await connected(a, b)
        a.links.tell("b.1", (X,), Note(1))
        await turn_until(lambda: b.numbers() == [1])
        await stop(a, b)

    on_loop(test)


def test_a_bug_in_the_cell_ends_the_connection_and_is_seen(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        a, b, _ = await pair()
        await connected(a, b)
        seen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: seen.append(context.get("exception")))

        def fail() -> None:
            raise KeyError("planted")

        b.local.on_taken = fail
        a.links.tell("b.1", (X,), Note(1))
        await turn_until(lambda: a.local.lost == ["b.1"])
        assert [type(error) for error in seen] == [KeyError]
        assert a.local.undelivered_items == [(X, Note(1), "lost")]
        await stop(a, b)

    on_loop(test)


def test_a_wrong_url_in_the_view_is_said_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        a = Cell("a.1")
        a.links.adopt(first_view([await a.start(), CellInfo("b.1", "b.1", url="http://nonsense")], 8))
        (dialing,) = a.dialer._dialings
        await turn_until(lambda: dialing.attempts > 1)
        assert "peer_unreachable life=b.1" in caplog.text
        await stop(a)

    on_loop(test)


# --- TLS -------------------------------------------------------------------------------------------------------------


def contexts(folder: Path, *, trusted: bool) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's context; the client trusts the server's certificate or does not."""
    certificate, key = make_self_signed(["127.0.0.1"], folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context()
    if trusted:
        client.load_verify_locations(certificate)
    return server, client


@pytest.mark.parametrize("trusted", [True, False])
def test_with_tls_a_cell_talks_only_to_a_certificate_that_it_trusts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, trusted: bool
) -> None:
    async def test() -> None:
        tls = contexts(tmp_path, trusted=trusted)
        a, b = Cell("a.1", tls=tls), Cell("b.1", tls=tls)
        view = first_view([await a.start(), await b.start()], 8)
        assert a.info.url.startswith("wss://")
        a.links.adopt(view)
        a.links.tell("b.1", (X,), Note(1, "x" * 100_000))
        if trusted:
            await turn_until(lambda: b.numbers() == [1])
        else:
            await turn_until(lambda: bool(a.local.undelivered_items))
            assert b.numbers() == []
            assert "CERTIFICATE_VERIFY_FAILED" in caplog.text
        await stop(a, b)

    on_loop(test)
