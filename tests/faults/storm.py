"""A crowd that chats while something is broken, and what came of it: the frame of every scenario."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from cluster.bench.crowd import DEVICES, Crowd, Shape
from cluster.bench.dialect import Account
from cluster.bench.judge import explain
from cluster.bench.lean_client import LoadError
from cluster.bench.seed import seed_accounts
from tests.faults.gauge import Gauge, Report

LOAD = Shape(users=12, directs=8, groups=4, pause_s=(0.02, 0.2))
"""About 300 posts a second: what two cores carry with room for measuring."""
BEFORE, AFTER = 200, 200
"""Answers to posts before the fault, and after all rooms are back."""
BACK_S = 60.0
"""For every room to come back."""


class Server(Protocol):
    """What is broken, and mended again."""

    def url(self, index: int) -> str:
        """The edge for the user with this index; another one when asked again."""

    async def heal(self) -> None:
        """Start what has ended; returns when all is as before."""

    def story(self) -> str:
        """What it said last, for a failure."""


class Seats:
    """Accounts of a new folder, each given once: every scenario has people of its own."""

    def __init__(self, data: Path, accounts: int, shards: int, secrets: Path | None = None, store: str = "") -> None:
        self._left = seed_accounts(data, accounts, prefix="user", devices=DEVICES, cells=shards, secrets=secrets, store=store)

    def take(self, count: int) -> list[list[Account]]:
        """So many users."""
        taken, self._left = self._left[:count], self._left[count:]
        return taken


class Storm:
    """One scenario on a running server."""

    def __init__(self, name: str, server: Server, accounts: Sequence[Sequence[Account]], *, shape: Shape = LOAD, seed: int = 1) -> None:
        self.name = name
        self.gauge = Gauge()
        self.crowd = Crowd(accounts[: shape.accounts], server.url, shape, seed, self.gauge)
        self.accounts = accounts
        """The crowd's users, then others."""
        self._server = server
        self.figures: dict[str, float] = {}
        """What a scenario measures beside what all measure, by name."""

    def edge(self, index: int) -> Callable[[], str]:
        """Where a client connects, and again where it is lost."""
        return lambda: self._server.url(index)

    @property
    def rooms(self) -> list[str]:
        """All rooms."""
        return self.crowd.rooms

    @property
    def put_off(self) -> int:
        """Answers so far that said that a post can succeed later."""
        return sum(device.put_off for device in self.crowd.devices)

    def hit(self, what: str, rooms: Collection[str]) -> None:
        """The fault is done now, and these rooms feel it."""
        self.gauge.hit(what, rooms)

    async def back(self) -> None:
        """Wait until all rooms that were hit are back."""
        try:
            await self.gauge.all_back(BACK_S)
        except TimeoutError as error:
            missing = sorted(self.gauge.hit_rooms - self.gauge.back.keys())
            who = [
                f"{room}: {device.account.user} at {device.life}, {len(device.rooms[room].unanswered)} unanswered"
                for room in missing
                for device in self.crowd.present
                if room in device.rooms
            ]
            raise LoadError(f"rooms are not back: {'; '.join(who)}\n{self._server.story()}") from error

    async def goes_on(self, answers: int = AFTER) -> None:
        """Wait for so many more answers."""
        await self.crowd.answers(answers, BACK_S)

    async def _make_rooms(self) -> None:
        """What an earlier fault left behind may still end an edge: then what is missing is made at another one."""
        while True:
            try:
                return await self.crowd.make_rooms()
            except (LoadError, ConnectionError) as error:
                print(f"{self.name}: rooms are made again: {error}\n{self._server.story()}")
                await self._server.heal()

    async def play(self, fault: Callable[[], Awaitable[None]]) -> Report:
        """Chat, break, chat on, mend, compare; prints the figures, and fails on a broken promise."""
        crowd = self.crowd
        try:
            async with asyncio.timeout(BACK_S):
                await self._make_rooms()
                crowd.make_devices()
                await crowd.come(crowd.present)
            crowd.chat()
            self.gauge.begin()
            await self.goes_on(BEFORE)
            await fault()
            await self.back()
            await self.goes_on()
            self.gauge.end()
            crowd.hush()
            await self._server.heal()
            await crowd.answered(crowd.present, BACK_S)
            await crowd.agree(crowd.present, BACK_S)
            await crowd.come(crowd.away)
            await crowd.agree(crowd.devices, BACK_S)
        finally:
            await crowd.leave()
        # In a thread: judging takes seconds, and the network between the cells may be of this loop. They would take each other for dead.
        report, violations = await asyncio.to_thread(self.gauge.report, self.name, crowd.devices, self.figures)
        print(report)
        assert not violations, explain(violations)
        return report
