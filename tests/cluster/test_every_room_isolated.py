"""`isolation = "process"`: ten rooms, each a named Ray actor of its own, while twenty devices talk; one of the actors is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from gateway.client import Client
from gateway.client_accounts import Accounts
from tests.kit.ray_server import Server

pytestmark = pytest.mark.slow
ROOMS = 10
PEOPLE = 20


def own_cells(server: Server) -> dict[str, int]:
    """Room's address -> pid, of those that live in their own process."""
    return {
        name: cell["pid"]
        for name, cell in server.cells().items()
        if name.startswith("room:") and cell["state"] == "serving" and cell.get("slots") == 1
    }


async def talk(server: Server) -> None:
    accounts = Accounts(server.status()["url"])
    names = [f"user{number:02d}" for number in range(PEOPLE)]
    tokens = [accounts.register(name, "correct horse").token for name in names]
    async with asyncio.TaskGroup() as tasks:
        clients = [Client(accounts.websocket_url, token, start="first") for token in tokens]
        for entering in [tasks.create_task(client.__aenter__()) for client in clients]:
            await entering
        rooms = [(await clients[number].create(f"Room {number}", members=names)).room for number in range(ROOMS)]
        while len(own := await asyncio.to_thread(own_cells, server)) < ROOMS:
            pass
        assert own.keys() == {f"room:{room}" for room in rooms}
        assert len(set(own.values())) == ROOMS
        await asyncio.gather(*(client.send(room, f"{client.user} before") for client in clients for room in rooms))
        os.kill(own[f"room:{rooms[0]}"], signal.SIGKILL)
        await asyncio.gather(*(client.send(room, f"{client.user} after") for client in clients for room in rooms))
        wanted = sorted(f"{name} {when}" for name in names for when in ("before", "after"))
        for client in clients[:3]:
            for room in rooms:
                page = await client.history(room, limit=200)
                assert sorted(entry.body for entry in page.entries if entry.kind == "text") == wanted
        while (again := (await asyncio.to_thread(own_cells, server)).get(f"room:{rooms[0]}")) in (None, own[f"room:{rooms[0]}"]):
            assert again is None or again == own[f"room:{rooms[0]}"]
        for client in clients:
            await client.__aexit__(None, None, None)


def test_every_room_is_an_actor_and_the_death_of_one_loses_and_repeats_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.environment |= {"WARBLER_ISOLATION": "process", "WARBLER_POSTS_PER_SECOND": "1000", "WARBLER_SPAM_FILTER": "false"}
    server.up()
    try:
        asyncio.run(asyncio.wait_for(talk(server), 180))
    finally:
        server.run("down")
    assert server.processes() == []
