"""One server under load with the people who use it; and what every scenario does with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cluster.bench.dialect import CONNECTING_AT_ONCE, Account, Dialect, Member, join_server
from cluster.bench.lean_client import LeanClient, LoadError
from cluster.bench.sample import Sample
from cluster.bench.target import Target

DRAIN_TIMEOUT_S = 20.0
"""What is still under way at the end of a window must arrive within this time, or it is lost."""
_LOOK_S = 0.01


@dataclass(frozen=True, slots=True)
class Side:
    """A server, how it is spoken to, and its accounts."""

    target: Target
    dialect: Dialect

    @property
    def accounts(self) -> Sequence[Account]:
        """Those who can log in."""
        return self.dialect.accounts()


class Scenario(Protocol):
    """A kind of load on one side. `prepare` once, `window` several times, `finish` once."""

    async def prepare(self) -> None:
        """Connect, and make what is needed."""

    async def window(self, seconds: float) -> Sample:
        """Load for `seconds` and measure; nothing is under way when it returns."""

    async def finish(self) -> None:
        """Let the connections go."""


async def gather_members(side: Side, count: int) -> list[Member]:
    """The first `count` accounts, connected."""
    accounts = side.accounts[:count]
    if len(accounts) < count:
        raise LoadError(f"{count} accounts are needed, {side.dialect.name} has {len(accounts)}")
    members: list[Member] = []
    for first in range(0, count, CONNECTING_AT_ONCE):
        group = range(first, min(count, first + CONNECTING_AT_ONCE))
        members += await asyncio.gather(*(join_server(side.target.url(index), side.dialect, accounts[index]) for index in group))
    return members


async def dismiss(clients: Sequence[LeanClient]) -> None:
    """Close all, and wait until the server has let them go."""
    for client in clients:
        client.close()
    if clients:
        await asyncio.wait([client.gone for client in clients], timeout=DRAIN_TIMEOUT_S)


async def drained(done: Callable[[], bool], clients: Sequence[LeanClient], what: Callable[[], str]) -> None:
    """Wait until `done()`; `LoadError` with what is missing where it does not come to that."""
    end = asyncio.get_running_loop().time() + DRAIN_TIMEOUT_S
    while not done():
        check_connected(clients)
        if asyncio.get_running_loop().time() > end:
            raise LoadError(f"not everything arrived within {DRAIN_TIMEOUT_S:.0f} s: {what()}")
        await asyncio.sleep(_LOOK_S)


def check_connected(clients: Sequence[LeanClient]) -> None:
    """Raise what ended a connection that should stand."""
    for client in clients:
        if client.gone.done():
            client.gone.result()
            raise LoadError("a connection ended in the middle of a window")
