"""A crowd that has lost its connections and comes back at one moment, in a process of its own, so that it holds up nobody who is timed.

    python -m cluster.bench.returning URL TOKENS

It comes in gently and prints ``in``. For the line ``drop`` on standard input it drops all connections without a word and prints
``gone``; for ``come`` everybody comes back as clients do (asks for the best edge, connects, says hello, waits as it is told), all
at the same moment, and it prints one JSON line when all are back.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import uvloop

from cluster.bench.dialect import CONNECTING_AT_ONCE, Account, WarblerDialect
from cluster.bench.lean_client import LeanClient, LoadError, connect, text_frame
from cluster.bench.load import generator_settings
from cluster.bench.measure import percentile
from cluster.bench.servers import read_accounts

BACKOFF_S = (0.5, 30.0)
"""Pauses without a word of the server double from the first to the second, drawn from the whole, as the protocol says."""
DIAL_S = 10.0
"""For a connection, and for the answer to the question before it."""
NICE = 10
"""The crowd leaves the core to those who are timed."""
_LOOK = b"GET /connect HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"


class Comer:
    """One client."""

    def __init__(self, url: str, account: Account, counts: dict[str, int]) -> None:
        self._url = url
        self._hello = WarblerDialect([]).hello(account)
        self._counts = counts
        self._client: LeanClient | None = None

    def drop(self) -> None:
        """The connection is gone, without a word."""
        if self._client is not None and self._client.transport is not None:
            self._client.transport.abort()

    async def come(self) -> float:
        """Connect until it is welcomed; the moment."""
        attempt = 0
        while True:
            wait_s = await self._try()
            if wait_s is None:
                return time.monotonic()
            backoff_s = random.random() * min(BACKOFF_S[1], BACKOFF_S[0] * 2.0**attempt)
            attempt += 1
            await asyncio.sleep(max(wait_s, backoff_s))

    async def _try(self) -> float | None:
        """None: it is in. Else the seconds that the server wants it to wait."""
        try:
            async with asyncio.timeout(DIAL_S):
                await _ask_where(self._url)
            async with asyncio.timeout(DIAL_S):
                client = self._client = await connect(self._url)
        except (OSError, LoadError, TimeoutError):
            self._counts["failed"] += 1
            return 0.0
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        def on_frame(data: bytes, start: int, stop: int) -> None:
            if not answer.done():
                answer.set_result(orjson.loads(data[start:stop]))

        client.on_frame = on_frame
        client.write(text_frame(orjson.dumps(self._hello)))
        client.gone.add_done_callback(lambda _: answer.cancel())
        await asyncio.wait([answer])
        if answer.cancelled():
            self._counts["failed"] += 1
            return 0.0
        found = answer.result()
        if found["t"] == "welcome":
            self._hello["since"] = found["since"] or 1
            return None
        self.drop()
        self._counts["refused"] += 1
        return float(found.get("retry_after") or 0.0)


async def _ask_where(url: str) -> None:
    """What a client asks before each connection. The answer is not needed: there is one edge."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(_LOOK % parts.netloc.encode())
    try:
        await reader.read()
    finally:
        writer.close()


async def _gently(comers: Sequence[Comer]) -> None:
    for first in range(0, len(comers), CONNECTING_AT_ONCE):
        await asyncio.gather(*(comer.come() for comer in comers[first : first + CONNECTING_AT_ONCE]))


async def _storm(comers: Sequence[Comer], counts: dict[str, int]) -> dict[str, float]:
    counts.update(refused=0, failed=0)
    began = time.monotonic()
    took = [moment - began for moment in await asyncio.gather(*(comer.come() for comer in comers))]
    return {"half_s": percentile(took, 0.5), "most_s": percentile(took, 0.99), "all_s": max(took), **counts}


async def _run(url: str, accounts: Sequence[Account]) -> None:
    counts = {"refused": 0, "failed": 0}
    comers = [Comer(url, account, counts) for account in accounts]
    await _gently(comers)
    print("in", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip() == "drop":
            for comer in comers:
                comer.drop()
            print("gone", flush=True)
        else:
            print(orjson.dumps(await _storm(comers, counts)).decode(), flush=True)


def main() -> None:
    """Serve the lines on standard input."""
    url, tokens = sys.argv[1:]
    os.nice(NICE)
    with generator_settings(False):
        uvloop.run(_run(url, read_accounts(Path(tokens))))


if __name__ == "__main__":
    main()
