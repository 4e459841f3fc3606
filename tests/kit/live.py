"""The real core over a store in memory, behind a real front, on the loop of the test: what clients are tested against."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from hashlib import sha256
from typing import Any, TypeVar

import uvloop

from actors.chat_cell import ChatCell, Edges
from actors.errors import ChatError
from actors.messages.user import Grant, LogIn, LogOut, Register, SetProfile
from actors.ports import AllowAll, Verdicts
from actors.runtime.actor import ActorId, actor_id
from actors.runtime.ring import SLOTS
from actors.session_ports import SessionLimits
from gateway.arrivals import Arrivals, Doorkeeper
from gateway.front import Front
from gateway.loop_clock import LoopClock
from gateway.tickets import EdgeTickets
from gateway.wire import encode, frame_text
from tests.kit.asgi import plain_app
from tests.kit.chat import GENEROUS, make_view
from tests.kit.memory import MemoryDisk, MemoryStore

T = TypeVar("T")


def token(user: str, device: str = "d1") -> str:
    """The token of a device of this server."""
    return f"{user}/{device}/secret"


def read_token(text: str) -> tuple[str, bytes]:
    """The user is in the token."""
    user, slash, _ = text.partition("/")
    if not slash:
        raise ChatError("bad_token")
    return user, sha256(text.encode()).digest()


class Live:
    """One server. `kill` ends a life as a crash does, `start` begins the next one on the same store and port."""

    def __init__(
        self, *, limits: SessionLimits = GENEROUS, verdicts: Verdicts | None = None, app: Any = plain_app, arrivals: Arrivals | None = None
    ) -> None:
        self._limits = limits
        self._verdicts = verdicts or AllowAll()
        self._app = app
        self.tickets = EdgeTickets(b"the secret of the test", time.time)
        self._admit = Doorkeeper(arrivals or Arrivals(1e6, 1e6), lambda text: read_token(text)[0], self.tickets, time.monotonic).admit
        self._disk = MemoryDisk()
        self._lives = 0
        self.port = 0
        self.tls: ssl.SSLContext | None = None
        self.front: Front
        self.chat: ChatCell

    @property
    def url(self) -> str:
        return f"ws{'s' if self.tls else ''}://127.0.0.1:{self.port}/ws"

    @property
    def other_url(self) -> str:
        """The same server at its second port."""
        return self.url.replace(f":{self.port}/", f":{self.front.own_port}/")

    async def start(self) -> None:
        """A new life."""
        self._lives += 1
        life, clock = f"life{self._lives}", LoopClock(asyncio.get_running_loop())
        edges = Edges(encode, frame_text, read_token, self._verdicts, self._limits, 10_000, tickets=self.tickets)
        self.chat = ChatCell(life, clock, MemoryStore(self._disk, life, soon=clock.soon), edges)
        self.chat.adopt(make_view(self._lives, [life], [0] * SLOTS, None))
        self.front = Front(self.chat.sessions, self._app, admit=self._admit)
        await self.front.start("127.0.0.1", self.port, self.tls, own_port=0)
        self.port = self.front.port

    async def kill(self) -> None:
        """All connections break, nothing is said, nothing that is not committed survives."""
        self._disk.seal(self.chat.life)
        for connection in list(self.front._hub.connections):
            connection.abort()
        await self.front.close()
        self.chat.cell.closed = True

    async def stop(self) -> None:
        """The orderly end."""
        await self.front.close()
        self.chat.cell.closed = True

    async def ask(self, to: ActorId, request: Any) -> Any:
        """Ask an actor."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        promise = self.chat.cell.ask(to, request)
        promise.when_settled(lambda settled: answer.set_result(None))
        await answer
        return promise.result()

    async def register(self, *users: str, devices: Iterable[str] = ("d1", "d2")) -> None:
        """Accounts with devices."""
        for user in users:
            await self.ask(actor_id("user", user), Register(user.title(), "-"))
            for device in devices:
                await self.log_in(user, device)

    async def log_in(self, user: str, device: str) -> None:
        digest = read_token(token(user, device))[1]
        await self.ask(actor_id("user", user), LogIn(Grant(user + device, device, digest, 0, digest, 0)))

    async def log_out(self, user: str, device: str) -> None:
        await self.ask(actor_id("user", user), LogOut(user + device))

    async def disable(self, user: str) -> None:
        await self.ask(actor_id("user", user), SetProfile(disabled=True))


def run(main: Callable[..., Coroutine[Any, Any, T]], *args: Any, limit_s: float = 20.0) -> T:
    """Run a test's coroutine on uvloop, within a limit."""

    async def limited() -> T:
        async with asyncio.timeout(limit_s):
            return await main(*args)

    return uvloop.run(limited())


def with_live(main: Callable[[Live], Awaitable[T]], **options: Any) -> T:
    """Run `main(live)` against a started server, and end that."""

    async def around() -> T:
        live = Live(**options)
        await live.start()
        try:
            return await main(live)
        finally:
            await live.stop()

    return run(around)
