"""Real processes are killed (SIGKILL) at every recorded step of an operation: the next one brings it to its end by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
import uvloop

from cluster.bench.servers import UNLIMITED
from tests.faults.scene import Cell, make_folder
from tests.kit.fault_plan import dies
from tests.kit.raw import Raw

pytestmark = pytest.mark.slow

LIMIT_S = 90.0
PASSWORD = "correct horse"
ROOMS = 3


class Scene:
    """Ann has rooms with Bob; Eve is in none of them."""

    def __init__(self, server: Cell) -> None:
        self.server = server
        self.tokens: dict[str, str] = {}
        self.rooms: list[str] = []

    async def post(self, user: str, path: str, body: dict[str, object], key: str = "") -> httpx.Response:
        """A request in somebody's name."""
        headers = {"Authorization": f"Bearer {self.tokens[user]}"} if user else {}
        if key:
            headers["Idempotency-Key"] = key
        async with httpx.AsyncClient(base_url=self.server.url(0), timeout=30.0) as client:
            return await client.post(path, json=body, headers=headers)

    async def prepare(self) -> None:
        """Accounts and rooms. The rooms have nobody but Ann at first, so that making them is no operation of several steps."""
        for user in ("ann", "bob", "eve"):
            answer = await self.post("", "/api/v1/accounts", {"name": user, "password": PASSWORD})
            self.tokens[user] = answer.json()["token"]
        for number in range(ROOMS):
            room = (await self.post("ann", "/api/v1/rooms", {"name": "Room"}, f"room-000{number}")).json()["room"]
            await self.post("ann", f"/api/v1/rooms/{room}/members", {"user": "bob"})
            self.rooms.append(room)

    async def is_killed_by(self, user: str, path: str, body: dict[str, object], key: str = "") -> None:
        """This request is the last one."""
        with pytest.raises(httpx.TransportError):
            (await self.post(user, path, body, key)).raise_for_status()
            await self.server.died()  # it was answered before the death
            raise httpx.ReadError("died")
        await self.server.died()

    async def members(self, room: str, user: str = "bob") -> set[str]:
        """As somebody in it sees them."""
        async with httpx.AsyncClient(base_url=self.server.url(0), headers={"Authorization": f"Bearer {self.tokens[user]}"}) as client:
            answer = await client.get(f"/api/v1/rooms/{room}/members")
        return {member["user"] for member in answer.json()["members"]}


async def deleted(scene: Scene) -> None:
    """Nobody has to ask again."""
    await scene.is_killed_by("ann", "/api/v1/me/delete", {"password": PASSWORD})
    await scene.server.start()
    bob = await Raw.log_in_when_open(scene.server.url(0), scene.tokens["bob"])
    for q, room in enumerate(scene.rooms, start=1):
        page = await bob.ask_until_done({"t": "pull", "q": q, "room": room, "limit": 100})
        if not any(entry.get("kind") == "leave" for entry in page["entries"]):
            await bob.hear("msg", room=room, kind="leave", user="ann")
        assert await scene.members(room) == {"bob"}
    await bob.leave()
    login = await scene.post("", "/api/v1/login", {"name": "ann", "password": PASSWORD})
    again = await scene.post("", "/api/v1/accounts", {"name": "ann", "password": PASSWORD})
    assert (login.json()["code"], again.json()["code"]) == ("bad_credentials", "name_taken")


async def added(scene: Scene) -> None:
    """Whoever asks again hears how it ended."""
    request = ("ann", "/api/v1/users/eve/rooms", {"rooms": scene.rooms}, "adding-01")
    await scene.is_killed_by(*request)
    await scene.server.start()
    assert (await scene.post(*request)).status_code == 204
    for room in scene.rooms:
        assert await scene.members(room) == {"ann", "bob", "eve"}


async def made(scene: Scene) -> None:
    """The same room, with all its members."""
    request = ("ann", "/api/v1/rooms", {"name": "Tea", "members": ["bob", "eve"]}, "making-01")
    await scene.is_killed_by(*request)
    await scene.server.start()
    answer = await scene.post(*request)
    assert answer.status_code == 201
    assert await scene.members(answer.json()["room"]) == {"ann", "bob", "eve"}


STORIES = {"deleted": deleted, "added": added, "made": made}
DEATHS = [
    *(("deleted", at) for at in ("closing", "leaving", "forgetting", "ended")),
    *(("added", at) for at in ("checking", "adding", "ended")),
    *(("made", at) for at in ("making", "ended")),
]


async def killed(data: Path, story: str, at: str) -> None:
    make_folder(data)
    server = Cell(data, {**UNLIMITED, **dies({at: "recorded"}, data)})
    try:
        async with asyncio.timeout(LIMIT_S):
            await server.start()
            scene = Scene(server)
            await scene.prepare()
            await STORIES[story](scene)
    finally:
        await server.kill()


@pytest.mark.parametrize(("story", "at"), DEATHS)
def test_whatever_was_recorded_when_the_process_was_killed_the_next_one_goes_on_from_there(tmp_path: Path, story: str, at: str) -> None:
    uvloop.run(killed(tmp_path, story, at))
