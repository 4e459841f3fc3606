"""A device as a good client is: it repeats what was not answered, pulls what it misses, and writes its history down.

It lives through as many connections as it takes; what it knows (its numbers, what it has, what is unanswered) is
what a client keeps on its disk. The checks of histories drive many of these.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import orjson

from actors.runtime.actor import ActorId, life_of
from cluster.bench.device_state import RoomState, Unanswered
from cluster.bench.dialect import Account
from cluster.bench.history import History, Recorder
from cluster.bench.lean_client import LeanClient, LoadError, connect, text_frame

_ACK_EVERY = 8
"""Entries between two acknowledgements: often enough that marks are cleared, far from one each."""
_PAGE = 100
_MOMENT, _WELCOME_S = 0.8, 20.0
"""The part of the time to move within which it draws its moment, and how long it waits for the welcome."""
_RETRY_S = (0.02, 0.2)
"""Before the next attempt to connect, drawn evenly: a server that starts is not met by all at once."""


class Device:
    """One device. `start` and `stop` as often as wanted; `history` goes on."""

    def __init__(self, account: Account, url: Callable[[], str], history: History, name: str, seed: int) -> None:
        self.account = account
        self.recorder: Recorder = history.device(account.user, name)
        self.rooms: dict[str, RoomState] = {}
        # False: after a reconnect nothing is repeated until `release`
        self.repeats = True
        # called with each answer to a post
        self.on_answer: Callable[[], None] = _nothing
        # how often it was welcomed, and how many answers said that a post can succeed later
        self.welcomes = 0
        self.put_off = 0
        # of its present connection, as the welcome named it
        self.session = ActorId("")
        # what went wrong that must not go wrong
        self.failure: Exception | None = None
        self._url = url
        self._name = name
        self._rng = random.Random(f"{seed}/{name}")
        self._since = 0
        self._client: LeanClient | None = None
        self._welcomed = False
        self._task: asyncio.Task[None] | None = None
        self._moving: asyncio.Task[None] | None = None
        self.moves = 0
        """How often it went to another edge because it was asked to."""
        self.losses = 0
        """How often its connection ended otherwise."""
        self._progress = asyncio.Event()
        # what the server, full as it was, told this device to wait for
        self._come_again_s = 0.0

    def follow(self, room: str, first: int = 1) -> None:
        """Take part in a room: at the end this device must have everything from `first` on."""
        self.rooms[room] = RoomState(have=first - 1)
        self.recorder.must_have(room, first)

    # --- life ---

    def start(self) -> None:
        """Connect, and again whenever the connection is lost, until `stop`."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._live())

    async def stop(self) -> None:
        """Go away without a good-bye, as a device that loses its power does."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    async def _live(self) -> None:
        try:
            while self.failure is None:
                try:
                    await self._one_connection()
                except (OSError, LoadError):
                    # The server is away, or was killed under this connection: what the next attempt is for.
                    self.losses += self._welcomed
                    self._welcomed = False
                wait_s, self._come_again_s = max(self._rng.uniform(*_RETRY_S), self._come_again_s), 0.0
                await asyncio.sleep(wait_s)
        finally:
            self._hang_up()

    async def _one_connection(self) -> None:
        self._client = await connect(self._url())
        self._client.on_frame = self._frame
        for state in self.rooms.values():
            state.pulling = False
        self._write(self._hello())
        while True:
            client = self._client
            await asyncio.wait([client.gone])
            if self._moving is not None:
                await asyncio.wait([self._moving])
            if client is self._client:
                raise LoadError(client.why_gone())

    def _hello(self, ticket: str = "") -> dict[str, Any]:
        hello = {"t": "hello", "v": 1, "token": self.account.token, "since": self._since, "agent": "warbler-check"}
        return {**hello, "ticket": ticket} if ticket else hello

    def _hang_up(self) -> None:
        self._welcomed = False
        if self._moving is not None:
            self._moving.cancel()
        if self._client is not None and self._client.transport is not None:
            self._client.transport.abort()

    # --- posting ---

    def post(self, room: str, body: str) -> None:
        """Post now, or as soon as there is a connection."""
        state = self.rooms[room]
        state.n += 1
        post = Unanswered(state.n, f"{self._rng.getrandbits(96):024x}", body)
        state.unanswered.append(post)
        if self._welcomed and self.repeats:
            self._send(room, post)

    def unanswered(self) -> int:
        """Posts without an answer, in all rooms."""
        return sum(len(state.unanswered) for state in self.rooms.values())

    def release(self) -> None:
        """Repeat what is unanswered from now on."""
        if not self.repeats:
            self.repeats = True
            self._repeat_all()

    def _repeat_all(self) -> None:
        if self._welcomed and self.repeats:
            for room in self.rooms:
                self._repeat(room)

    def _repeat(self, room: str) -> None:
        for post in self.rooms[room].unanswered:
            self._send(room, post)

    def _send(self, room: str, post: Unanswered) -> None:
        self.recorder.sent(room, post.n, post.id, post.body)
        self._write({"t": "post", "room": room, "n": post.n, "id": post.id, "body": post.body})

    def _write(self, frame: dict[str, Any]) -> None:
        client = self._client
        if client is not None and not client.gone.done():
            client.write(text_frame(orjson.dumps(frame)))

    # --- waiting ---

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition()` of this device holds; raises what went wrong with it."""
        while not condition():
            if self.failure is not None:
                raise self.failure
            self._progress.clear()
            await self._progress.wait()

    def has(self, heads: dict[str, int]) -> bool:
        """Whether it has everything up to these seqs of its rooms."""
        return all(self.rooms[room].have >= head for room, head in heads.items() if room in self.rooms)

    def lacks(self, heads: dict[str, int]) -> str:
        """For people: what `has` finds missing."""
        rooms = {room: head for room, head in heads.items() if room in self.rooms and self.rooms[room].have < head}
        parts = [f"{room} has {self.rooms[room].have} of {head}" for room, head in rooms.items()]
        return f"{self._name} ({'logged in' if self._welcomed else 'not logged in'}): {', '.join(parts)}"

    @property
    def life(self) -> str:
        """The life of the cell that it is connected to."""
        return life_of(self.session) or ""

    def give_up(self) -> None:
        """Leave this connection, as a client does that hears nothing any more, and connect again."""
        if self._client is not None and self._client.transport is not None:
            self._client.transport.abort()

    @property
    def welcomed(self) -> bool:
        """Whether it is logged in now."""
        return self._welcomed

    def _changed(self) -> None:
        self._progress.set()

    # --- frames ---

    def _frame(self, data: bytes, start: int, stop: int) -> None:
        frame = orjson.loads(data[start:stop])
        handler = _HANDLERS.get(frame["t"])
        if handler is None:
            return
        try:
            handler(self, frame)
        except (LoadError, LookupError, TypeError, ValueError) as error:
            # The loop would close the connection and go on; a frame that should not be is the end of the check.
            self.failure = error
            self._hang_up()
        self._changed()

    def _on_welcome(self, frame: dict[str, Any]) -> None:
        self._welcomed = True
        self.session = ActorId(frame["session"])
        self.welcomes += 1
        # Entries name it; the list of accounts need not have known it.
        self.recorder.history.device = frame["device"]
        for info in frame["rooms"]:
            if info["room"] in self.rooms:
                state = self.rooms[info["room"]]
                state.head = max(state.head, info.get("head", 0))
        for page in frame["pages"]:
            self._take(page)
        self._since = frame["since"]
        for room in self.rooms:
            self._maybe_pull(room)
        self._repeat_all()

    def _on_move(self, frame: dict[str, Any]) -> None:
        if self._moving is None:
            self._moving = asyncio.ensure_future(self._move(frame))
            self._moving.add_done_callback(self._moved)

    def _moved(self, task: asyncio.Task[None]) -> None:
        self._moving = None
        if not task.cancelled() and not isinstance(task.exception(), OSError | LoadError | TimeoutError | None):
            self.failure = self.failure or LoadError(f"{self._name} could not move: {task.exception()!r}")

    async def _move(self, frame: dict[str, Any]) -> None:
        """The new connection is welcomed before the old one is left; without success it stays where it is."""
        await asyncio.sleep(self._rng.uniform(0, _MOMENT * frame["within"]))
        client = await connect(frame["urls"][0].replace("ws", "http", 1).removesuffix("/ws"))
        welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def first(data: bytes, start: int, stop: int) -> None:
            answer = orjson.loads(data[start:stop])
            if answer.get("retry"):
                return  # it stays where it is
            if answer["t"] != "welcome" or welcomed.done():
                raise LoadError(f"{self._name} was not taken: {answer}")
            old, self._client = self._client, client
            client.on_frame = self._frame
            for state in self.rooms.values():
                state.pulling = False
            self.moves += 1
            welcomed.set_result(None)
            self._frame(data, start, stop)
            if old is not None and old.transport is not None:
                old.transport.abort()

        client.on_frame = first
        client.write(text_frame(orjson.dumps(self._hello(frame["ticket"]))))
        await asyncio.wait((welcomed, client.gone), timeout=_WELCOME_S, return_when=asyncio.FIRST_COMPLETED)
        if not welcomed.done() and client.transport is not None:
            client.transport.abort()

    def _on_entry(self, entry: dict[str, Any]) -> None:
        if entry["room"] in self.rooms:
            self._entry(self.rooms[entry["room"]], entry)
            self._after(entry["room"])

    def _on_page(self, page: dict[str, Any]) -> None:
        if page["room"] in self.rooms:
            self.rooms[page["room"]].pulling = False
            self._take(page)
            self._after(page["room"])

    def _take(self, page: dict[str, Any]) -> None:
        state = self.rooms.get(page["room"])
        if state is None:
            return
        state.head = max(state.head, page["head"])
        for entry in page["entries"]:
            entry.setdefault("room", page["room"])
            self._entry(state, entry)

    def _entry(self, state: RoomState, entry: dict[str, Any]) -> None:
        seq = entry["seq"]
        state.head = max(state.head, seq)
        if seq <= state.have or seq in state.own or seq in state.early:
            self._record(self.recorder.seen, entry)
        else:
            state.early[seq] = entry

    def _record(self, write: Callable[..., None], entry: dict[str, Any]) -> None:
        device, n, ident = entry.get("device", ""), entry.get("n", 0), entry.get("id", "")
        write(entry["room"], entry["seq"], entry["user"], device, n, ident, entry.get("body", ""))

    def _after(self, room: str) -> None:
        """Show what follows without a hole, acknowledge now and then, pull where there is a hole."""
        state = self.rooms[room]
        while True:
            following = state.have + 1
            if following in state.early:
                self._record(self.recorder.shown, state.early.pop(following))
            elif following in state.own:
                state.own.discard(following)
            else:
                break
            state.have = following
        if state.have >= state.acked + _ACK_EVERY:
            state.acked = state.have
            self._write({"t": "ack", "room": room, "seq": state.have})
        self._maybe_pull(room)

    def _maybe_pull(self, room: str) -> None:
        state = self.rooms[room]
        if state.head > state.have and not state.pulling and self._welcomed:
            state.pulling = True
            self._write({"t": "pull", "q": 1 + list(self.rooms).index(room), "room": room, "after": state.have, "limit": _PAGE})

    def _on_sent(self, frame: dict[str, Any]) -> None:
        room, n, seq = frame["room"], frame["n"], frame["seq"]
        state = self.rooms[room]
        self.recorder.acked(room, n, seq)
        state.unanswered = deque(post for post in state.unanswered if post.n != n)
        state.head = max(state.head, seq)
        early = state.early.pop(seq, None)
        if early is not None:
            self._record(self.recorder.seen, early)
        if seq > state.have:
            state.own.add(seq)
        self._after(room)
        self.on_answer()

    def _on_refused(self, frame: dict[str, Any]) -> None:
        if not frame["retry"]:
            self.recorder.refused(frame["room"], frame["n"], frame["code"])
            raise LoadError(f"{self._name}: a post was refused: {frame}")
        self.put_off += 1
        state = self.rooms[frame["room"]]
        if not state.repeats_soon:
            state.repeats_soon = True
            asyncio.get_running_loop().call_later(frame.get("retry_after") or 0.05, self._repeat_if_there, frame["room"])

    def _repeat_if_there(self, room: str) -> None:
        self.rooms[room].repeats_soon = False
        if self._welcomed and self.repeats:
            self._repeat(room)

    def _on_head(self, frame: dict[str, Any]) -> None:
        self._told({frame["room"]: frame["head"]})

    def _on_lagging(self, frame: dict[str, Any]) -> None:
        self._told(frame["heads"])

    def _told(self, heads: dict[str, int]) -> None:
        for room, head in heads.items():
            if room in self.rooms:
                self.rooms[room].head = max(self.rooms[room].head, head)
                self._maybe_pull(room)

    def _on_error(self, frame: dict[str, Any]) -> None:
        if not frame["retry"]:
            raise LoadError(f"{self._name}: the server refused something: {frame}")
        if frame["q"] == 0:
            self._come_again_s = frame.get("retry_after") or 0.0
            self._hang_up()
            return
        room = list(self.rooms)[frame["q"] - 1]
        self.rooms[room].pulling = False
        asyncio.get_running_loop().call_later(frame.get("retry_after") or 0.05, self._maybe_pull, room)


def _nothing() -> None:
    pass


_HANDLERS: dict[str, Callable[[Device, dict[str, Any]], None]] = {
    "welcome": Device._on_welcome,
    "msg": Device._on_entry,
    "move": Device._on_move,
    "page": Device._on_page,
    "sent": Device._on_sent,
    "refused": Device._on_refused,
    "head": Device._on_head,
    "lagging": Device._on_lagging,
    "error": Device._on_error,
}
