"""After a skewed start clients are led to where there is room, while they chat: nothing lost, no connection broken."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvloop

from cluster.bench.dialect import Account, room_of
from cluster.bench.history import History
from cluster.bench.judge import explain, judge
from cluster.bench.seed import seed_accounts
from cluster.bench.servers import UNLIMITED
from tests.kit.many import Many
from tests.kit.raw import Raw
from tests.kit.watcher import Watcher

pytestmark = pytest.mark.slow

CLIENTS = 48
EVEN = 1.25
"""No edge has more times the mean."""
LIMIT_S = 60.0


async def make_room(url: str, accounts: Sequence[Sequence[Account]]) -> str:
    """A room of all."""
    owner = await Raw.log_in_when_open(url, accounts[0][2].token)
    frame = {"t": "create", "q": 1, "key": "balanced", "name": "Room", "members": [devices[0].user for devices in accounts[1:]]}
    room = room_of(await owner.ask_until_done(frame))
    await owner.leave()
    return room


async def chat_until_even(devices: Sequence[Watcher], room: str) -> Counter[str]:
    """Everybody posts, again and again; how many each edge has in the end."""
    number = 0
    while True:
        number += 1
        for device in devices:
            device.post(room, f"{device.account.user} says {number}")
        for device in devices:
            await device.until(lambda device=device: not device.unanswered())  # type: ignore[misc]
        counts = Counter(device.life for device in devices)
        if len(counts) == 3 and max(counts.values()) <= EVEN * CLIENTS / 3:
            return counts


def test_clients_that_are_all_on_one_edge_are_led_to_those_that_come_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in UNLIMITED.items():
        monkeypatch.setitem(os.environ, name, value)
    with Many(tmp_path) as many:
        accounts = seed_accounts(many.data, CLIENTS, prefix="user", devices=3)
        many.start("one")
        many.until(lambda: many.serves("one"))
        history = History()

        async def story() -> None:
            room = await make_room(many.urls["one"], accounts)
            devices = [Watcher(mine[0], lambda: many.urls["one"], history, mine[0].device, 1) for mine in accounts]
            for device in devices:
                device.follow(room)
                device.start()
            for device in devices:
                await device.until(lambda device=device: device.welcomed)  # type: ignore[misc]
            assert len({device.life for device in devices}) == 1
            await asyncio.to_thread(many.start, "two", "three")
            began = time.monotonic()
            async with asyncio.timeout(LIMIT_S):
                counts = await chat_until_even(devices, room)
            print(f"even after {time.monotonic() - began:.0f} s: {sorted(counts.values())}; {sum(d.moves for d in devices)} moves")
            head = max(device.rooms[room].head for device in devices)
            for device in devices:
                await device.until(lambda device=device: device.has({room: head}))  # type: ignore[misc]
            assert [device.losses for device in devices] == [0] * CLIENTS
            assert sum(device.moves for device in devices) >= CLIENTS // 3
            history.head(room, head)
            for device in devices:
                await device.stop()

        uvloop.run(story())
        violations = judge(history)
        assert not violations, explain(violations)
