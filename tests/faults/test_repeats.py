"""A device that repeats a number with its id is told the same seq: after a restart, a kick, a rejoin, with posts in flight."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pytest
import uvloop

from cluster.bench.servers import UNLIMITED
from tests.faults.scene import Cell, make_accounts
from tests.kit.raw import Raw

pytestmark = pytest.mark.slow

LIMIT_S = 60.0
IN_FLIGHT = 8


class Server(Cell):
    """One cell that can be ended both ways and started again."""

    async def restart(self, how: Literal["killed", "told to end"]) -> None:
        """A crash, or an orderly end that sums every room up."""
        if how == "killed":
            await self.kill()
        else:
            assert self._process is not None
            os.kill(self._process.pid, signal.SIGTERM)
            await self._process.wait()
        await self.start()


class Poster:
    """A device that posts by hand."""

    def __init__(self, url: str, token: str, room: str) -> None:
        self._url = url
        self._token = token
        self._room = room
        self.raw: Raw
        self.seqs: dict[int, int] = {}
        """n -> the seq that was told first."""

    async def connect(self) -> None:
        self.raw = await Raw.log_in(self._url, self._token)

    def post(self, numbers: Iterable[int], ident: str = "post") -> None:
        """All of them in one write."""
        self.raw.say_all({"t": "post", "room": self._room, "n": n, "id": f"{ident}-{n:04d}", "body": f"text {n}"} for n in numbers)

    async def sent(self, numbers: Iterable[int]) -> None:
        """Every number is answered with a seq, the one that was told before where there was one."""
        for n in numbers:
            answer = await self.raw.hear("sent", n=n, room=self._room)
            assert answer["seq"] == self.seqs.setdefault(n, answer["seq"])

    async def refused(self, n: int) -> dict[str, Any]:
        return await self.raw.hear("refused", n=n, room=self._room)

    async def repeat(self, numbers: Iterable[int]) -> None:
        """Post again what was posted."""
        numbers = list(numbers)
        self.post(numbers)
        await self.sent(numbers)

    async def history(self) -> dict[int, tuple[int, str]]:
        """n -> (seq, text) of the member's entries, as the room's log has them."""
        page = await self.raw.ask({"t": "pull", "q": 5, "room": self._room, "after": 0, "limit": 200})
        assert "more" not in page
        mine = [entry for entry in page["entries"] if entry.get("n")]
        found = {entry["n"]: (entry["seq"], entry["body"]) for entry in mine}
        assert len(found) == len(mine), "a number is stored twice"
        return found


async def story(data: Path, how: Literal["killed", "told to end"]) -> None:
    accounts = make_accounts(data, "small")
    server = Server(data, UNLIMITED)
    await server.start()
    try:
        owner = await Raw.log_in(server.url(0), accounts[0][0].token)
        created = await owner.ask({"t": "create", "q": 1, "key": "the-room", "name": "Room", "members": [accounts[1][0].user]})
        room = created["result"]["room"]["room"]
        device = Poster(server.url(0), accounts[1][0].token, room)
        await device.connect()
        first, second = range(1, IN_FLIGHT + 1), range(IN_FLIGHT + 1, 2 * IN_FLIGHT + 1)
        device.post(first)
        await device.sent(first)
        await device.repeat(first)

        device.post(second)  # in flight when the server ends
        await server.restart(how)
        await device.connect()
        await device.repeat(second)
        await device.repeat(first)
        await refusals(device, last=2 * IN_FLIGHT)

        owner = await Raw.log_in(server.url(0), accounts[0][0].token)
        member = {"room": room, "user": accounts[1][0].user}
        third = range(2 * IN_FLIGHT + 1, 3 * IN_FLIGHT + 1)
        device.post(third)
        assert (await owner.ask({"t": "kick", "q": 2, **member}))["t"] == "ok"
        await answered_or_not_a_member(device, third)
        await device.repeat(n for n in range(1, 3 * IN_FLIGHT + 1) if n in device.seqs)
        device.post([max(device.seqs) + 1])
        assert (await device.refused(max(device.seqs) + 1))["code"] == "no_such_room"

        assert (await owner.ask({"t": "invite", "q": 3, **member}))["t"] == "ok"
        await device.repeat(sorted(device.seqs))
        await server.restart(how)
        await device.connect()
        await device.repeat(sorted(device.seqs))
        await refusals(device, last=max(device.seqs))
        following = max(device.seqs) + 1
        await device.repeat(range(following, following + IN_FLIGHT))

        owner = await Raw.log_in(server.url(0), accounts[0][0].token)
        everything = Poster(server.url(0), accounts[0][0].token, room)
        everything.raw = owner
        assert await everything.history() == {n: (seq, f"text {n}") for n, seq in device.seqs.items()}
    finally:
        await server.kill()


async def refusals(device: Poster, last: int) -> None:
    """Another id under a used number, and a hole, are refused as the protocol says."""
    for n in (1, last):
        device.post([n], ident="other")
        refused = await device.refused(n)
        assert (refused["code"], refused["retry"], refused["fields"]["last"]) == ("number_used", False, last)
    device.post([last + 2])
    hole = await device.refused(last + 2)
    assert (hole["code"], hole["retry"], hole["fields"]["n"]) == ("expected", True, last + 1)


async def answered_or_not_a_member(device: Poster, numbers: Iterable[int]) -> None:
    """Posts that a kick met on their way: those before it are stored, those behind it refused."""
    for n in numbers:
        answer = await device.raw.hear("sent", "refused", n=n)
        if answer["t"] == "sent":
            device.seqs[n] = answer["seq"]
        else:
            assert answer["code"] == "no_such_room"


@pytest.mark.parametrize("how", ["killed", "told to end"])
def test_a_repeat_gets_its_seq_after_a_restart_a_kick_and_a_rejoin_and_nothing_else_passes(
    tmp_path: Path, how: Literal["killed", "told to end"]
) -> None:
    async def run() -> None:
        async with asyncio.timeout(LIMIT_S):
            await story(tmp_path, how)

    uvloop.run(run())
