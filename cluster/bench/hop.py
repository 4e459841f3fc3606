"""What a hop between two cells costs: CPU per item on each side, by batch size, beside a bare relay in the same run.

Two processes on loopback with the real link: codec, lanes, WebSocket, receipts. The sender tells a batch, waits for its
receipt, and tells the next; the receiver puts items into a list. ``python -m cluster.bench.hop`` prints the table.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import orjson
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from actors.runtime.actor import ActorId, R, Request
from actors.runtime.codec import Codec
from actors.runtime.link import Link, Wire
from actors.runtime.links import Links
from actors.runtime.plain import Message
from actors.runtime.promise import Promise, rejected
from actors.runtime.view import CellInfo, first_view
from cluster.bench.bare import READY, bare_token
from cluster.bench.measure import cpu_seconds
from cluster.peer import PeerDialer, PeerListener
from gateway.loop_clock import LoopClock

SECRET = b"only for this measurement"
BATCHES = (1, 8, 64, 256)
BODY_BYTES = 200
SENDER, RECEIVER = "a.1", "b.1"


class Said(Message, frozen=True, gc=False):
    """A chat message, as it would go to a relay."""

    user: str
    seq: int
    at: int
    body: str


CODEC = Codec([Said])


class Sink:
    """The receiver's cell: keeps an item until the next one comes. Implements `Local`."""

    def __init__(self) -> None:
        self.taken = 0
        self.last: Message | None = None

    def take(self, to: ActorId, message: Message) -> str | None:
        """Count it."""
        self.taken += 1
        self.last = message
        return None

    def take_ask(self, to: ActorId, request: Request[R]) -> Promise[R]:
        """Nobody asks here."""
        return rejected(NotImplementedError("a measurement asks nothing"))

    def undelivered(self, to: ActorId, message: Message, reason: str) -> None:
        """A lost item makes the figures wrong."""
        raise RuntimeError(f"not delivered: {reason}")

    def lost_link(self, life: str) -> None:
        """The measurement is over."""


class Cost(NamedTuple):
    """CPU of one item, in microseconds."""

    batch: int
    sender_us: float
    receiver_us: float
    items_per_s: float


class Pump:
    """Tells a batch whenever the one before is answered."""

    def __init__(self, links: Links, link: Link) -> None:
        self._links = links
        self._link = link
        self._left = 0
        self._batch = 1
        self._done = asyncio.Event()
        # Where a receipt is taken: the only place that knows when a frame has landed.
        received = link.received

        def received_and_on(wire: Wire, data: bytes | bytearray | memoryview) -> None:
            received(wire, data)
            self._tell()

        link.received = received_and_on  # type: ignore[method-assign]

    async def run(self, batch: int, count: int) -> None:
        """So many items in batches of this size."""
        self._batch, self._left = batch, count // batch
        self._done.clear()
        self._tell()
        await self._done.wait()

    def _tell(self) -> None:
        if self._left == 0:
            self._done.set()
            return
        self._left -= 1
        for number in range(self._batch):
            self._links.tell(RECEIVER, (_TARGET,), Said("ada", number, 1_700_000_000_000, _BODY))


_TARGET = ActorId("relay:b.1~9f2c")
_BODY = "x" * BODY_BYTES


async def receive() -> None:
    """The receiving process: listens until it is killed."""
    dialer = PeerDialer(SECRET, RECEIVER)
    links = Links(RECEIVER, CODEC, LoopClock(asyncio.get_running_loop()), Sink(), dialer.dial, lambda version: None)
    listener = PeerListener(SECRET, RECEIVER, links)
    print(READY, await listener.start(), flush=True)
    await asyncio.Event().wait()


async def measure_hops(pid: int, url: str, seconds: float) -> list[Cost]:
    """The cost of a hop at each batch size."""
    dialer = PeerDialer(SECRET, SENDER)
    links = Links(SENDER, CODEC, LoopClock(asyncio.get_running_loop()), Sink(), dialer.dial, lambda version: None)
    links.adopt(first_view([CellInfo(SENDER, "a"), CellInfo(RECEIVER, "b", url=url)], 1))
    link = links.link(RECEIVER)
    if link is None:
        raise RuntimeError("the view has no receiver")
    pump = Pump(links, link)
    costs = []
    for batch in BATCHES:
        await pump.run(batch, batch * 200)
        costs.append(await _measure(pump, pid, batch, seconds))
    links.close()
    await dialer.close()
    return costs


async def _measure(pump: Pump, pid: int, batch: int, seconds: float) -> Cost:
    items, began = 0, time.perf_counter()
    mine, theirs = time.process_time(), cpu_seconds([pid])
    while time.perf_counter() - began < seconds:
        await pump.run(batch, batch * 100)
        items += batch * 100
    took = time.perf_counter() - began
    return Cost(batch, (time.process_time() - mine) / items * 1e6, (cpu_seconds([pid]) - theirs) / items * 1e6, items / took)


async def measure_bare(pid: int, port: int, flight: int, seconds: float) -> float:
    """Microseconds of CPU of the bare relay for a delivery with its acknowledgement, with so many in flight."""
    url = f"ws://127.0.0.1:{port}"
    async with connect(url, compression=None) as sender, connect(url, compression=None) as receiver:
        for index, connection in enumerate((sender, receiver)):
            await connection.send(orjson.dumps({"t": "hello", "token": bare_token("u", index)}), text=True)
            await connection.recv()
        await _exchange(sender, receiver, flight)
        before, count, began = cpu_seconds([pid]), 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            await _exchange(sender, receiver, flight)
            count += flight
        return (cpu_seconds([pid]) - before) / count * 1e6


async def _exchange(sender: ClientConnection, receiver: ClientConnection, flight: int) -> None:
    post = orjson.dumps({"t": "post", "room": "u1", "n": 1, "id": "0123456789", "body": _BODY})
    for _ in range(flight):
        await sender.send(post, text=True)
    for _ in range(flight):
        await receiver.recv()
        await sender.recv()


@contextmanager
def process(*command: str) -> Iterator[tuple[int, str]]:
    """A Python process that prints READY and a word: its pid and the word. Ended afterwards."""
    with subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True) as child:
        try:
            line = child.stdout.readline().split() if child.stdout is not None else []
            if len(line) != 2 or line[0] != READY:
                raise RuntimeError(f"{command[0]} did not start")
            yield child.pid, line[1]
        finally:
            child.terminate()


def main(seconds: float = 2.0) -> None:
    """Print the table."""
    with process("cluster.bench.bare", "u", "2", "0") as (pid, port):
        quiet, busy = (uvloop.run(measure_bare(pid, int(port), flight, seconds)) for flight in (1, 8))
    print(f"bare relay, CPU per delivery: {quiet:.1f} us with one in flight, {busy:.1f} us with eight")
    with process("cluster.bench.hop", "receive") as (pid, url):
        costs = uvloop.run(measure_hops(pid, url, seconds))
    print(f"{'batch':>6} {'sender us':>10} {'receiver us':>12} {'items/s':>9} {'x bare busy, dearer side':>25}")
    for cost in costs:
        dearer = max(cost.sender_us, cost.receiver_us)
        print(f"{cost.batch:>6} {cost.sender_us:>10.2f} {cost.receiver_us:>12.2f} {cost.items_per_s:>9.0f} {dearer / busy:>25.3f}")


if __name__ == "__main__":
    if sys.argv[1:] == ["receive"]:
        uvloop.run(receive())
    else:
        main()
