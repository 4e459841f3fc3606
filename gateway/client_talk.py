"""A client's side of the protocol without input or output: frames in, frames out, one object for the whole life of a client.

Connections come and go below it. `receive` takes what the server says, `due` gives what is to be sent, `disconnected`
puts back what was under way. Requests that may be repeated without harm are sent again after a reconnect;
the others end as `unknown_outcome`.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from actors import commands as c
from actors import events as e
from actors.errors import ChatError
from gateway.client_posts import Draft, Posts
from gateway.client_rooms import Rooms
from gateway.client_state import Saved

TICKETS_SINCE = 2
"""The version of the protocol that knows resume tickets."""
ACK_INTERVAL_S = 2.0
"""Between acknowledgements; each room once at most."""
REPAIR_WAIT_S = 1.0
"""Before a pull that was refused is repeated, where the refusal names no time."""

decode_event: Callable[[str | bytes], e.Event] = msgspec.json.Decoder(e.AnyEvent).decode
"""One frame of a server."""
_decode_tag = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.encode
_TAGS = frozenset(kind.__struct_config__.tag for kind in e.AnyEvent.__args__)
_REPEATABLE = (c.Pull, c.Create, c.Add, c.Direct, c.Members, c.Rooms, c.Who)
_GONE = ("no_such_room", "not_a_member", "forbidden")

Settled = Callable[[Any, ChatError | None], None]
"""Called once: with the answer (a `Page` or the `result` of `ok`), or with the error."""


class _Request:
    """A request without an answer."""

    __slots__ = ("command", "is_sent", "settled")

    def __init__(self, command: c.Command, settled: Settled) -> None:
        self.command = command
        self.settled = settled
        self.is_sent = False


class Talk:
    """The conversation of one device."""

    def __init__(self, saved: Saved, *, from_first: bool, agent: str, chance: random.Random) -> None:
        self.user, self.device = saved.user, saved.device
        self.is_welcomed = False
        """Whether the present connection has been welcomed."""
        self.display = ""
        self.refused: ChatError | None = None
        """The last `error` about a frame itself: why the server will close."""
        self.posts = Posts(dict(saved.numbers), chance)
        self.rooms = Rooms(dict(saved.seqs), from_first)
        self.wanted_move: e.Move | None = None
        """Where the server wants this client to go on, until somebody takes it up."""
        self.holds_requests = False
        """Whether requests that cannot be repeated wait: the connection is about to be changed."""
        self.on_room: Callable[[e.RoomInfo], None] = lambda info: None
        self.on_read: Callable[[e.ReadMark], None] = lambda mark: None
        self.on_notice: Callable[[e.Notice], None] = lambda notice: None
        self._since = saved.since
        self._from_first = from_first
        # whether the last welcome was not this device's first
        self._is_back = False
        self._agent = agent
        # what the next hello speaks: the newest version, until a server says that it does not
        self._version = c.PROTOCOL_VERSION
        self._q = 0
        self._requests: dict[int, _Request] = {}
        self._out: list[c.Command] = []
        self._ack_at = 0.0
        # requests of our own: q -> the room that is pulled, or None for a page of the list of rooms
        self._repairs: dict[int, str | None] = {}
        # where the list of rooms goes on; None: all of it is here, or asked for
        self._list_after: str | None = None
        # no request of our own before this time, after one was refused for now
        self._repair_at = 0.0

    # --- what the program wants ---

    def post(self, room: str, body: str, done: Callable[[int, ChatError | None], None]) -> None:
        """Send a text; `done` is called with its seq."""
        self.posts.add(room, Draft(secrets.token_urlsafe(12), body, done))

    def request(self, make: Callable[[int], c.Command], settled: Settled) -> int:
        """Send `make(q)`; returns q."""
        self._q += 1
        self._requests[self._q] = _Request(make(self._q), settled)
        return self._q

    def forget_request(self, q: int) -> None:
        """Nobody waits for it any more."""
        self._requests.pop(q, None)

    def tell(self, command: c.Command) -> None:
        """Send something that has no answer; lost where the connection is."""
        if self.is_welcomed:
            self._out.append(command)

    def saved(self) -> Saved:
        """What the next run of the program needs."""
        return Saved(self.user, self.device, self._since, dict(self.posts.numbers), self.rooms.seqs())

    # --- the connection ---

    def hello(self, token: str, ticket: str = "") -> bytes:
        """The first frame of a connection."""
        self.refused = None
        return _encode(c.Hello(self._version, token, self._since, self._agent, ticket if self._version >= TICKETS_SINCE else ""))

    def speaks_as(self, error: ChatError) -> bool:
        """After a refused `hello`: whether it was about the version, and there is another that both speak. The next one is of that."""
        theirs = error.fields.get("versions") if error.code == "unsupported_version" else None
        common = {c.PROTOCOL_VERSION, c.PROTOCOL_VERSION - 1}.intersection(theirs if isinstance(theirs, list) else ())
        if not common or max(common) == self._version:
            return False
        self._version = max(common)
        return True

    def receive(self, text: str | bytes, now: float) -> None:
        """One frame of the server. Frames of kinds that this version does not know are passed over."""
        try:
            event = decode_event(text)
        except msgspec.ValidationError:
            if _decode_tag(text).get("t") in _TAGS:
                raise
            return
        self._TABLE[type(event)](self, event, now)

    def due(self, now: float) -> list[bytes]:
        """Frames to send now, in order."""
        if not self.is_welcomed:
            return []
        out, self._out = self._out, []
        if now >= self._repair_at:
            out.extend(self._due_repairs())
        for request in self._requests.values():
            if not request.is_sent and (isinstance(request.command, _REPEATABLE) or not self.holds_requests):
                request.is_sent = True
                out.append(request.command)
        out.extend(self.posts.due(now))
        if now >= self._ack_at:
            acks = self.rooms.acks()
            out.extend(c.Ack(room, seq) for room, seq in acks.items())
            if acks:
                self._ack_at = now + ACK_INTERVAL_S
        return [_encode(command) for command in out]

    def next_due_at(self, now: float) -> float:
        """When `due` has something to send by the clock alone, at the latest."""
        times = [self._ack_at if self._ack_at > now else now + ACK_INTERVAL_S]
        times += [at for at in (self.posts.next_due_at(), self._repair_at) if at is not None and at > now]
        return min(times)

    @property
    def may_change(self) -> bool:
        """Whether the connection can be changed without harm: nothing is under way that could not be repeated."""
        return not any(request.is_sent and not isinstance(request.command, _REPEATABLE) for request in self._requests.values())

    def moved(self, welcome: e.Welcome, now: float) -> None:
        """Another connection was welcomed and takes the place of this one: what was under way is repeated there."""
        out = self._out
        self.disconnected()
        self._out = out
        self._on_welcome(welcome, now)

    def disconnected(self) -> None:
        """The connection is gone; what can be repeated will be."""
        if self.is_welcomed:
            self._version = c.PROTOCOL_VERSION
        self.is_welcomed = self.holds_requests = False
        self.wanted_move = None
        self._out = []
        self._repairs.clear()
        self._list_after, self._repair_at = None, 0.0
        self.posts.disconnected()
        self.rooms.disconnected()
        for q, request in list(self._requests.items()):
            if request.is_sent and not isinstance(request.command, _REPEATABLE):
                del self._requests[q]
                request.settled(None, ChatError("unknown_outcome"))
            request.is_sent = False

    def fail(self, error: ChatError) -> None:
        """There will be no further connection."""
        self.is_welcomed = False
        requests, self._requests = self._requests, {}
        for request in requests.values():
            request.settled(None, error)
        self.posts.fail_all(error)

    # --- events ---

    def _on_welcome(self, event: e.Welcome, now: float) -> None:
        if (event.user, event.device) != (self.user, self.device) and self.device:
            self.posts.renumber()
        if event.user != self.user and self.user:
            self.rooms = Rooms({}, self._from_first)
        self._is_back = (event.user, event.device) == (self.user, self.device)
        self.user, self.device, self.display = event.user, event.device, event.display
        self.is_welcomed = True
        for info in event.rooms:
            self.rooms.listed(info, self._is_back)
        for page in event.pages:
            self.rooms.unasked(page)
        self._list_after = "" if event.more else None
        self._since = event.since

    def _on_entry(self, event: e.Entry, now: float) -> None:
        self.rooms.entry(event)

    def _on_sent(self, event: e.Sent, now: float) -> None:
        draft = self.posts.sent(event.room, event.n, event.seq)
        if draft is not None:
            # the server does not push a device its own posts: this is the entry
            self.rooms.entry(
                e.Entry(event.room, event.seq, event.at, self.user, body=draft.body, device=self.device, n=event.n, id=draft.id)
            )

    def _on_refused(self, event: e.Refused, now: float) -> None:
        self.posts.refused(event.room, event.n, error_of(event), event.retry, now)

    def _on_head(self, event: e.Head, now: float) -> None:
        self.rooms.came_to(event.room, event.head)

    def _on_lagging(self, event: e.Lagging, now: float) -> None:
        for room, head in event.heads.items():
            self.rooms.came_to(room, head)

    def _on_page(self, event: e.Page, now: float) -> None:
        if event.q in self._repairs:
            del self._repairs[event.q]
            self.rooms.pulled(event)
        else:
            self._settle(event.q, event, None)

    def _on_room(self, event: e.RoomChanged, now: float) -> None:
        self.rooms.changed(event.room)
        self.on_room(event.room)
        self._since = event.since

    def _on_read_mark(self, event: e.ReadMark, now: float) -> None:
        self.on_read(event)

    def _on_done(self, event: e.Done, now: float) -> None:
        if event.q in self._repairs:
            del self._repairs[event.q]
            self._listed(event.result)
        else:
            self._settle(event.q, event.result, None)

    def _on_failed(self, event: e.Failed, now: float) -> None:
        error, fields = error_of(event), event.fields
        room, n, q = fields.get("room"), fields.get("n"), event.q or fields.get("q")
        if q in self._repairs:
            self._repair_failed(q, error, now)
        elif q in self._requests:
            self._settle(q, None, error)
        elif fields.get("t") == "post" and isinstance(room, str) and isinstance(n, int):
            # the frame of a post was refused before it came to its room
            self.posts.refused(room, n, error, event.retry, now)
        else:
            self.refused = error

    def _on_move(self, event: e.Move, now: float) -> None:
        self.wanted_move = event

    def _on_pong(self, event: e.Pong, now: float) -> None:
        pass

    def _on_notice(self, event: e.Notice, now: float) -> None:
        self.on_notice(event)

    _TABLE: dict[type[e.Event], Callable[[Talk, Any, float], None]] = {
        e.Welcome: _on_welcome,
        e.Entry: _on_entry,
        e.Sent: _on_sent,
        e.Refused: _on_refused,
        e.Head: _on_head,
        e.Page: _on_page,
        e.RoomChanged: _on_room,
        e.ReadMark: _on_read_mark,
        e.Done: _on_done,
        e.Failed: _on_failed,
        e.Lagging: _on_lagging,
        e.Pong: _on_pong,
        e.Notice: _on_notice,
        e.Move: _on_move,
    }

    def _settle(self, q: int, answer: Any, error: ChatError | None) -> None:
        request = self._requests.pop(q, None)
        if request is not None:
            request.settled(answer, error)

    # --- repairs ---

    def _due_repairs(self) -> list[c.Command]:
        out: list[c.Command] = []
        for room, after, limit in self.rooms.pulls():
            self._q += 1
            self._repairs[self._q] = room
            out.append(c.Pull(self._q, room, after, None, limit))
        if self._list_after is not None:
            self._q += 1
            self._repairs[self._q] = None
            out.append(c.Rooms(self._q, self._list_after, c.MAX_PAGE))
            self._list_after = None
            self.rooms.asks_for_list()
        return out

    def _listed(self, result: dict[str, Any]) -> None:
        infos = msgspec.convert(result.get("rooms", []), list[e.RoomInfo])
        self.rooms.page_listed(infos, self._is_back)
        if result.get("more") and infos:
            self._list_after = infos[-1].room

    def _repair_failed(self, q: int, error: ChatError, now: float) -> None:
        room = self._repairs.pop(q)
        self._repair_at = now + (error.retry_after or REPAIR_WAIT_S)
        if room is not None:
            self.rooms.not_pulled(room, is_gone=error.code in _GONE)
        else:
            self._list_after = ""


def error_of(event: e.Refused | e.Failed) -> ChatError:
    """The error that a frame of the server tells."""
    fields = {name: value for name, value in event.fields.items() if name not in ("code", "retry_after", "self")}
    return ChatError(event.code, retry_after=event.retry_after, **fields)
