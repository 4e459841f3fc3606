"""Cells with real links over loopback sockets, for tests of the transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from ssl import SSLContext
from typing import Any

import uvloop

from actors.runtime.actor import ActorId, Request
from actors.runtime.codec import Codec
from actors.runtime.link import LINK_VERSION, Link
from actors.runtime.links import Links
from actors.runtime.plain import Message
from actors.runtime.promise import Promise
from actors.runtime.view import CellInfo, View, first_view
from cluster.peer import PeerDialer, PeerListener
from gateway.loop_clock import LoopClock
from tests.kit.local import RecordingLocal


class Note(Message, frozen=True, gc=False):
    number: int
    text: str = ""


class Double(Request[int], frozen=True, gc=False):
    number: int


CODEC = Codec([Note, Double])
SECRET = b"the secret of this cluster"
X = ActorId("room:x")
DEADLINE_S = 10.0


class Cell:
    """One life with its listener, dialer and links."""

    def __init__(
        self, life: str, secret: bytes = SECRET, version: int = LINK_VERSION, tls: tuple[SSLContext, SSLContext] | None = None
    ) -> None:
        server, client = tls or (None, None)
        self.life = life
        self.local = RecordingLocal()
        self.newer: list[int] = []
        self.dialer = PeerDialer(secret, life, ssl=client, random=Random(life), version=version)
        loop = asyncio.get_running_loop()
        self.links = Links(life, CODEC, LoopClock(loop), self.local, self.dialer.dial, self.newer.append)
        self.listener = PeerListener(secret, life, self.links, ssl=server, version=version)
        self.info = CellInfo(life, life)

    async def start(self) -> CellInfo:
        """Listen; returns the cell for the view."""
        self.info = CellInfo(self.life, self.life, url=await self.listener.start())
        return self.info

    async def stop(self) -> None:
        """End everything."""
        self.links.close()
        await self.dialer.close()
        await self.listener.close()

    def link(self, life: str) -> Link:
        """The sending end to a life."""
        link = self.links.link(life)
        assert link is not None
        return link

    def numbers(self) -> list[int]:
        """The notes that arrived."""
        return [message.number for _, message in self.local.taken if isinstance(message, Note)]


def on_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test on the loop that cells use, and find every task that it left."""

    async def run() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await test()
            left = asyncio.all_tasks() - {asyncio.current_task()}
        assert left == set()

    uvloop.run(run())


async def result(promise: Promise[Any]) -> Any:
    """The value or exception of a promise."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    promise.when_settled(lambda settled: future.set_result(None))
    await future
    return promise.result()


async def turn_until(condition: Callable[[], bool], every_s: float = 0.002) -> None:
    """Let the loop turn until something has happened; the test's deadline ends a wait in vain."""
    loop = asyncio.get_running_loop()
    while not condition():
        turned = asyncio.Event()
        loop.call_later(every_s, turned.set)
        await turned.wait()


async def pair(*, secret: bytes = SECRET, version: int = LINK_VERSION) -> tuple[Cell, Cell, View]:
    """Two cells that know each other from the same view; the second with another secret or version, where given."""
    a, b = Cell("a.1"), Cell("b.1", secret, version)
    view = first_view([await a.start(), await b.start()], 8)
    a.links.adopt(view)
    b.links.adopt(view)
    return a, b, view


async def connected(a: Cell, b: Cell) -> None:
    """Wait for the link from one cell to another."""
    await turn_until(lambda: a.link(b.life).connected_now)


async def stop(*cells: Cell) -> None:
    """End these cells."""
    for cell in cells:
        await cell.stop()
