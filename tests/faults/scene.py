"""A room and its people before a death: a poster, members who stay, one who is away, and a device that was off all along."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.runtime.view import View
from actors.store.cluster_file import ClusterFile
from cluster.bench.device import Device
from cluster.bench.dialect import Account, room_of
from cluster.bench.history import History, Seen, Shown, digest
from cluster.bench.judge import explain, judge
from cluster.bench.killable import CellProcess
from cluster.bench.seed import seed_accounts
from cluster.data_folder import prepare
from cluster.membership import Membership
from cluster.settings import Settings
from gateway.client import Client
from tests.kit.log_lines import until
from tests.kit.raw import Raw
from tests.kit.watcher import Watcher

Size = Literal["small", "large"]
MEMBERS: dict[Size, int] = {"small": 5, "large": 270}
"""Members of a room: below and above the bound of what is told by member."""
AT_ONCE = 16
"""Requests of one connection at a time: half of what a session takes."""


class Cell(CellProcess):
    """One cell in one process that may kill itself."""

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    async def died(self) -> None:
        """Wait until it is dead."""
        assert self._process is not None
        await self._process.wait()


def make_folder(data: Path, shards: int = 2) -> None:
    """A data folder with so many shards."""
    prepare(Settings(data=data, cells=1, shards=shards))


def make_accounts(data: Path, size: Size, shards: int = 2) -> list[list[Account]]:
    """Accounts for a room: three devices each. The data folder is made with so many shards."""
    make_folder(data, shards)
    return seed_accounts(data, MEMBERS[size], prefix="user", devices=3)


async def make_room(url: str, accounts: Sequence[Sequence[Account]], key: str, size: Size) -> str:
    """A room of all of them; the first is the owner."""
    owner = await Raw.log_in_when_open(url, accounts[0][2].token)
    names = [devices[0].user for devices in accounts[1 : MEMBERS[size]]]
    frame = {"t": "create", "q": 1, "key": key, "name": "Room", "members": names[:200]}
    room = room_of(await owner.ask_until_done(frame))
    for first in range(200, len(names), AT_ONCE):
        group = enumerate(names[first : first + AT_ONCE], start=2)
        await asyncio.gather(*(owner.ask_until_done({"t": "invite", "q": q, "room": room, "user": name}) for q, name in group))
    await owner.leave()
    return room


class Cast:
    """The devices of one room. They follow it from its first entry."""

    def __init__(self, accounts: Sequence[Sequence[Account]], server: Any, room: str, seed: int = 1) -> None:
        self.history = History()
        self.room = room
        self._server = server
        self._accounts = accounts

        def device(user: int, position: int) -> Watcher:
            account = accounts[user][position]
            made = Watcher(account, lambda: str(server.url(0)), self.history, account.device, seed)
            made.follow(room)
            return made

        self.poster = device(0, 0)
        self.stays = [device(1, 0), device(2, 0)]
        self.away = device(3, 0)
        self.off = device(1, 1)
        self._head_then = 0
        self.program_account = accounts[4][0]
        """For a member who is a program made with the SDK."""

    @property
    def devices(self) -> list[Watcher]:
        """All of them."""
        return [self.poster, *self.stays, self.away, self.off]

    async def head(self) -> int:
        """Where the room stands, asked for by an account that has no part in this."""
        raw = await Raw.log_in_when_open(self._server.url(0), self._accounts[0][2].token)
        page = await raw.ask_until_done({"t": "pull", "q": 1, "room": self.room, "after": 0, "limit": 1})
        await raw.leave()
        self.history.head(self.room, int(page["head"]))
        return int(page["head"])

    async def have_all(self, devices: Sequence[Device]) -> int:
        """Start these devices where they are not, wait until they have everything; returns the head."""
        for device in devices:
            device.start()
        head = await self.head()
        await asyncio.gather(*(device.until(lambda device=device: device.has({self.room: head})) for device in devices))  # type: ignore[misc]
        return head

    async def warm_up(self, texts: int = 8) -> None:
        """Everybody but the device that is off has some messages; then one goes away."""
        await self.have_all([self.poster, *self.stays, self.away])
        for number in range(texts):
            self.poster.post(self.room, f"text {number}")
        await self.poster.until(lambda: not self.poster.unanswered())
        await self.have_all([self.poster, *self.stays, self.away])
        await self.away.stop()

    def post_and_be_silent(self, text: str) -> None:
        """Post, and repeat nothing until `release`."""
        self._head_then = self.poster.rooms[self.room].head + 1
        self.poster.post(self.room, text)
        self.poster.repeats = False

    async def all_have(self, text: str) -> None:
        """Those who stayed have it without anybody's doing; then those who were away come, and have it too. The
        poster repeats what was not answered only after that, and is told the same seq."""
        # No look at the room before this: whoever asks the room anything wakes it.
        await asyncio.gather(
            *(device.until(lambda device=device: device.has({self.room: self._head_then})) for device in self.stays)  # type: ignore[misc]
        )
        assert [self.has(device, text) for device in self.stays] == [True, True]
        await self.have_all([self.away, self.off, self.poster])
        before = await self.head()
        self.poster.release()
        await self.poster.until(lambda: not self.poster.unanswered())
        assert await self.head() == before, "a repeat was stored a second time"
        assert [self.has(device, text) for device in (self.away, self.off)] == [True, True]
        await self.leave()
        violations = judge(self.history)
        assert not violations, explain(violations)

    @staticmethod
    def has(device: Device, text: str) -> bool:
        """Whether a device was shown this text."""
        events = device.recorder.history.events
        wanted = digest(text)
        return any(isinstance(event, Shown | Seen) and event.digest == wanted for event in events)

    async def leave(self) -> None:
        """Everybody goes."""
        await asyncio.gather(*(device.stop() for device in self.devices))


class Hasty(random.Random):
    """Draws short waits."""

    def random(self) -> float:
        """A small share of what may be waited for."""
        return 0.05


class Program:
    """A member who is a program made with the SDK: it connects by itself and is given every entry once."""

    def __init__(self, account: Account, url: str) -> None:
        self._client = Client(f"{url.replace('http', 'ws', 1)}/ws", account.token, start="first", chance=Hasty())
        self._came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.seqs: list[int] = []
        self.texts: list[str] = []

    async def __aenter__(self) -> Program:
        await self._client.__aenter__()
        self._task = asyncio.create_task(self._listen())
        return self

    async def _listen(self) -> None:
        async for entry in self._client.entries(own=True):
            self.seqs.append(entry.seq)
            self.texts.append(entry.body)
            self._came.set()

    async def until(self, text: str) -> None:
        """Wait until it was given this text."""
        while text not in self.texts:
            self._came.clear()
            await self._came.wait()

    async def __aexit__(self, *exc: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._client.__aexit__(*exc)


async def connect_through(device: Watcher, life: str) -> None:
    """Connect, again and again, until the cell of this life has the connection: cells share a port."""
    while True:
        device.start()
        await device.until(lambda: device.welcomed)
        if device.life == life:
            return
        await device.stop()


class Map:
    """The stored view of a server."""

    def __init__(self, data: Path) -> None:
        self._cluster = ClusterFile(data)
        self._membership = Membership(self._cluster)
        # cells write down each view that they act on
        self._logs = data / "log"

    def view(self) -> View:
        """As it is now."""
        view = self._membership.view()
        assert view is not None
        return view

    def owner_of(self, room: str) -> str:
        """The life that owns a room."""
        return self.view().owner(slot_of(actor_id("room", room))) or ""

    async def settled(self, cells: int) -> None:
        """Wait until so many cells share the slots and nothing moves."""

        def shared() -> bool:
            view = self.view()
            owners = set(view.owner_lives)
            return len(view.cells) == cells and len(owners) == cells and not view.moves and None not in owners

        await until(shared, self._logs)

    async def changed(self, lost: str) -> None:
        """Wait until a life owns nothing any more."""
        await until(lambda: lost not in self.view().owner_lives and self.view().cell(lost) is None, self._logs)

    def close(self) -> None:
        """Close the file."""
        self._cluster.close()
