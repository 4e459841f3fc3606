"""A device that was away for 10,000 messages in 50 rooms gets what it misses, once, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvloop

from cluster.bench.servers import UNLIMITED
from tests.faults.scene import Cell, make_accounts
from tests.kit.raw import Raw

pytestmark = pytest.mark.slow

LIMIT_S = 120.0
ROOMS = 50
BEFORE = 20
MISSED = 200
"""Messages in each room that the device has, and that it misses."""
WINDOW = 50
PAGE = 200
OVERHEAD_BYTES = 400
"""For each page and room beside its entries."""


async def fill(raw: Raw, rooms: list[str], first: int, count: int) -> None:
    """Post so many messages to every room."""
    for start in range(first, first + count, WINDOW):
        numbers = range(start, min(start + WINDOW, first + count))
        for room in rooms:
            raw.say_all({"t": "post", "room": room, "n": n, "id": f"post-{n:05d}", "body": f"message {n} " + "." * 80} for n in numbers)
        for room in rooms:
            for n in numbers:
                await raw.hear("sent", room=room, n=n)
        assert not [frame for frame in raw.frames if frame["t"] == "refused"]


class Returning:
    """A device that knows what it has, pulls what it misses, and counts."""

    def __init__(self, have: dict[str, int]) -> None:
        self.have = have
        self.got: Counter[str] = Counter()
        self.entry_bytes = 0
        self.first_page_s: dict[str, float] = {}

    def take(self, page: dict[str, Any], since_s: float) -> None:
        room = page["room"]
        for entry in page["entries"]:
            assert entry["seq"] == self.have[room] + 1, "not the next one: known already, or a hole"
            self.have[room] = entry["seq"]
            self.got[room] += 1
            self.entry_bytes += len(orjson.dumps(entry))
        self.first_page_s.setdefault(room, time.perf_counter() - since_s)


async def catch_up(url: str, token: str, since: int, have: dict[str, int]) -> tuple[Returning, dict[str, Any], int, float]:
    """Connect and pull everything; first one page of every room, as a person wants it."""
    device, start = Returning(dict(have)), time.perf_counter()
    raw = await Raw.log_in(url, token, since)
    welcome = raw.frames.pop(0)
    heads = {info["room"]: info["head"] for info in welcome["rooms"] if info.get("marked")}
    for page in welcome["pages"]:
        device.take(page, start)
    order = [info["room"] for info in welcome["rooms"] if info["room"] in heads]
    while behind := [room for room in order if device.have[room] < heads[room]]:
        for some in (behind[at : at + 16] for at in range(0, len(behind), 16)):
            raw.say_all(
                {"t": "pull", "q": q, "room": room, "after": device.have[room], "limit": PAGE} for q, room in enumerate(some, start=1)
            )
            for q in range(1, len(some) + 1):
                device.take(await raw.hear("page", q=q), start)
    took_s = time.perf_counter() - start
    size = raw.client.bytes_in
    await raw.leave()
    return device, welcome, size, took_s


async def acknowledge(url: str, token: str, since: int, have: dict[str, int]) -> None:
    """The device says what it has, and goes."""
    raw = await Raw.log_in(url, token, since)
    raw.say_all({"t": "ack", "room": room, "seq": seq} for room, seq in have.items())
    await raw.still_there()
    assert not [frame for frame in raw.frames if frame["t"] == "error"]
    await raw.leave()


async def story(data: Path) -> None:
    accounts = make_accounts(data, "small")
    server = Cell(data, UNLIMITED)
    await server.start()
    try:
        url = server.url(0)
        poster = await Raw.log_in(url, accounts[0][0].token)
        rooms = []
        for number in range(ROOMS):
            frame = {"t": "create", "q": 1, "key": f"room-{number:04d}", "name": f"Room {number}", "members": [accounts[1][0].user]}
            rooms.append((await poster.ask(frame))["result"]["room"]["room"])
        await fill(poster, rooms, 1, BEFORE)
        first, welcome, _, _ = await catch_up(url, accounts[1][0].token, 0, dict.fromkeys(rooms, 0))
        assert set(first.got) == set(rooms)
        assert set(first.got.values()) == {BEFORE + 1}
        await acknowledge(url, accounts[1][0].token, welcome["since"], first.have)

        await fill(poster, rooms, BEFORE + 1, MISSED)
        second, _, size, took_s = await catch_up(url, accounts[1][0].token, welcome["since"], first.have)
        assert second.got == dict.fromkeys(rooms, MISSED)
        pages = ROOMS * (1 + -(-MISSED // PAGE))
        assert size <= second.entry_bytes + OVERHEAD_BYTES * pages
        print(
            f"{second.got.total()} entries in {ROOMS} rooms: {size} bytes ({second.entry_bytes} of entries) in {took_s:.2f} s, "
            f"first page of each room within {max(second.first_page_s.values()):.2f} s"
        )

        await acknowledge(url, accounts[1][0].token, welcome["since"], second.have)
        again = await Raw.log_in(url, accounts[1][0].token, welcome["since"])
        assert again.frames[0]["pages"] == [], "a device that has said that it has all is sent entries"
        await again.leave()
    finally:
        await server.kill()


def test_a_device_that_was_away_for_ten_thousand_messages_gets_only_what_it_misses(tmp_path: Path) -> None:
    async def run() -> None:
        async with asyncio.timeout(LIMIT_S):
            await story(tmp_path)

    uvloop.run(run())
