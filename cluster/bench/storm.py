"""A reconnect storm: how much later the others' posts are answered while a crowd that lost its connections comes back at one moment.

One cell with its settings as they are by default; that the connections are lost is not in the window, since mostly another cell
had them. The crowd is a process of its own (`cluster.bench.returning`), so that what is
timed is the server and not this process.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from asyncio import sleep, to_thread
from collections.abc import Iterator
from pathlib import Path

from cluster.bench.lean_client import LoadError
from cluster.bench.load import Result, Told
from cluster.bench.pairs import Pairs
from cluster.bench.plans import ACK, Plan
from cluster.bench.sample import Sample
from cluster.bench.servers import ADMITTING, fresh_cell
from cluster.bench.side import Side

CROWD = 2_000
OTHERS, OTHERS_PER_S = 100, 200.0
"""Users who chat meanwhile, and their posts a second."""
SETTLE_S = 1.0
"""After the loss: the cell has forgotten them."""
STORM = Plan("storm", "2,000 back at once: others' ack p99 over quiet", lambda side: others(side), OTHERS + CROWD, 2.0, figure=ACK)


def others(side: Side) -> Pairs:
    """Those who stay connected, and chat at a fixed rate."""
    return Pairs(side, users=OTHERS, rate=OTHERS_PER_S)


class Crowd:
    """The process of those who come back."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.found: list[dict[str, float]] = []
        """What each storm told: seconds until half, 99 % and all were back, and how many attempts were refused or failed."""

    async def drop(self) -> None:
        """Everybody loses the connection."""
        await self._say("drop")

    async def come(self) -> None:
        """Everybody comes at once; returns when all are back."""
        self.found.append(json.loads(await self._say("come")))

    async def _say(self, word: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return await self._line()

    async def _line(self) -> str:
        assert self._process.stdout is not None
        line = await to_thread(self._process.stdout.readline)
        if not line:
            raise LoadError("the crowd's process ended")
        return line

    async def is_in(self) -> None:
        """Wait until everybody has come in once."""
        await self._line()


@contextlib.contextmanager
def crowd(side: Side) -> Iterator[Crowd]:
    """Start the crowd, and end it."""
    with tempfile.NamedTemporaryFile("w", suffix=".tokens") as tokens:
        tokens.writelines(f"{account.user}\t{account.token}\n" for account in side.accounts[OTHERS:])
        tokens.flush()
        command = [sys.executable, "-m", "cluster.bench.returning", side.target.urls[0], tokens.name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield Crowd(process)
            finally:
                process.kill()


async def storm(folder: Path, core: int | None, rounds: int, seconds: float, told: Told, plan: Plan = STORM) -> Result:
    """Quiet windows and storms in turns. `ours`: the others until all are back, `bare`: the same people before that."""
    result = Result(plan)
    with fresh_cell(plan, folder, core=core, environment=ADMITTING) as side:
        chatting = others(side)
        told("storm: preparing")
        await chatting.prepare()
        with crowd(side) as comers:
            await comers.is_in()
            for number in range(rounds):
                told(f"storm: quiet, round {number + 1}")
                await comers.drop()
                await sleep(SETTLE_S)
                result.bare.append(await chatting.window(seconds))
                told(f"storm: storm, round {number + 1}")
                result.ours.append(_with(await chatting.during(comers.come()), comers.found[-1]))
        await chatting.finish()
    return result


def storm_steps(rounds: int) -> int:
    """How often `storm` calls `told`."""
    return 1 + 2 * rounds


def _with(sample: Sample, found: dict[str, float]) -> Sample:
    sample.extra.update(found)
    return sample
