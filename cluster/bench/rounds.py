"""Rounds of killing everything under load: what a crowd of devices must make of it, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from cluster.bench.crowd import Crowd
from cluster.bench.device import Device
from cluster.bench.judge import Violation

_ANSWERS = (60, 700)
"""Answers to posts after which a round kills, drawn evenly."""
_CUTS = 6
"""How often connections are cut in a round without kills."""
_AFTER_BURST_S = 0.008
"""At most so long after the last burst, drawn evenly, the kill comes: within a commit and what follows it."""
_HELD = (0.0, 0.5, 1.0)
"""Share of the devices that do not repeat their posts until everybody else has everything, drawn a round."""


class Killable(Protocol):
    """A server of one or more processes on one data folder."""

    def url(self, index: int) -> str:
        """The edge for the user with this index."""

    async def start(self) -> None:
        """Start it on its old port and its old data; returns when it listens."""

    async def kill(self) -> None:
        """SIGKILL to all of its processes; returns when none is left."""


class Limits:
    """How long a crowd waits before it calls it a failure, in seconds."""

    load_s = 30.0
    agree_s = 30.0


async def kill_rounds(crowd: Crowd, server: Killable, count: int, told: Callable[[str], None]) -> list[Violation]:
    """`count` rounds on a running server whose crowd has its rooms; the verdict on all of them.

    After each kill nobody posts anew until every device that is present has everything: repair needs no post. The
    devices that are held do not even repeat what is unanswered before that.
    """
    await crowd.come(crowd.present)
    for number in range(1, count + 1):
        await _round(crowd, server, number, told)
    told("those who were away come back")
    await crowd.come(crowd.away)
    await crowd.agree(crowd.devices, Limits.agree_s)
    await crowd.leave()
    return crowd.verdict()


async def _round(crowd: Crowd, server: Killable, number: int, told: Callable[[str], None]) -> None:
    present, share = crowd.present, crowd.rng.choice(_HELD)
    crowd.chat()
    await crowd.answers(crowd.rng.randint(*_ANSWERS), Limits.load_s)
    crowd.burst()
    await asyncio.sleep(crowd.rng.uniform(0.0, _AFTER_BURST_S))
    for device in present:
        device.repeats = crowd.rng.random() >= share
    crowd.hush()
    await server.kill()
    crowd.history.fault(f"all processes killed in round {number}")
    unanswered = sum(device.unanswered() for device in present)
    told(f"round {number}: killed with {unanswered} posts under way, {share:.0%} of the devices held back")
    await server.start()
    async with asyncio.timeout(Limits.agree_s):
        await crowd.come(present)
    await crowd.agree(present, Limits.agree_s)
    for device in present:
        device.release()
    await crowd.answered(present, Limits.agree_s)
    await crowd.agree(present, Limits.agree_s)


async def unrest_rounds(crowd: Crowd, count: int, told: Callable[[str], None]) -> list[Violation]:
    """The same on a server that must not be killed: in each round devices lose their connections at random moments."""
    await crowd.come(crowd.present)
    for number in range(1, count + 1):
        crowd.chat()
        for _ in range(_CUTS):
            await crowd.answers(crowd.rng.randint(1, _ANSWERS[0]), Limits.load_s)
            await _cut(crowd.rng.sample(crowd.present, len(crowd.present) // 3))
        crowd.hush()
        crowd.history.fault(f"connections cut in round {number}")
        told(f"round {number}: {sum(device.unanswered() for device in crowd.present)} posts under way")
        await crowd.answered(crowd.present, Limits.agree_s)
        await crowd.agree(crowd.present, Limits.agree_s)
    await crowd.come(crowd.away)
    await crowd.agree(crowd.devices, Limits.agree_s)
    await crowd.leave()
    return crowd.verdict()


async def _cut(devices: Sequence[Device]) -> None:
    for device in devices:
        await device.stop()
        device.start()
