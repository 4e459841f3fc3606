"""The check of histories as a command: on a server of its own that it kills, or on one that runs already."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cluster.bench.crowd import DEVICES, Crowd, Shape
from cluster.bench.dialect import Account
from cluster.bench.judge import Violation, explain
from cluster.bench.killable import CellProcess, RayServer
from cluster.bench.lean_client import LoadError
from cluster.bench.rounds import kill_rounds, unrest_rounds
from cluster.bench.seed import seed_accounts
from cluster.bench.servers import PREFIX, UNLIMITED, read_accounts


class Verdict(NamedTuple):
    """What was found."""

    held: bool
    text: str
    """For people, several lines."""


async def check_own(folder: Path, cells: int, rounds: int, seed: int, told: Callable[[str], None]) -> Verdict:
    """Kill rounds on a server in a new data folder; `cells` on Ray, or (0) one process."""
    shape = Shape()
    with tempfile.TemporaryDirectory(prefix="warbler-check-", dir=folder) as name:
        data = Path(name)
        accounts = seed_accounts(data, shape.accounts, prefix=PREFIX, devices=DEVICES, cells=max(1, cells))
        server = RayServer(data, cells, UNLIMITED) if cells else CellProcess(data, UNLIMITED)
        crowd = Crowd(accounts, server.url, shape, seed)
        try:
            await server.start()
            await crowd.make_rooms()
            crowd.make_devices()
            return _verdict(crowd, await kill_rounds(crowd, server, rounds, told))
        finally:
            await crowd.leave()
            await server.end()


async def check_running(urls: Sequence[str], tokens: Path, rounds: int, seed: int, told: Callable[[str], None]) -> Verdict:
    """Rounds of cut connections on a server that others use too."""
    shape = Shape()
    by_user: dict[str, list[Account]] = {}
    for account in read_accounts(tokens):
        by_user.setdefault(account.user, []).append(account)
    accounts = [devices for devices in by_user.values() if len(devices) >= DEVICES]
    if len(accounts) < shape.accounts:
        raise LoadError(f"{shape.accounts} users with {DEVICES} tokens each are needed; {tokens} has {len(accounts)}")
    crowd = Crowd(accounts, lambda index: urls[index % len(urls)], shape, seed)
    try:
        await crowd.make_rooms()
        crowd.make_devices()
        return _verdict(crowd, await unrest_rounds(crowd, rounds, told))
    finally:
        await crowd.leave()


def _verdict(crowd: Crowd, violations: list[Violation]) -> Verdict:
    entries = sum(crowd.history.heads.values())
    summary = f"{entries:,} entries in {len(crowd.history.heads)} rooms, {len(crowd.devices)} devices, {len(crowd.history.faults)} faults"
    return Verdict(not violations, f"{summary}\n{explain(violations)}")
