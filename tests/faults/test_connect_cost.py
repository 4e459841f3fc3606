"""Connecting costs by what is marked: 1,000 rooms, 10 of them marked, against 10 rooms; and no room is activated by it."""

from __future__ import annotations

import asyncio
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import uvloop

from cluster.bench.measure import cpu_seconds
from cluster.bench.seed import seed_accounts
from cluster.bench.servers import UNLIMITED
from cluster.lonely import only_cell
from cluster.settings import Settings
from tests.faults.scene import Cell, make_folder
from tests.kit.raw import Raw
from tests.kit.stocked import full_room, list_of_rooms, load

pytestmark = pytest.mark.slow

LIMIT_S = 60.0
MARKED = 10
ROOMS = 1_000
LENGTH = 40
CONNECTS = 300
ROUNDS = 3


def stock(data: Path) -> list[tuple[str, str, int]]:
    """Two accounts: many rooms, and few. Returns (user, token, since) of each."""
    make_folder(data)
    accounts = seed_accounts(data, 2, prefix="user")
    found = []
    for (account,), count in zip(accounts, (ROOMS, MARKED), strict=True):
        rooms = [f"{account.user}room{number:04d}" for number in range(count)]
        marked = rooms[:: count // MARKED]
        rows = [row for room in rooms for row in full_room(room, [account.user], LENGTH, marked=[account.user] if room in marked else [])]
        load(data, [*rows, *list_of_rooms(account.user, rooms, marked=marked)])
        found.append((account.user, account.token, count))
    return found


async def connect(url: str, token: str, since: int) -> dict[str, Any]:
    """One connect as a client does it that has been here before; its welcome."""
    raw = await Raw.log_in(url, token, since)
    await raw.leave()
    return raw.frames[0]


def live_actors(url: str) -> dict[str, int]:
    """kind -> active actors, as the server tells its operators."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {kind: int(float(count)) for kind, count in re.findall(r'^warbler_actors\{[^}]*kind="(\w+)"[^}]*\} (\S+)', text, re.MULTILINE)}


def test_a_user_with_a_thousand_rooms_connects_at_the_price_of_the_marked_ones(tmp_path: Path) -> None:
    async def run() -> None:
        people = stock(tmp_path)
        server = Cell(tmp_path, UNLIMITED)
        await server.start()
        try:
            spent: dict[str, list[float]] = {user: [] for user, _, _ in people}
            async with asyncio.timeout(LIMIT_S):
                for _ in range(ROUNDS):
                    for user, token, since in people:
                        before = cpu_seconds([server.pid])
                        for _ in range(CONNECTS // ROUNDS):
                            welcome = await connect(server.url(0), token, since)
                            assert len(welcome["rooms"]) == MARKED
                        spent[user].append((cpu_seconds([server.pid]) - before) / (CONNECTS // ROUNDS))
            actors = await asyncio.to_thread(live_actors, server.url(0))
            assert actors.get("user") == 2
            assert actors.get("room", 0) == 0
            many, few = (min(spent[user]) for user, _, _ in people)
            print(f"server CPU for a connect: {many * 1e6:.0f} us with {ROOMS} rooms, {few * 1e6:.0f} us with {MARKED}: x {many / few:.2f}")
            assert many <= 1.5 * few
        finally:
            await server.kill()

    uvloop.run(run())


def test_the_store_is_asked_the_same_and_gives_the_same_whatever_a_user_has_unmarked(tmp_path: Path) -> None:
    async def run() -> None:
        people = stock(tmp_path)
        counts = []
        async with asyncio.timeout(LIMIT_S), only_cell(Settings(data=tmp_path, port=0, cells=1)) as app:
            url = f"http://127.0.0.1:{await app.open_doors(0)}"
            for _, token, since in people:
                await connect(url, token, since)  # the account is read once, when it is activated
                before = app.store.info()["reads"]
                welcome = await connect(url, token, since)
                entries = sum(len(page["entries"]) for page in welcome["pages"])
                counts.append((app.store.info()["reads"] - before, len(welcome["rooms"]), len(welcome["pages"]), entries))
            assert app.chat.cell.counters.get("live_room", 0) == 0
        print(f"(reads, rooms, pages, entries) of a connect: {counts}")
        assert counts[0] == counts[1]

    uvloop.run(run())
