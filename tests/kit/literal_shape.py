"""A server in which every room and every session is a Ray actor of its own, and people with a device each."""

from __future__ import annotations

import asyncio
import os
import signal
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from actors.lines import process_of
from cluster.bench.device import Device
from cluster.bench.dialect import Account
from cluster.bench.history import History
from cluster.bench.seed import seed_accounts
from gateway.client import Client
from tests.kit.ray_server import Server

SHARDS = 4
UNDER_WAY = 8
"""Posts of a device to a room that may be unanswered."""


class Shape:
    """A running server. `take` gives people who have not been there yet."""

    def __init__(self, folder: Path, people: int) -> None:
        self.server = Server(folder)
        self.server.environment |= {
            "WARBLER_ISOLATION": "process",
            "WARBLER_SESSION_PROCESS_SECONDS": "10",
            "WARBLER_POSTS_PER_SECOND": "1000",
            "WARBLER_SPAM_FILTER": "false",
        }
        self._left = [account for (account,) in seed_accounts(self.server.settings.data, people, prefix="user", cells=SHARDS)]
        self.server.up()
        self.http = self.server.status()["url"].rstrip("/")
        self.port = urlsplit(self.http).port or 0
        self.websocket = self.http.replace("http", "ws", 1) + "/ws"

    def take(self, count: int) -> list[Account]:
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    async def cells(self) -> dict[str, dict[str, Any]]:
        return await asyncio.to_thread(self.server.cells)

    async def own(self, kind: str) -> dict[str, dict[str, Any]]:
        """Name -> figures of the cells that one room or one device has for itself, and is in."""
        figure = {"room": "rooms", "session": "sessions"}[kind]
        cells = await self.cells()
        return {name: cell for name, cell in cells.items() if name.startswith(f"{kind}:") and cell.get(figure) == 1}

    async def kill(self, name: str) -> None:
        """The process of this cell dies."""
        os.kill((await self.cells())[name]["pid"], signal.SIGKILL)


class ShapeStage:
    """Two people of it. Implements `tests.kit.protocol_scenes.Stage`."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._alice, bob = shape.take(2)
        self.port, self.url = shape.port, shape.websocket
        self.alice, self.alice_token = self._alice.user, self._alice.token
        self.bob, self.bob_token = bob.user, bob.token

    async def crash(self) -> None:
        """See `Stage`: the process of alice's session."""
        await self._shape.kill(process_of(self._alice.user, self._alice.device))

    async def log_alice_out(self) -> None:
        """See `Stage`."""
        await asyncio.to_thread(self._log_out)

    def _log_out(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", "/api/v1/logout", headers={"Authorization": f"Bearer {self.alice_token}"})
        assert connection.getresponse().status == 204
        connection.close()


class Talk:
    """Many devices that chat in many rooms until they are told to stop."""

    def __init__(self, shape: Shape, accounts: list[Account]) -> None:
        self.history = History()
        self._shape = shape
        self._accounts = accounts
        self.devices = [Device(account, lambda: shape.http, self.history, account.device, 1) for account in accounts]
        self._answers = 0
        self._came = asyncio.Event()
        self._is_over = False

    async def make_rooms(self, count: int, members: int) -> list[str]:
        """Rooms of some of them each; the first is in all."""
        first, *others = [account.user for account in self._accounts]
        rooms = []
        async with Client(self._shape.websocket, self._accounts[0].token) as client:
            for number in range(count):
                chosen = [others[(2 * number + place) % len(others)] for place in range(members - 1)]
                room = (await client.create(f"Room {number}", members=chosen)).room
                rooms.append(room)
                for device in self.devices:
                    if device.account.user in (first, *chosen):
                        device.follow(room)
        return rooms

    async def come(self) -> None:
        """Everybody connects."""
        for device in self.devices:
            device.on_answer = self._answered
            device.start()
        await asyncio.gather(*(device.until(lambda device=device: device.welcomed) for device in self.devices))  # type: ignore[misc]

    async def chat(self, device: Device) -> None:
        """Post to its rooms, one after the other, whether connected or not."""
        number = 0
        while not self._is_over:
            number += 1
            rooms = list(device.rooms)
            room = rooms[number % len(rooms)]
            await device.until(lambda state=device.rooms[room]: len(state.unanswered) < UNDER_WAY)  # type: ignore[misc]
            device.post(room, f"{device.account.user} says {number}")
            if number % 4 == 0:
                await device.until(lambda: not device.unanswered())

    def stop(self) -> None:
        """No new post."""
        self._is_over = True

    async def answers(self, count: int) -> None:
        """Wait for so many more answers to posts."""
        wanted = self._answers + count
        while self._answers < wanted:
            self._came.clear()
            await self._came.wait()

    def _answered(self) -> None:
        self._answers += 1
        self._came.set()

    async def agree(self) -> None:
        """Everybody has everything, without anybody's doing."""
        await asyncio.gather(*(device.until(lambda device=device: not device.unanswered()) for device in self.devices))  # type: ignore[misc]
        heads = {room: max(device.rooms[room].have for device in self.devices if room in device.rooms) for room in self.devices[0].rooms}
        for room, head in heads.items():
            self.history.head(room, head)
        await asyncio.gather(*(device.until(lambda device=device: device.has(heads)) for device in self.devices))  # type: ignore[misc]
        await asyncio.gather(*(device.stop() for device in self.devices))
