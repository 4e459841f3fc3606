"""How each server is spoken to: its tokens, its rooms, the frames of a post. The scenarios know no server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import orjson

from actors.naming import direct_room
from cluster.bench.bare import bare_token
from cluster.bench.lean_client import LeanClient, LoadError, connect, text_frame

MSG, SENT = b'msg"', b'sent"'
"""What a delivery and the answer to a post have at `TAG_AT`. The whole tag: other kinds begin alike (`move`)."""
TAG_AT = 6
"""Where the tag starts in ``{"t":"msg",...``, the form that every server here writes."""
CONNECTING_AT_ONCE = 64
"""Connections that are set up side by side."""
_ANSWER_TIMEOUT_S = 30.0
_PAUSE_S = 0.5
"""Before a request is made again, where the server names no time."""
_TRIES = 30
"""Of a request that can succeed later, before that is an error."""
_PAGE = 200
_FETCH_Q = 1_000_000
"""The `q` of pulls that nobody asked for by `Member.ask`."""


class Account(NamedTuple):
    """A user of a server and the token of one device."""

    user: str
    token: str
    device: str = ""
    """The device's id, where it is known beforehand."""


class TurnedAway(LoadError):
    """It can succeed later, and the server says when to come again."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"put off: come again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Member:
    """A connected account. While it is being set up, `ask` waits for answers; then a scenario takes the frames."""

    def __init__(self, client: LeanClient, account: Account) -> None:
        self.client = client
        self.account = account
        # q -> who waits for its answer
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._q = 0
        # whose first posts have come (empty: our own), how many are waited for, and who waits
        self._firsts: set[str] = set()
        self._wanted = 0
        self._all_firsts: asyncio.Future[None] | None = None
        client.on_frame = self._answer

    async def ask(self, frame: dict[str, Any]) -> dict[str, Any]:
        """The server's answer to a request, which is made again where the server says that it can succeed later; `LoadError` where it is refused."""
        for _ in range(_TRIES):
            self._q += 1
            frame["q"] = self._q
            try:
                return await self._wait(self._q, frame)
            except TurnedAway as refusal:
                await asyncio.sleep(refusal.retry_after_s)
        raise LoadError(f"{frame['t']} was put off {_TRIES} times")

    async def greet(self, frame: dict[str, Any]) -> dict[str, Any]:
        """The welcome that answers a `hello`."""
        return await self._wait(0, frame)

    async def _wait(self, q: int, frame: dict[str, Any]) -> dict[str, Any]:
        waiter: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[q] = waiter
        if self.client.gone.done():
            raise LoadError(f"{frame['t']} could not be asked ({self.client.why_gone()})")
        self.client.write(text_frame(orjson.dumps(frame)))
        try:
            answer = await asyncio.wait_for(waiter, _ANSWER_TIMEOUT_S)
        except TimeoutError as error:
            raise LoadError(f"no answer to {frame['t']} ({self.client.why_gone()})") from error
        if answer.get("retry"):
            raise TurnedAway(answer.get("retry_after") or _PAUSE_S)
        if answer["t"] in ("error", "refused"):
            raise LoadError(f"{frame['t']} was refused: {answer}")
        return answer

    async def first_posts(self, count: int) -> None:
        """Wait until so many users' first posts (their `n` is 1) or the answer to our own have come."""
        self._wanted = count
        if len(self._firsts) < count:
            self._all_firsts = asyncio.get_running_loop().create_future()
            try:
                await asyncio.wait_for(self._all_firsts, _ANSWER_TIMEOUT_S)
            except TimeoutError as error:
                raise LoadError(f"{self.account.user} got {len(self._firsts)} of {count} first posts ({self.client.why_gone()})") from error

    def _maybe_first(self, entry: dict[str, Any]) -> None:
        if entry.get("n") == 1:
            self._firsts.add(entry.get("user", ""))
            if self._all_firsts is not None and len(self._firsts) >= self._wanted and not self._all_firsts.done():
                self._all_firsts.set_result(None)

    def _pull_end(self, room: str, head: int) -> None:
        """A room may tell its head instead of its entries to somebody who has just come: then they are fetched."""
        frame = {"t": "pull", "q": _FETCH_Q, "room": room, "after": max(0, head - _PAGE), "limit": _PAGE}
        self.client.write(text_frame(orjson.dumps(frame)))

    def _answer(self, data: bytes, start: int, stop: int) -> None:
        frame = orjson.loads(data[start:stop])
        kind = frame["t"]
        if kind in ("msg", "sent"):
            self._maybe_first(frame)
        elif kind == "head":
            self._pull_end(frame["room"], frame["head"])
        elif kind == "lagging":
            for room, head in frame["heads"].items():
                self._pull_end(room, head)
        elif kind == "page" and frame["q"] == _FETCH_Q:
            for entry in frame["entries"]:
                self._maybe_first(entry)
        elif kind in ("welcome", "ok", "page", "error"):
            waiter = self._asked.pop(frame.get("q", 0), None)
            if waiter is not None and not waiter.done():
                waiter.set_result(frame)


class Dialect(Protocol):
    """What differs between the servers."""

    name: str
    post_tag: bytes
    """Tag of a post to one other user."""
    room_tag: bytes
    """Tag of a post to a room."""

    def accounts(self) -> Sequence[Account]:
        """Those who can log in."""

    def hello(self, account: Account) -> dict[str, Any]:
        """The first frame."""

    async def open_pair(self, a: Member, b: Member) -> tuple[str, str]:
        """Where `a` and where `b` posts to so that the other gets it."""

    async def open_room(self, members: Sequence[Member]) -> str:
        """A room with all of them."""

    def own_mark(self, account: Account) -> bytes:
        """What a room's frame contains that tells this poster that its post is through."""

    def pulls(self, room: str, head: int) -> list[bytes]:
        """Frames that fetch everything up to `head`, one after the other."""

    def entries(self, data: bytes, start: int, stop: int) -> int:
        """How many messages of the past a frame holds."""


class BareDialect:
    """The bare relay: a post goes to a user's name, `say` to all who are online."""

    name = "bare"
    post_tag = b"post"
    room_tag = b"say"

    def __init__(self, prefix: str, count: int) -> None:
        self._accounts = [Account(f"{prefix}{index}", bare_token(prefix, index)) for index in range(count)]

    def accounts(self) -> Sequence[Account]:
        """See `Dialect`."""
        return self._accounts

    def hello(self, account: Account) -> dict[str, Any]:
        """See `Dialect`."""
        return {"t": "hello", "v": 1, "token": account.token}

    async def open_pair(self, a: Member, b: Member) -> tuple[str, str]:
        """See `Dialect`."""
        return b.account.user, a.account.user

    async def open_room(self, members: Sequence[Member]) -> str:
        """See `Dialect`."""
        return "everybody"

    def own_mark(self, account: Account) -> bytes:
        """See `Dialect`."""
        return b'"user":"%b"' % account.user.encode()

    def pulls(self, room: str, head: int) -> list[bytes]:
        """See `Dialect`: the relay pushes all that it has for one request."""
        return [text_frame(b'{"t":"pull"}')]

    def entries(self, data: bytes, start: int, stop: int) -> int:
        """See `Dialect`: one frame, one message."""
        return 1


class WarblerDialect:
    """Warbler's own protocol."""

    name = "warbler"
    post_tag = b"post"
    room_tag = b"post"

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._accounts = list(accounts)

    def accounts(self) -> Sequence[Account]:
        """See `Dialect`."""
        return self._accounts

    def hello(self, account: Account) -> dict[str, Any]:
        """See `Dialect`."""
        return {"t": "hello", "v": 1, "token": account.token, "agent": "warbler-bench"}

    async def open_pair(self, a: Member, b: Member) -> tuple[str, str]:
        """See `Dialect`."""
        await a.ask({"t": "direct", "user": b.account.user})
        room = direct_room(a.account.user, b.account.user)
        return room, room

    async def open_room(self, members: Sequence[Member]) -> str:
        """See `Dialect`."""
        owner = members[0]
        frame = {"t": "create", "key": f"bench-{owner.account.user}", "name": "Load", "public": True, "members": []}
        room = room_of(await owner.ask(frame))
        for first in range(1, len(members), CONNECTING_AT_ONCE):
            group = members[first : first + CONNECTING_AT_ONCE]
            await asyncio.gather(*(member.ask({"t": "join", "room": room}) for member in group))
        return room

    def own_mark(self, account: Account) -> bytes:
        """See `Dialect`."""
        return b'{"t":"sent"'

    def pulls(self, room: str, head: int) -> list[bytes]:
        """See `Dialect`."""
        frames = ({"t": "pull", "q": 1, "room": room, "after": after, "limit": _PAGE} for after in range(0, head, _PAGE))
        return [text_frame(orjson.dumps(frame)) for frame in frames]

    def entries(self, data: bytes, start: int, stop: int) -> int:
        """See `Dialect`: a page of entries."""
        frame = orjson.loads(data[start:stop])
        return len(frame["entries"]) if frame["t"] == "page" else 0


def room_of(answer: dict[str, Any]) -> str:
    """The room that an answer names."""
    room = answer["result"]["room"]
    return str(room["room"] if isinstance(room, dict) else room)


async def join_server(url: str, dialect: Dialect, account: Account) -> Member:
    """Connect and log in, later where the server asks for that."""
    while True:
        member = Member(await connect(url), account)
        try:
            await member.greet(dialect.hello(account))
        except TurnedAway as refusal:
            await asyncio.sleep(refusal.retry_after_s)
        else:
            return member
