"""A network between cells that can be cut, also in one direction: proxies that the view names instead of the cells themselves.

A proxy learns from the first message of a connection which cell dialed it. What a cut direction carries is held, as TCP
holds what is not acknowledged, and goes on when it is healed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from actors.runtime.codec import unpack
from cluster.bench.killable import free_port
from cluster.peer_auth import Hello
from cluster.peer_frames import FrameSplitter
from cluster.peer_socket import MAX_FRAME_BYTES

CHUNK = 1 << 16


class Network:
    """A proxy before each cell."""

    def __init__(self, names: Iterable[str]) -> None:
        self._ports = {name: (free_port(), free_port()) for name in names}
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._cut: set[tuple[str, str]] = set()
        self._changed = asyncio.Event()

    def url(self, name: str) -> str:
        """What the view says of a cell."""
        return f"ws://127.0.0.1:{self._ports[name][0]}"

    def link_port(self, name: str) -> int:
        """Where the cell itself listens."""
        return self._ports[name][1]

    # --- cutting ---

    def cut(self, sender: str, receiver: str) -> None:
        """Nothing gets from one to the other any more."""
        self._cut.add((sender, receiver))

    def part(self, name: str) -> None:
        """Nothing gets to this cell, nor from it."""
        for other in self._ports:
            if other != name:
                self.cut(name, other)
                self.cut(other, name)

    def heal(self) -> None:
        """Everything gets through, what was held first."""
        self._cut.clear()
        self._changed.set()
        self._changed = asyncio.Event()

    # --- the proxies ---

    async def start(self) -> None:
        """Listen."""
        for name, (port, _) in self._ports.items():
            self._servers.append(await asyncio.start_server(self._accepting(name), "127.0.0.1", port))

    async def close(self) -> None:
        """End all connections."""
        for server in self._servers:
            server.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    def _accepting(self, name: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(_Connection(self, name).carry(reader, writer))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

        return accept

    async def open_way(self, sender: str, receiver: str) -> None:
        """Wait until the direction is not cut."""
        while (sender, receiver) in self._cut:
            await self._changed.wait()


class _Connection:
    """One connection to a cell, through its proxy."""

    def __init__(self, network: Network, acceptor: str) -> None:
        self._network = network
        self._acceptor = acceptor
        self._dialer = ""
        self._known = asyncio.Event()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways until one side ends."""
        try:
            inner, outer = await asyncio.open_connection("127.0.0.1", self._network.link_port(self._acceptor))
        except OSError:
            writer.transport.abort()
            return
        pumps = {asyncio.ensure_future(self._there(reader, outer)), asyncio.ensure_future(self._back(inner, writer))}
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.wait(pumps)
            for end in (writer, outer):
                end.transport.abort()

    async def _there(self, reader: asyncio.StreamReader, outer: asyncio.StreamWriter) -> None:
        """From the dialer; the upgrade and its first message tell who that is."""
        head = await reader.readuntil(b"\r\n\r\n")
        outer.write(head)
        frames = FrameSplitter(masked=True, max_bytes=MAX_FRAME_BYTES)
        while data := await _read(reader):
            if not self._dialer:
                for _, message in frames.feed(data)[:1]:
                    self._dialer = unpack(Hello, message).life.rpartition("-")[0]
                    self._known.set()
            if self._dialer:
                await self._network.open_way(self._dialer, self._acceptor)
            outer.write(data)
            await outer.drain()

    async def _back(self, inner: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await inner.readuntil(b"\r\n\r\n"))
        await self._known.wait()
        while data := await _read(inner):
            await self._network.open_way(self._acceptor, self._dialer)
            writer.write(data)
            await writer.drain()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(CHUNK)
    except ConnectionError:
        return b""
