"""Two people with a server on Ray, and a program that asks rooms and sessions as Ray actors."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from gateway.client import Client
from gateway.client_accounts import Accounts
from tests.kit.ray_server import Server

ROOT = Path(__file__).resolve().parents[2]


class Program:
    """A driver script that somebody has written."""

    def __init__(self, server: Server) -> None:
        command = [sys.executable, str(ROOT / "tests/kit/handle_program.py"), str(server.settings.data)]
        environment = {**server.environment, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.read() == {"value": "ready"}

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def begin(self, expression: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()

    def answer(self, expression: str) -> dict[str, Any]:
        self.begin(expression)
        return self.read()

    def value(self, expression: str) -> Any:
        found = self.answer(expression)
        assert "value" in found, found
        return found["value"]

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(30) == 0


@contextmanager
def talkers_on(folder: Path) -> Iterator[Talkers]:
    """A server with two people and a program, to their end; no process is left."""
    server = Server(folder)
    server.up()
    program = Program(server)
    yield Talkers(server, program)
    program.end()
    server.run("down")
    assert server.processes() == []


class Talkers:
    """A server with two people, a program, and rooms."""

    def __init__(self, server: Server, program: Program) -> None:
        self.server = server
        self.program = program
        accounts = Accounts(server.status()["url"])
        self.url = accounts.websocket_url
        self.tokens = {name: accounts.register(name, "correct horse").token for name in ("anna", "bob")}
        self._keys = count()

    def room(self) -> str:
        """A new room of both."""

        async def make() -> str:
            async with Client(self.url, self.tokens["anna"]) as client:
                return (await client.create(f"Plans {next(self._keys)}", members=["bob"])).room

        return asyncio.run(make())

    def bodies(self, room: str) -> list[str]:
        page = self.program.value(f'ray.get(get_actor("room:{room}").history.remote(limit=200))')
        assert not page["more"]
        return [entry["body"] for entry in page["entries"] if entry["kind"] == "text"]

    def post(self, room: str, body: str) -> None:
        """By anna; it has to succeed."""
        self.program.value(f'ray.get(get_actor("room:{room}").post.remote("anna", "{body}"))')

    def life(self, room: str) -> str:
        found: str = self.program.value(f'ray.get(get_actor("room:{room}").stats.remote())')["life"]
        return found

    def pid(self, life: str) -> int:
        found: int = next(cell["pid"] for cell in self.server.cells().values() if cell.get("life") == life)
        return found
