"""Two cells on Ray whose store is a real Cassandra."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from actors.runtime.view import View
from cluster.stores import open_record
from tests.kit.cassandra import server as database
from tests.kit.ray_server import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("ray"), store=f"{database().url}/ray_{os.getpid()}")
    server.up()
    yield server
    server.run("down")
    assert server.processes() == []


def shared(cells: dict[str, dict[str, Any]]) -> bool:
    """Two cells have all slots but those of rooms with a process of their own."""
    both = [cell for name, cell in cells.items() if name.startswith("cell-")]
    return [cell["slots"] for cell in both] == [2048, 2048] and sum(cell["has_duty"] for cell in cells.values()) == 1


class Person:
    """Somebody with an account, over HTTP."""

    def __init__(self, url: str, name: str) -> None:
        self._client = httpx.Client(base_url=f"{url}api/v1", timeout=20.0)
        made = self._client.post("/accounts", json={"name": name, "password": "correct horse battery"})
        assert made.status_code == 201, made.text
        self._client.headers["Authorization"] = f"Bearer {made.json()['token']}"

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def room(self, name: str) -> str:
        """A new room."""
        made = self._client.post("/rooms", json={"name": name}, headers={"Idempotency-Key": f"room-{name}-000"})
        assert made.status_code == 201, made.text
        return str(made.json()["room"])

    def post(self, room: str, body: str) -> int:
        """Post it, again and again under the same key until it is acknowledged; its number."""
        for _ in range(200):
            try:
                told = self._client.post(f"/rooms/{room}/messages", json={"body": body}, headers={"Idempotency-Key": f"key-{body}"})
            except httpx.TransportError:
                continue  # the cell with its connection has died
            if told.status_code == 201:
                return int(told.json()["seq"])
        raise AssertionError(f"{body} was never acknowledged")

    def history(self, room: str) -> dict[int, str]:
        """All texts, by their numbers."""
        told = self._client.get(f"/rooms/{room}/messages", params={"after": 0, "limit": 200})
        assert told.status_code == 200, told.text
        return {entry["seq"]: entry["body"] for entry in told.json()["entries"] if entry["kind"] == "text"}


def test_what_was_acknowledged_is_there_after_a_cell_was_killed_and_after_all_were(server: Server) -> None:
    before = server.until(shared)
    ann = Person(server.status()["url"], "ann")
    rooms = [ann.room(f"tea-{number}") for number in range(6)]
    sent = {room: {ann.post(room, f"{room}-one"): f"{room}-one"} for room in rooms}
    (dead,) = (name for name, cell in before.items() if cell["has_duty"])
    os.kill(before[dead]["pid"], signal.SIGKILL)
    for room in rooms:
        sent[room][ann.post(room, f"{room}-two")] = f"{room}-two"
    after = server.until(lambda cells: shared(cells) and cells[dead]["pid"] != before[dead]["pid"])
    assert {room: ann.history(room) for room in rooms} == sent
    for cell in after.values():
        os.kill(cell["pid"], signal.SIGKILL)
    server.until(lambda cells: shared(cells) and not {c["pid"] for c in cells.values()} & {c["pid"] for c in after.values()})
    for room in rooms:
        sent[room][ann.post(room, f"{room}-three")] = f"{room}-three"
    assert {room: ann.history(room) for room in rooms} == sent
    ann.close()


def test_every_life_that_ended_is_drained_and_out_of_the_view(server: Server) -> None:
    living = {cell["life"] for cell in server.until(shared).values()}
    record = open_record(server.settings)
    try:
        assert set(record.unsealed()) == living
        view = View.decode(record.view()[1])
        assert {cell.life for cell in view.cells} == living
        assert view.undrained == ()
    finally:
        record.close()


def test_a_room_gets_a_process_of_its_own_and_keeps_its_messages(server: Server) -> None:
    bob = Person(server.status()["url"], "bob")
    room = bob.room("own")
    sent = {bob.post(room, "before"): "before"}
    assert server.run("isolate", room).returncode == 0
    server.until(lambda cells: any(room in name and cell["slots"] for name, cell in cells.items()))
    sent[bob.post(room, "inside")] = "inside"
    assert bob.history(room) == sent
    bob.close()


def test_a_restart_finds_everything(server: Server) -> None:
    ann = Person(server.status()["url"], "eve")
    room = ann.room("kept")
    seq = ann.post(room, "kept")
    ann.close()
    assert server.run("down").returncode == 0
    server.up()
    server.until(shared)
    told = httpx.post(f"{server.status()['url']}api/v1/login", json={"name": "eve", "password": "correct horse battery"})
    headers = {"Authorization": f"Bearer {told.json()['token']}"}
    found = httpx.get(f"{server.status()['url']}api/v1/rooms/{room}/messages", headers=headers, params={"after": 0})
    assert (seq, "kept") in [(entry["seq"], entry.get("body")) for entry in found.json()["entries"]]
