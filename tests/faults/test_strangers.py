"""Half-open sockets, slow heads and floods of connections on the real port: bounded in time and number, and nobody else is hurt."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest
import uvloop

from cluster.bench.dialect import Account
from cluster.bench.lean_client import LoadError
from tests.faults.scene import Cell, make_accounts
from tests.kit.fault_plan import constants
from tests.kit.raw import Raw
from tests.kit.spans import lasts

pytestmark = pytest.mark.slow

LIMIT_S = 60.0
MIB = 1 << 20
SHORT = {
    "gateway.front.HEAD_TIMEOUT_S": 1.0,
    "gateway.connection.HELLO_TIMEOUT_S": 1.0,
    "gateway.connection.PING_INTERVAL_S": 0.5,
    "gateway.connection.CLOSE_TIMEOUT_S": 1.0,
    "gateway.http_side.REQUEST_TIMEOUT_S": 2.0,
    "gateway.http_side.KEEP_ALIVE_S": 1,
}
"""The waits of the server, made short."""
PATIENCE_S = 8.0
"""Well above each of them: whoever is still connected then is not bounded."""
HEAD = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
VERSION = b"Sec-WebSocket-Version: 13\r\n\r\n"


class Socket:
    """A TCP connection that speaks no protocol."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, url: str, source: str = "127.0.0.1") -> Socket:
        """From one of this machine's addresses."""
        host, port = url.removeprefix("http://").split(":")
        return cls(*await asyncio.open_connection(host, int(port), local_addr=(source, 0)))

    async def drip(self, data: bytes, every_s: float) -> None:
        """Send a byte now and then, until the server has had enough."""
        for byte in data:
            self.writer.write(bytes([byte]))
            await lasts(every_s)

    async def gone(self) -> None:
        """Wait until our side is closed."""
        with contextlib.suppress(ConnectionError):  # one that was turned away may have been reset
            await self.writer.wait_closed()

    async def ended(self, limit_s: float = PATIENCE_S) -> bytes:
        """Wait until the server ends it; what it said."""
        said = b""
        async with asyncio.timeout(limit_s):
            try:
                while data := await self.reader.read(65536):
                    said += data
            except ConnectionResetError:
                pass  # ended without a word
        self.writer.close()
        return said


async def served(data: Path, settings: dict[str, str], test: Callable[[Cell, list[list[Account]]], Awaitable[None]]) -> None:
    """Run a test against a server with these settings."""
    accounts = make_accounts(data, "small")
    server = Cell(data, settings)
    await server.start()
    try:
        async with asyncio.timeout(LIMIT_S):
            await test(server, accounts)
    finally:
        await server.kill()
    assert "Traceback" not in (data / "bench.log").read_text()


async def silent_kinds(server: Cell, accounts: list[list[Account]]) -> None:
    """All kinds at once; a client that behaves stays connected all the while."""
    url = server.url(0)
    good = await Raw.log_in(url, accounts[0][0].token)
    says_nothing = await Socket.open(url)
    half_a_head = await Socket.open(url)
    half_a_head.writer.write(HEAD)
    slow_head = await Socket.open(url)
    dripping = asyncio.create_task(slow_head.drip(HEAD, 0.05))
    slow_body = await Socket.open(url)
    slow_body.writer.write(
        b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    idle_http = await Socket.open(url)
    idle_http.writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    no_hello = await Raw.connect(url)
    dead = await Socket.open(url)  # logs in, and then is as one whose cable was cut
    dead.writer.write(HEAD + VERSION + hello(accounts[1][0].token))
    said = await asyncio.gather(*(socket.ended() for socket in (says_nothing, half_a_head, slow_head, slow_body, idle_http, dead)))
    dripping.cancel()
    assert said[:3] == [b"", b"", b""]
    assert b"200" in said[4].split(b"\r\n")[0]
    assert b'"welcome"' in said[5]
    assert said[5].endswith(b"\x0f\xa1nothing was heard in time")
    assert await no_hello.close_code() == 4001
    await good.still_there()


def hello(token: str) -> bytes:
    """The frame that logs in, masked with the key 0."""
    text = b'{"t":"hello","v":1,"token":"%b"}' % token.encode()
    assert len(text) < 126
    return b"\x81" + bytes([0x80 | len(text)]) + b"\0\0\0\0" + text


def test_whoever_says_nothing_or_very_slowly_is_ended_and_others_are_not(tmp_path: Path) -> None:
    uvloop.run(served(tmp_path, constants(SHORT), silent_kinds))


PER_ADDRESS, IN_ALL = 20, 50
FEW = {"WARBLER_MAX_CONNECTIONS": str(IN_ALL), "WARBLER_MAX_CONNECTIONS_PER_ADDRESS": str(PER_ADDRESS)}


async def flood(server: Cell, accounts: list[list[Account]]) -> None:
    """More connections than are taken, from one address and from several; then they go, and there is room again."""
    url = server.url(0)
    good = await Raw.log_in(url, accounts[0][0].token)
    taken = [await Raw.connect(url) for _ in range(PER_ADDRESS - 1)]
    with pytest.raises(LoadError, match="503"):
        await Raw.connect(url)
    sockets = [await Socket.open(url, f"127.0.0.{2 + number % 4}") for number in range(2 * IN_ALL)]
    refused = await refusals(sockets)
    assert refused == 2 * IN_ALL - (IN_ALL - PER_ADDRESS)
    await good.still_there()
    for raw in taken:
        raw.drop()
    for socket in sockets:
        socket.writer.close()
        await socket.gone()
    for raw in taken:
        await raw.close_code()
    await good.still_there()  # the server has seen all that came before this
    again = await Raw.log_in(url, accounts[1][0].token)
    await again.still_there()
    await good.still_there()


async def refusals(sockets: list[Socket]) -> int:
    """How many of these are turned away at once, each with the time after which to come back."""
    count = 0
    for socket in sockets:
        try:
            async with asyncio.timeout(0.3 if count == 0 else 0.05):
                line = await socket.reader.readline()
        except TimeoutError:
            continue
        rest = await socket.reader.read()
        assert line.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: " in rest
        count += 1
    return count


def test_a_flood_of_connections_is_bounded_by_address_and_in_all_and_leaves_others_alone(tmp_path: Path) -> None:
    uvloop.run(served(tmp_path, FEW, flood))


async def churn(server: Cell, accounts: list[list[Account]]) -> None:
    """Thousands come and go; the server keeps nothing of them."""
    url = server.url(0)
    good = await Raw.log_in(url, accounts[0][0].token)
    process = psutil.Process(server.pid)

    async def wave() -> None:
        for _ in range(10):
            sockets = await asyncio.gather(*(Socket.open(url) for _ in range(100)))
            for number, socket in enumerate(sockets):
                if number % 2:
                    socket.writer.write(HEAD)
                socket.writer.transport.abort()
        await good.still_there()

    await wave()
    before, start = process.memory_info().rss, time.perf_counter()
    for _ in range(3):
        await wave()
    grown = process.memory_info().rss - before
    print(f"3,000 connections that say nothing in {time.perf_counter() - start:.1f} s: the server grew by {grown / MIB:.1f} MiB")
    assert grown < 8 * MIB
    assert process.num_fds() < 200


def test_thousands_of_connections_that_come_to_nothing_leave_nothing_behind(tmp_path: Path) -> None:
    uvloop.run(served(tmp_path, {}, churn))
