"""Cells are replaced and taken off under load: nobody fails to send, nothing is lost, and two versions serve side by side.

The version before is this source tree with every format's number one lower; an upgrade is what it is in life: new files are
put over the old ones, and `warbler roll`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvloop

from cluster.bench.crowd import DEVICES, Crowd, Shape
from cluster.bench.dialect import Account
from cluster.bench.judge import explain
from cluster.bench.killable import free_port
from cluster.bench.load import generator_settings
from cluster.bench.seed import shards_of
from cluster.bench.servers import UNLIMITED
from cluster.places import ROOT
from cluster.settings import Settings
from tests.faults.scene import Program

pytestmark = pytest.mark.slow

CELLS, SHARDS = 2, 8
SHAPE = Shape(users=10, directs=4, groups=2, group_members=4, hall_members=10)
LIMIT_S = 240.0
PACKAGES = ("actors", "gateway", "ml", "cluster")
LOWER: dict[str, tuple[str, str]] = {
    "actors/commands.py": (r"^PROTOCOL_VERSION = (\d+)$", "PROTOCOL_VERSION = {}"),
    "actors/runtime/link.py": (r"^LINK_VERSION = (\d+)$", "LINK_VERSION = {}"),
    "actors/runtime/view.py": (r"^FORMAT = (\d+)$", "FORMAT = {}"),
    "actors/store/migrations.py": (r"^STEPS: (.*), FORMAT_STEP, saga_schema\(\)\)$", r"STEPS: \1, (*FORMAT_STEP, *saga_schema()))"),
    "actors/store/cluster_file.py": (r"^    FORMAT_STEP,\n", ""),
}
"""File -> the line that says its format, and the one of the version before. What its code asks for has to be there, so the last step
of the shards is part of the one before it."""


class Tree:
    """An installation, of this version or of the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for package in PACKAGES:
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "node_modules", "src"))

    def install(self, *, lower: bool) -> None:
        """Put the files of a version over those of the other."""
        for name, (pattern, before) in LOWER.items():
            text = (ROOT / name).read_text()
            if lower:
                found = re.search(pattern, text, re.MULTILINE)
                assert found is not None, f"{name} does not say its format where it did"
                text = re.sub(pattern, before.format(int(found[1]) - 1) if "{}" in before else before, text, flags=re.MULTILINE)
            (self.folder / name).write_text(text)

    def python(self, *arguments: str) -> str:
        """Run Python with this installation."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WARBLER_", "RAY_"))}
        environment = {**kept, **UNLIMITED, "WARBLER_DRAIN_SECONDS": "4", "PYTHONPATH": str(self.folder)}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def formats(self) -> list[int]:
        """What this installation writes: wire, link, view, shards."""
        text = """import json
from actors.commands import PROTOCOL_VERSION as wire
from actors.runtime.link import LINK_VERSION as link
from actors.runtime.view import FORMAT as view
from actors.store.migrations import FORMAT as shards
print(json.dumps([wire, link, view, shards]))"""
        found: list[int] = json.loads(self.python("-c", text))
        return found


class Server:
    """`warbler up` of a tree."""

    def __init__(self, tree: Tree, data: Path) -> None:
        self.tree, self.data, self.port = tree, data, free_port()

    def url(self, index: int) -> str:
        """The common address."""
        return f"http://127.0.0.1:{self.port}"

    def command(self, *arguments: str) -> str:
        """A command on it."""
        return self.tree.python("-m", "cluster.cli", *arguments, "--data", str(self.data))

    def seeded(self) -> list[list[Account]]:
        """Accounts, in a data folder that this tree makes."""
        text = f"""import json
from pathlib import Path
from cluster.bench.seed import seed_accounts
from cluster.data_folder import prepare
from cluster.settings import Settings
prepare(Settings(data=Path({str(self.data)!r}), cells=1, shards={SHARDS}))
print(json.dumps(seed_accounts(Path({str(self.data)!r}), {SHAPE.accounts + 1}, prefix="user", devices={DEVICES})))"""
        return [[Account(*device) for device in devices] for devices in json.loads(self.tree.python("-c", text))]

    def status(self) -> dict[str, Any]:
        """What runs."""
        found: dict[str, Any] = json.loads(self.command("status", "--json"))
        return found

    def pids(self) -> set[int]:
        """Of the cells that serve."""
        return {int(cell["pid"]) for cell in self.status()["cells"] if cell["state"] == "serving"}


class Acks:
    """When posts were answered: the longest gap is what somebody who posts all the time saw."""

    def __init__(self, crowd: Crowd) -> None:
        self.at: dict[str, list[float]] = {}
        for device in crowd.present:
            self.at[device.account.user] = []
            device.on_answer = self._noting(device.on_answer, device.account.user)

    def _noting(self, then: Callable[[], None], user: str) -> Callable[[], None]:
        def note() -> None:
            self.at[user].append(time.monotonic())
            then()

        return note

    def gaps(self, since: float) -> list[float]:
        """The longest of each device, in seconds, in order."""
        return sorted(max((b - a for a, b in itertools.pairwise(times) if b > since), default=0.0) for times in self.at.values())


async def under_load(server: Server, accounts: Sequence[Sequence[Account]], story: Callable[[Crowd], Awaitable[None]]) -> list[float]:
    """A crowd chats, and a program of the SDK listens, while the story happens; the judge has the last word. Returns the gaps."""
    crowd = Crowd(accounts[:-1], server.url, SHAPE, seed=11)
    await crowd.make_rooms()
    crowd.make_devices()
    acks = Acks(crowd)
    async with Program(accounts[0][2], server.url(0)) as program:
        await crowd.come(crowd.present)
        crowd.chat()
        await crowd.answers(200, 30.0)
        since = time.monotonic()
        await story(crowd)
        await crowd.answers(200, 30.0)
        gaps = acks.gaps(since)
        crowd.hush()
        await crowd.answered(crowd.present, 30.0)
        await crowd.come(crowd.away)
        await crowd.agree(crowd.devices, 30.0)
        hall = max(crowd.history.heads)
        assert hall
        assert len(program.seqs) > 0
    await crowd.leave()
    violations = crowd.verdict()
    assert not violations, explain(violations)
    return gaps


def run(folder: Path, story: Callable[[Server, Crowd], Awaitable[None]], *, lower: bool) -> list[float]:
    """Start a server of this version or the one before, let the story happen under load, end it."""
    tree = Tree(folder / "installed")
    tree.install(lower=lower)
    server = Server(tree, folder / "data")
    accounts = server.seeded()
    assert shards_of(server.data) == SHARDS
    server.command("up", "--port", str(server.port), "--cells", str(CELLS), "--detach")
    try:
        with generator_settings(False):  # a collection of the crowd's own garbage would be a gap that everybody sees
            return uvloop.run(under_load(server, accounts, lambda crowd: story(server, crowd)))
    finally:
        server.command("down")
        assert Settings(data=server.data).data.exists()


def test_every_cell_is_replaced_from_the_version_before_to_this_one_and_back(tmp_path: Path) -> None:
    async def story(server: Server, crowd: Crowd) -> None:
        tree = server.tree
        before, old = await asyncio.to_thread(server.pids), await asyncio.to_thread(tree.formats)
        for lower in (False, True):
            tree.install(lower=lower)
            said = await asyncio.to_thread(server.command, "roll")
            assert said.splitlines() == ["supervisor: replaced", "cell-1: replaced", "cell-2: replaced"]
            formats, after = await asyncio.to_thread(tree.formats), await asyncio.to_thread(server.pids)
            assert formats == (old if lower else [number + 1 for number in old])
            assert len(after) == CELLS
            assert before & after == set()
            before = after
            await crowd.answers(100, 30.0)
        assert sum(device.moves for device in crowd.present) >= len(crowd.present)

    gaps = run(tmp_path, story, lower=True)
    print(f"longest gaps between answers, of {len(gaps)} devices: {', '.join(f'{gap:.2f}' for gap in gaps)} s")


def test_a_cell_is_taken_off_and_comes_back(tmp_path: Path) -> None:
    async def story(server: Server, crowd: Crowd) -> None:
        assert await asyncio.to_thread(server.command, "drain", "cell-2") == "cell-2: empty, and ended\n"
        assert len(await asyncio.to_thread(server.pids)) == 1
        await crowd.answers(100, 30.0)
        assert await asyncio.to_thread(server.command, "drain", "cell-2", "--undo") == "cell-2: wanted again\n"
        while len(await asyncio.to_thread(server.pids)) < CELLS:
            await crowd.answers(50, 30.0)
        await crowd.answers(100, 30.0)

    gaps = run(tmp_path, story, lower=False)
    print(f"longest gaps between answers, of {len(gaps)} devices: {', '.join(f'{gap:.2f}' for gap in gaps)} s")
