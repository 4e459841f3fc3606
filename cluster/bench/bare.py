"""The yardstick: a relay of the `websockets` package that keeps nothing.

One process on uvloop, compression off, orjson, a dict of who is online. It speaks the frames of the load
generator: `hello` with a token, `post` to a user, `say` to everybody, `pull` of a list in memory. What it does
for each is the least that a plain program does; what a chat server costs is told as a multiple of it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import orjson
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

READY = "ready"
"""First word of the line that the process prints once it listens; the port follows."""


class Relay:
    """Who may come in, who is online, and what is pushed to those who ask for the past."""

    def __init__(self, tokens: Mapping[str, str], past: int) -> None:
        # token -> user
        self._tokens = dict(tokens)
        # user -> its connection
        self._online: dict[str, ServerConnection] = {}
        # texts that `pull` pushes one by one
        self._past = [_message("past", n, f"past{n:08d}", "p" * 100) for n in range(1, past + 1)]

    async def handle(self, connection: ServerConnection) -> None:
        """One connection, from its first frame to its end."""
        user = self._tokens.get(orjson.loads(await connection.recv())["token"])
        if user is None:
            await connection.close(4001, "bad token")
            return
        self._online[user] = connection
        await connection.send(orjson.dumps({"t": "welcome", "user": user}), text=True)
        async for text in connection:
            await self._frame(connection, user, orjson.loads(text))
        if self._online.get(user) is connection:
            del self._online[user]

    async def _frame(self, connection: ServerConnection, user: str, frame: dict[str, Any]) -> None:
        kind = frame["t"]
        if kind == "post":
            peer = self._online.get(frame["room"])
            if peer is not None:
                await peer.send(_message(user, frame["n"], frame["id"], frame["body"]), text=True)
            await connection.send(orjson.dumps({"t": "sent", "n": frame["n"]}), text=True)
        elif kind == "say":
            broadcast(self._online.values(), _message(user, frame["n"], frame["id"], frame["body"]), text=True)
        elif kind == "pull":
            for text in self._past:
                await connection.send(text, text=True)


def _message(user: str, n: int, ident: str, body: str) -> bytes:
    return orjson.dumps({"t": "msg", "user": user, "n": n, "id": ident, "body": body})


async def run(prefix: str, count: int, past: int) -> None:
    """Serve users ``PREFIX0`` to ``PREFIX(count-1)`` on a free port of this machine until the process ends."""
    relay = Relay({bare_token(prefix, index): f"{prefix}{index}" for index in range(count)}, past)
    async with serve(relay.handle, "127.0.0.1", 0, compression=None, backlog=4096) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(READY, port, flush=True)
        await server.serve_forever()


def bare_token(prefix: str, index: int) -> str:
    """The token of a user of the relay, of the length of a real one."""
    return f"wbl:{prefix}{index}:{index:043d}"


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
