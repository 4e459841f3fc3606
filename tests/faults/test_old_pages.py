"""A hundred people who read different old pages do not hold up a post."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
import uvloop

from cluster.bench.seed import seed_accounts
from cluster.bench.servers import UNLIMITED
from tests.faults.scene import Cell, make_folder
from tests.kit.raw import Raw
from tests.kit.stocked import full_room, load

pytestmark = pytest.mark.slow

LIMIT_S = 90.0
READERS = 100
PULLS = 20
"""Pages that each reader asks for at once, none of them twice."""
PAGE = 100
LENGTH = READERS * PULLS * 10
ROOM = "oldpages"
POSTS = 20


def test_posts_go_on_while_a_hundred_people_read_old_pages(tmp_path: Path) -> None:
    async def run() -> None:
        make_folder(tmp_path)
        accounts = [devices[0] for devices in seed_accounts(tmp_path, READERS + 1, prefix="user")]
        load(tmp_path, full_room(ROOM, [account.user for account in accounts], LENGTH))
        server = Cell(tmp_path, UNLIMITED)
        await server.start()
        try:
            async with asyncio.timeout(LIMIT_S):
                await read_and_post(server.url(0), [account.token for account in accounts])
        finally:
            await server.kill()

    uvloop.run(run())


class Reader:
    """Somebody who scrolls: page after page, each another one than anybody reads."""

    def __init__(self, raw: Raw, number: int) -> None:
        self.raw = raw
        self._number = number
        self.pages = 0

    async def scroll(self) -> None:
        """Read all of them."""
        for q in range(1, PULLS + 1):
            after = (q * READERS + self._number) * 10 % (LENGTH - PAGE)
            page = await self.raw.ask({"t": "pull", "q": q, "room": ROOM, "after": after, "limit": PAGE})
            assert [entry["seq"] for entry in page["entries"]] == list(range(after + 1, after + PAGE + 1))
            self.pages += 1


async def read_and_post(url: str, tokens: list[str]) -> None:
    """Everybody scrolls; meanwhile one posts, and waits for each answer."""
    readers = [Reader(await Raw.log_in(url, token), number) for number, token in enumerate(tokens[:READERS])]
    poster = await Raw.log_in(url, tokens[READERS])
    start = time.perf_counter()
    scrolling = [asyncio.create_task(reader.scroll()) for reader in readers]
    waits = []
    for n in range(1, POSTS + 1):
        sent_at = time.perf_counter()
        poster.say({"t": "post", "room": ROOM, "n": n, "id": f"post-{n:04d}", "body": "now"})
        await poster.hear("sent", n=n)
        waits.append(time.perf_counter() - sent_at)
    read_by_then = sum(reader.pages for reader in readers)
    await asyncio.gather(*scrolling)
    total = sum(reader.pages for reader in readers)
    print(
        f"{POSTS} posts within {sum(waits):.2f} s (slowest {max(waits) * 1000:.0f} ms) while {total} pages of {PAGE} took "
        f"{time.perf_counter() - start:.2f} s; {read_by_then} of them were read when the last post was answered"
    )
    assert read_by_then < total / 2, "posts waited for pages"
    for reader in readers:
        last = await reader.raw.hear("msg", n=POSTS)
        assert last["body"] == "now"
