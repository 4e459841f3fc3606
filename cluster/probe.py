"""The health probe of a cell: a post goes the whole way of this cell, and comes back.

    connect   two canaries, clients in memory, open sessions; each is welcomed by its user's actor, as any client
    commit    one posts: session -> room (its mailbox, numbering) -> group commit of this life in its own shard -> `sent`
    fan_out   room -> routes -> edge -> the session of the other, which finds the very post in what it was sent

Room and user are fixed, and chosen so that their slots are this cell's own: ``room:canary0`` and ``user:Canary-0``, or the
next number that is. (No account can have such a name: it has a capital.) A cell that owns nothing for the moment uses
those of another cell over the link, as its clients do.

What is not proven: sockets, TLS and frames (the request that asks has come through those), other shards of this cell
where it has taken some over, and links to other cells. The spam filter is not asked.

A probe runs only when somebody asks. The log stays small: every `TRIM_POSTS` posts all but the last few entries are
taken away. Not more often, since taking entries away makes the store fold its ledger first.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from hashlib import sha256
from time import perf_counter
from typing import Any, NamedTuple

from actors.chat_cell import ChatCell
from actors.commands import Post
from actors.errors import CODES, ChatError
from actors.events import Refused, Sent
from actors.messages.room import OpenRoom
from actors.messages.user import Grant, LogIn, Register
from actors.ports import AllowAll, Payload
from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.session_host import SessionHost
from actors.session_ports import SessionLimits, SessionPorts
from actors.store.rows import EntryRow, Gone
from actors.store.store import Commit, Store, StoreError
from cluster.canary import Canary, Heard
from gateway.api.bridge import ask, settle
from gateway.health import ProbeFailed

LIMIT_S = 1.5
TRIM_POSTS = 256
KEPT_ENTRIES = 8
MOST_TRIMMED = 1000
"""Entries taken away at once; what is left is taken the next time."""
TRIES = 3
"""Posts until the number is right: the room says which one it expects."""
MOST_PLACES = 100_000


class Place(NamedTuple):
    """A canary's room and user."""

    room: str
    user: str


class Probe:
    """Call it: details for people. Raises `ProbeFailed`. One call at a time; `Health` sees to that."""

    def __init__(self, chat: ChatCell, store: Store, name: str, limit_s: float = LIMIT_S) -> None:
        self._chat = chat
        self._store = store
        self._limit_s = limit_s
        self._devices = (f"{name}.post", f"{name}.hear")
        self._secret = secrets.token_hex(16)
        ports = SessionPorts(chat.cell, chat.tables.sessions, AllowAll(), self._read_token, SessionLimits())
        # A full cell is not a sick one: the canaries have room of their own.
        self._sessions = SessionHost(chat.cell, ports, chat.sessions.max_sessions + 8, prefix="canary")
        self._place: Place | None = None
        self._n = 0
        self._untrimmed = TRIM_POSTS
        self._step = ""
        self._took: dict[str, float] = {}
        self._began = 0.0

    async def __call__(self) -> Mapping[str, Any]:
        """Post, and wait until it is back."""
        self._took, self._step = {}, ""
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._run()
        except TimeoutError:
            raise ProbeFailed(self._step, "timeout") from None
        except ChatError as error:
            self._place = None  # whatever it was, the next probe looks anew at account and room
            raise ProbeFailed(self._step, error.code) from error
        except StoreError as error:
            raise ProbeFailed(self._step, "store_unavailable") from error

    async def _run(self) -> dict[str, Any]:
        view = self._chat.view
        self._at("view")
        place = find_place(self._chat)
        if place != self._place:
            self._at("account")
            await self._prepare(place)
            self._place, self._n = place, 0
        seq = await self._there_and_back(place)
        self._at("trim")
        await self._trim(place)
        self._at("")
        slots = len(view.slots(self._chat.life)) if view is not None else 0
        return {"life": self._chat.life, "view": self._chat.cell.version, "slots": slots, "room": place.room, "seq": seq, "ms": self._took}

    def _at(self, step: str) -> None:
        now = perf_counter()
        if self._step:
            self._took[self._step] = round((now - self._began) * 1000, 2)
        self._step, self._began = step, now

    async def _prepare(self, place: Place) -> None:
        cell, user = self._chat.cell, actor_id("user", place.user)
        try:
            await ask(cell, user, Register("Canary", "", service=True))
        except ChatError as error:
            if error.code != "name_taken":
                raise
        for device in self._devices:
            await ask(cell, user, LogIn(Grant(device, "health", _digest(self._token(place, device)), 0, b"", 0)))
        await ask(cell, actor_id("room", place.room), OpenRoom(place.user, "Canary", "", False, []))

    async def _there_and_back(self, place: Place) -> int:
        self._at("connect")
        poster, listener = Canary(self._sessions), Canary(self._sessions)
        try:
            for canary, device in zip((poster, listener), self._devices, strict=True):
                await canary.connect(self._token(place, device))
            mark = secrets.token_hex(8)
            self._at("commit")
            seq = await self._post(poster, place, mark)
            self._at("fan_out")
            await listener.hear(lambda heard: _contains(heard, mark))
        finally:
            poster.close()
            listener.close()
        return seq

    async def _post(self, poster: Canary, place: Place, mark: str) -> int:
        n = self._n + 1
        for _ in range(TRIES):
            poster.say(Post(place.room, n, mark, f"canary {mark}"))
            answer: Sent | Refused = await poster.hear(_answer)
            if isinstance(answer, Sent):
                self._n = n
                return answer.seq
            if answer.code == "number_used":
                n = int(answer.fields["last"]) + 1
            elif answer.code == "expected":
                n = int(answer.fields["n"])
            else:
                raise ChatError(answer.code if answer.code in CODES else "internal")
        raise ChatError("unavailable")

    async def _trim(self, place: Place) -> None:
        address = actor_id("room", place.room)
        self._untrimmed += 1
        if self._untrimmed < TRIM_POSTS or not self._chat.cell.owns(address):
            return
        slot = slot_of(address)
        rows = await settle(self._store.entries_after(slot, place.room, 0, MOST_TRIMMED))
        old = rows[:-KEPT_ENTRIES]
        if len(old) > KEPT_ENTRIES:
            await settle(self._store.commit(Commit(slot, (), [Gone(EntryRow.table, (row.room, row.seq)) for row in old])))
        self._untrimmed = 0

    def _token(self, place: Place, device: str) -> str:
        return f"{place.user} {device} {self._secret}"

    @staticmethod
    def _read_token(text: str) -> tuple[str, bytes]:
        return text.partition(" ")[0], _digest(text)


def find_place(chat: ChatCell) -> Place:
    """The first canary whose room and user this cell owns; any that is in one cell where it owns nothing. Raises `ChatError`."""
    view = chat.view
    owns_some = view is not None and chat.life in view.owner_lives[: view.groups]  # a room's own cell has no canary's
    for number in range(MOST_PLACES if view is not None else 0):
        place = Place(f"canary{number}", f"Canary-{number}")
        owners = {chat.cell.life_for(actor_id("room", place.room)), chat.cell.life_for(actor_id("user", place.user))}
        owner = owners.pop()
        if not owners and owner is not None and (owner == chat.life or not owns_some):
            return place
    raise ChatError("unavailable")


def _answer(heard: Heard) -> Sent | Refused | None:
    return heard if isinstance(heard, (Sent, Refused)) else None


def _contains(heard: Heard, mark: str) -> bool | None:
    return (mark.encode() in (heard.framed or heard.text) or None) if isinstance(heard, Payload) else None


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
