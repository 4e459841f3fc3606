"""Rounds of killing for the tests: accounts, a server, a crowd, and the verdict as an assertion."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cluster.bench.crowd import DEVICES, Crowd, Shape
from cluster.bench.judge import explain
from cluster.bench.rounds import Killable, kill_rounds
from cluster.bench.seed import seed_accounts


async def killed_again_and_again(server: Killable, data: Path, shape: Shape, rounds: int, seed: int) -> Crowd:
    """Start the server on a new folder, kill it so often under the load of a crowd, and hold the histories against the promises."""
    accounts = await asyncio.to_thread(seed_accounts, data, shape.accounts, prefix="user", devices=DEVICES, cells=2)
    crowd = Crowd(accounts, server.url, shape, seed)
    try:
        await server.start()
        await crowd.make_rooms()
        crowd.make_devices()
        violations = await kill_rounds(crowd, server, rounds, print)
    finally:
        await crowd.leave()
        await server.kill()
    assert not violations, explain(violations)
    return crowd
