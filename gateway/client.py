"""The SDK: a client for programs.

    async with Client("wss://chat.example/ws", token, state=FileState("bot.json")) as client:
        async for entry in client.entries():
            await client.send(entry.room, entry.body)

It stays connected, repeats what was not answered, and gives every entry to the program once and in order, also after
the program was restarted with the same `state`.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal, Self

import msgspec

from actors import commands as c
from actors import events as e
from actors.errors import ChatError
from gateway.client_link import ClientClosed, Link, Token
from gateway.client_state import FileState, MemoryState, State
from gateway.client_talk import Talk

__all__ = ["ChatError", "Client", "ClientClosed", "FileState", "MemoryState", "State"]

SAVE_INTERVAL_S = 2.0
"""Between two saves of the state, while something changes."""


class Client:
    """One device of an account. Methods raise `ChatError` for what the server refuses and `ClientClosed` once it is over."""

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        state: State | None = None,
        start: Literal["head", "first"] = "head",
        agent: str = "warbler-python",
        tls: ssl.SSLContext | None = None,
        chance: random.Random | None = None,
    ) -> None:
        """`url`: ``ws(s)://HOST/ws``. `start`: a room that `state` does not know begins after its head, or with its first entry."""
        self._url = url
        self._token = token
        self._state = state or MemoryState()
        self._from_first = start == "first"
        self._agent = agent
        self._tls = tls
        self._chance = chance or random.Random()
        self._news = asyncio.Event()
        self._ended: ClientClosed | Exception | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._talk: Talk
        self._link: Link

    async def __aenter__(self) -> Self:
        """Connect, and wait for the welcome. Raises `ClientClosed` where the server does not want us."""
        saved = await asyncio.to_thread(self._state.load)
        self._talk = Talk(saved, from_first=self._from_first, agent=self._agent, chance=self._chance)
        self._link = Link(self._url, self._token, self._talk, tls=self._tls, chance=self._chance)
        self._link.on_frame = self._news.set
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._connect()), loop.create_task(self._save_now_and_then())]
        try:
            while not self._talk.is_welcomed:
                await self._next_news()
            # where new rooms begin is decided now, also for a run that follows a crash of this one
            await asyncio.to_thread(self._state.save, self._talk.saved())
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Save the state and leave. What is not answered by now may be stored or not."""
        await self._stop()
        await asyncio.to_thread(self._state.save, self._talk.saved())

    # --- who and where ---

    @property
    def user(self) -> str:
        """The account's name."""
        return self._talk.user

    @property
    def device(self) -> str:
        """The device that the token belongs to."""
        return self._talk.device

    @property
    def infos(self) -> dict[str, e.RoomInfo]:
        """Rooms that the server has told of so far, by id. All of them: `rooms`."""
        return self._talk.rooms.infos

    def on_room(self, callback: Callable[[e.RoomInfo], None]) -> None:
        """Call back when this person's view of a room changes."""
        self._talk.on_room = callback

    def on_read(self, callback: Callable[[e.ReadMark], None]) -> None:
        """Call back when somebody has read."""
        self._talk.on_read = callback

    def on_notice(self, callback: Callable[[e.Notice], None]) -> None:
        """Called with every word of the operators to this connection."""
        self._talk.on_notice = callback

    # --- messages ---

    async def send(self, room: str, text: str) -> int:
        """Post a text; returns its seq once it is stored. Goes on through reconnects, in the order of the calls."""
        self._check()
        if not 0 < len(text.encode()) <= c.MAX_BODY_BYTES:
            raise ChatError("too_large" if text else "invalid", limit=f"{c.MAX_BODY_BYTES} bytes", reason="body: empty")
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def done(seq: int, error: ChatError | None) -> None:
            _settle(answer, seq, error)

        self._talk.post(room, text, done)
        self._link.poke()
        seq: int = await self._answer(answer)
        return seq

    async def entries(self, *, own: bool = False) -> AsyncIterator[e.Entry]:
        """Every entry of every room, each once, in order within a room. `own`: also what this device has posted.

        An entry is done with when the next one is asked for, or the iteration ends: it is acknowledged then, and not
        given again after a restart.
        """
        rooms = self._talk.rooms
        while True:
            while rooms.ready:
                entry = rooms.ready.popleft()
                try:
                    if own or entry.device != self.device or entry.kind != "text":
                        yield entry
                finally:
                    rooms.done_with(entry)
                self._link.poke()
            rooms = self._talk.rooms
            if not rooms.ready:
                await self._next_news()

    async def history(self, room: str, *, after: int = 0, before: int | None = None, limit: int = 50) -> e.Page:
        """A page of a room's entries: after `after`, or the last ones before `before`."""
        page: e.Page = await self._ask(lambda q: c.Pull(q, room, after, before, limit))
        return page

    def read(self, room: str, seq: int) -> None:
        """The person has read so far. A hint: not repeated where the connection is lost."""
        self._talk.tell(c.Read(room, seq))
        self._link.poke()

    # --- rooms and people ---

    async def create(self, name: str, members: Sequence[str] = (), *, topic: str = "", public: bool = False) -> e.RoomInfo:
        """Make a room."""
        key = secrets.token_urlsafe(12)
        return _room_in(await self._ask(lambda q: c.Create(q, key, name, topic, public, list(members))))

    async def direct(self, user: str) -> e.RoomInfo:
        """The direct chat with a user, new or not."""
        return _room_in(await self._ask(lambda q: c.Direct(q, user)))

    async def invite(self, room: str, user: str) -> None:
        """Make a user a member."""
        await self._ask(lambda q: c.Invite(q, room, user))

    async def add(self, user: str, rooms: Sequence[str]) -> None:
        """Make a user a member of all these rooms, or of none: the error's fields then name the `room` that refused."""
        key = secrets.token_urlsafe(12)
        await self._ask(lambda q: c.Add(q, key, user, list(rooms)))

    async def join(self, room: str) -> e.RoomInfo:
        """Become a member of a public room."""
        return _room_in(await self._ask(lambda q: c.Join(q, room)))

    async def leave(self, room: str) -> None:
        """Stop being a member."""
        await self._ask(lambda q: c.Leave(q, room))

    async def kick(self, room: str, user: str) -> None:
        """Remove a member."""
        await self._ask(lambda q: c.Kick(q, room, user))

    async def role(self, room: str, user: str, role: Literal["owner", "admin", "member"]) -> None:
        """Give a member a role."""
        await self._ask(lambda q: c.SetRole(q, room, user, role))

    async def edit(self, room: str, *, name: str | None = None, topic: str | None = None, public: bool | None = None) -> e.RoomInfo:
        """Change what is not None."""
        return _room_in(await self._ask(lambda q: c.Edit(q, room, name, topic, public)))

    async def members(self, room: str, *, after: str = "", limit: int = 100) -> dict[str, Any]:
        """A page of members: ``{"members": [{user, display, role, read}], "count": n, "more": bool}``."""
        found: dict[str, Any] = await self._ask(lambda q: c.Members(q, room, after, limit))
        return found

    async def rooms(self) -> list[e.RoomInfo]:
        """All rooms of this account."""
        found: list[e.RoomInfo] = []
        more = True
        while more:
            result = await self._rooms_after(found[-1].room if found else "")
            page = msgspec.convert(result["rooms"], list[e.RoomInfo])
            found += page
            more = bool(result.get("more")) and bool(page)
        return found

    async def _rooms_after(self, after: str) -> dict[str, Any]:
        result: dict[str, Any] = await self._ask(lambda q: c.Rooms(q, after, c.MAX_PAGE))
        return result

    async def who(self, user: str) -> dict[str, Any]:
        """``{"user": ..., "display": ...}`` of an account."""
        found: dict[str, Any] = await self._ask(lambda q: c.Who(q, user))
        return found

    # --- inside ---

    async def _ask(self, make: Callable[[int], c.Command]) -> Any:
        self._check()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def settled(result: Any, error: ChatError | None) -> None:
            _settle(answer, result, error)

        q = self._talk.request(make, settled)
        self._link.poke()
        try:
            return await self._answer(answer)
        finally:
            self._talk.forget_request(q)

    async def _answer(self, answer: asyncio.Future[Any]) -> Any:
        try:
            return await answer
        except ChatError:
            # the end of the client says more than the end of a request
            self._check()
            raise

    def _check(self) -> None:
        if self._ended is not None:
            raise self._ended

    async def _next_news(self) -> None:
        self._check()
        self._news.clear()
        await self._news.wait()
        self._check()

    async def _connect(self) -> None:
        try:
            await self._link.run()
        except Exception as error:  # noqa: BLE001 - whatever ended the link is raised to all who wait
            self._end(error)

    async def _save_now_and_then(self) -> None:
        saved = self._talk.saved()
        try:
            while True:
                await asyncio.sleep(SAVE_INTERVAL_S)
                now = self._talk.saved()
                if now != saved:
                    await asyncio.to_thread(self._state.save, now)
                    saved = now
        except Exception as error:  # noqa: BLE001 - a state that cannot be saved is told, not lost
            self._end(error)

    def _end(self, error: Exception) -> None:
        self._ended = self._ended or error
        self._talk.fail(ChatError("unknown_outcome"))
        self._news.set()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._end(ClientClosed(1000, "closed by the program"))


def _settle(answer: asyncio.Future[Any], result: Any, error: ChatError | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)


def _room_in(result: dict[str, Any]) -> e.RoomInfo:
    return msgspec.convert(result["room"], e.RoomInfo)
