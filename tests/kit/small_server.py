"""A correct chat server of one page, in the process of the test, with faults that a test may switch on.

It speaks enough of the wire protocol for the devices of the checks and keeps everything in memory; `kill` cuts all
connections, `start` listens again on the same port with what it "stored".
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import orjson
from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from actors.naming import direct_room, room_for

Entry = dict[str, Any]
COMMIT_S = 0.02
"""From storing a post to telling of it."""


class SmallServer:
    """Rooms as lists of entries. `faults` names what it does wrong: see the places where it is asked."""

    def __init__(self, faults: frozenset[str] = frozenset()) -> None:
        self._faults = faults
        self._server: Server | None = None
        self._port = 0
        self._logs: dict[str, list[Entry]] = defaultdict(list)
        self._members: dict[str, set[str]] = defaultdict(set)
        self._numbers: dict[tuple[str, str], dict[int, Entry]] = defaultdict(dict)
        self._online: dict[ServerConnection, tuple[str, str]] = {}
        self._kills = 0

    def url(self, index: int) -> str:
        """The same edge for everybody."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen."""
        self._server = await serve(self._handle, "127.0.0.1", self._port, compression=None)
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def kill(self) -> None:
        """Cut every connection in the middle of whatever it does, and stop listening."""
        self._kills += 1
        if self._server is not None:
            self._server.close(close_connections=False)
        for connection in list(self._online):
            connection.transport.abort()
        self._online.clear()
        if "forgets the tail" in self._faults:
            for log in self._logs.values():
                kept = len(log) // 2
                for entry in log[kept:]:
                    self._numbers[entry["room"], entry["device"]].pop(entry["n"], None)
                del log[kept:]
        if "forgets who sent what" in self._faults:
            self._numbers.clear()

    async def _handle(self, connection: ServerConnection) -> None:
        try:
            token = orjson.loads(await connection.recv())["token"]
            user, device = token.split(":")[1:3]
            self._online[connection] = (user, device)
            await self._tell(connection, self._welcome(user, device))
            async for text in connection:
                answer = self._frame(connection, user, device, orjson.loads(text))
                if answer is not None:
                    await self._tell(connection, answer)
        except ConnectionClosed:
            pass
        finally:
            self._online.pop(connection, None)

    async def _tell(self, connection: ServerConnection, frame: dict[str, Any]) -> None:
        await connection.send(orjson.dumps(frame), text=True)

    def _welcome(self, user: str, device: str) -> dict[str, Any]:
        rooms = [{"room": room, "head": len(self._logs[room])} for room, members in self._members.items() if user in members]
        if "hides heads" in self._faults and self._kills:
            rooms = []
        session = f"session:small~{device}"
        return {"t": "welcome", "user": user, "device": device, "session": session, "since": 0, "rooms": rooms, "pages": []}

    def _frame(self, connection: ServerConnection, user: str, device: str, frame: dict[str, Any]) -> dict[str, Any] | None:
        kind, room = frame["t"], frame.get("room", "")
        if kind == "post":
            self._post(connection, user, device, frame)
            return None
        if kind == "pull":
            entries = self._logs[room][frame["after"] : frame["after"] + frame["limit"]]
            return {"t": "page", "q": frame["q"], "room": room, "entries": entries, "head": len(self._logs[room])}
        if kind == "direct":
            room = direct_room(user, frame["user"])
            self._members[room] |= {user, frame["user"]}
        elif kind == "create":
            room = room_for(user, frame["key"])
            self._members[room] |= {user, *frame["members"]}
        elif kind == "join":
            self._members[room].add(user)
        else:
            return None
        return {"t": "ok", "q": frame["q"], "result": {"room": room}}

    def _post(self, connection: ServerConnection, user: str, device: str, frame: dict[str, Any]) -> None:
        room, n = frame["room"], frame["n"]
        numbers, log = self._numbers[room, device], self._logs[room]
        entry = numbers.get(n)
        if entry is None:
            entry = {"t": "msg", "room": room, "seq": len(log) + 1, "user": user, "device": device, "n": n, "id": frame["id"]}
            entry["body"] = frame["body"]
            numbers[n] = entry
            log.append(entry)
        # Stored now, told later: a kill falls between the two, as it does where a commit takes its time.
        asyncio.get_running_loop().call_later(COMMIT_S, self._after_commit, connection, entry)

    def _after_commit(self, connection: ServerConnection, entry: Entry) -> None:
        if connection not in self._online:
            return
        sent = {"t": "sent", "room": entry["room"], "n": entry["n"], "seq": entry["seq"], "at": 0}
        broadcast([connection], orjson.dumps(sent), text=True)
        if "drops deliveries" not in self._faults or entry["seq"] % 7:
            members = self._members[entry["room"]]
            others = [other for other, (name, _) in self._online.items() if other is not connection and name in members]
            broadcast(others, orjson.dumps(entry), text=True)
