"""The lean client: frames of every length, cut anywhere; control frames; a server that breaks off."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve

from cluster.bench.lean_client import LeanClient, LoadError, connect, text_frame

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


class Sink(asyncio.Transport):
    """Takes what the client writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


def server_frame(payload: bytes, first: int = 0x81) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


def feed(chunks: list[bytes]) -> tuple[LeanClient, Sink, list[bytes]]:
    async def run() -> tuple[LeanClient, Sink, list[bytes]]:
        client, sink, got = LeanClient("host"), Sink(), []
        client.connection_made(sink)
        client.on_frame = lambda data, start, stop: got.append(data[start:stop])
        for chunk in chunks:
            client.data_received(chunk)
        return client, sink, got

    return asyncio.run(run())


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([0, 1, 125, 126, 127, 300, 65535, 65536]), min_size=1, max_size=6),
    cuts=st.lists(st.integers(0, 200_000), max_size=8),
)
def test_frames_come_out_whole_wherever_the_stream_is_cut(sizes: list[int], cuts: list[int]) -> None:
    payloads = [bytes([65 + index]) * size for index, size in enumerate(sizes)]
    stream = HEAD + b"".join(server_frame(payload) for payload in payloads)
    borders = [0, *sorted(cut for cut in set(cuts) if 0 < cut < len(stream)), len(stream)]
    client, _, got = feed([stream[a:b] for a, b in itertools.pairwise(borders)])
    assert got == payloads
    assert client.frames_in == len(payloads)
    assert client.bytes_in == len(stream) - len(HEAD)


def test_a_ping_is_answered_with_its_payload() -> None:
    _, sink, got = feed([HEAD, server_frame(b"beat", 0x89), server_frame(b"x")])
    assert sink.written[1:] == [b"\x8a\x84\0\0\0\0beat"]
    assert got == [b"x"]


def test_a_refused_upgrade_is_an_error_with_its_status() -> None:
    async def run() -> None:
        client, sink = LeanClient("host"), Sink()
        client.connection_made(sink)
        client.data_received(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
        assert sink.closed
        client.connection_lost(None)
        with pytest.raises(LoadError, match="503"):
            await client.opened

    asyncio.run(run())


def test_a_fragment_that_was_not_asked_for_ends_the_connection() -> None:
    client, sink, _ = feed([HEAD, server_frame(b"part", 0x01)])
    assert sink.closed
    assert "0x1" in client.why_gone()


def test_a_real_server_understands_the_frames_and_the_good_bye() -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async def run() -> None:
        async with serve(echo, "127.0.0.1", 0, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            client = await connect(f"http://127.0.0.1:{port}")
            got: asyncio.Queue[bytes] = asyncio.Queue()
            client.on_frame = lambda data, start, stop: got.put_nowait(data[start:stop])
            for payload in (b"short", b"m" * 300, b"l" * 70_000):
                client.write(text_frame(payload))
                assert await got.get() == payload
            client.close()
            await client.gone

    asyncio.run(run())


def test_a_server_that_closes_says_why() -> None:
    async def closing(connection: ServerConnection) -> None:
        await connection.close(4321, "enough")

    async def run() -> None:
        async with serve(closing, "127.0.0.1", 0, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            client = await connect(f"http://127.0.0.1:{port}")
            with pytest.raises(LoadError, match="4321 enough"):
                await client.gone

    asyncio.run(run())
