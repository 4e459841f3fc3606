"""What the core is handed by the edge: a connection to talk to, an encoder, and verdicts on posts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from actors.commands import Command
from actors.events import Entry, Event
from actors.runtime.actor import ActorId, R, Request
from actors.runtime.plain import Message, Plain
from actors.runtime.promise import Promise


class Payload:
    """One encoded event for many connections. A transport keeps its framed form beside the bytes.

    `text` is the UTF-8 JSON of the event. `framed` is the same bytes for every WebSocket, since a server's frames
    carry no mask; the first connection that sends it fills it in.
    """

    __slots__ = ("framed", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.framed: bytes | None = None


class Port(Protocol):
    """A connection, as its session sees it. All calls return at once; writes are joined per loop turn."""

    @property
    def choked(self) -> bool:
        """Whether so much is queued that entries should no longer be pushed, but pulled."""

    def emit(self, event: Event) -> None:
        """Encode an event for this client alone and queue it."""

    def push(self, payload: Payload) -> bool:
        """Queue an encoded event that others get too; False, and nothing queued, while `choked`."""

    def backlog(self) -> int:
        """Bytes queued and not yet taken by the operating system."""

    def pause(self) -> None:
        """Stop reading from the client (safe to repeat)."""

    def resume(self) -> None:
        """Read again (safe to repeat)."""

    def close(self, code: int, reason: str) -> None:
        """Send what is queued, then close with a WebSocket close code."""

    def on_drained(self, callback: Callable[[], None]) -> None:
        """Call back once, when the backlog has fallen to nothing."""


Encode = Callable[[Event], bytes]
"""Turns an event into the bytes that every client gets; handed to the room's cell so that it is encoded once."""
EncodeEntry = Callable[[Entry], bytes]
"""The same for entries alone."""
Frame = Callable[[bytes], bytes]
"""Turns encoded text into what a WebSocket carries: one unmasked frame, the same for every client."""


class Sender(NamedTuple):
    """Who posts, as far as a verdict needs it."""

    user: str
    device: str
    created_at: int
    """When the account was made, milliseconds since 1970."""


class Refusal(Plain, frozen=True, gc=False):
    """A post that the spam filter does not let pass."""

    reason: str
    """For the sender."""
    retry_after: float | None = None


class Verdicts(Protocol):
    """The verdict port. `judge` answers at once, or with a promise where the policy wants to wait."""

    def judge(self, sender: Sender, room: str, body: str, now: float) -> Refusal | Promise[Refusal | None] | None:
        """None where the post may pass. `now`: seconds of the monotonic clock."""


class AllowAll:
    """No filter: every post passes."""

    def judge(self, sender: Sender, room: str, body: str, now: float) -> None:
        """Yes."""


class Trace(Protocol):
    """Hears of each step of a message's way. There is one only while somebody wants to follow messages: the core asks
    `is not None` once a post or batch, and gathers nothing otherwise. What it is told holds no body and no token."""

    def welcomed(self, session: ActorId, user: str, device: str) -> None:
        """A session is open from here on: whose it is."""

    def received(self, room: str, n: int, device: str, session: ActorId) -> None:
        """A session has taken the post `n` from its client and handed it to the room."""

    def committed(self, room: str, seq: int, n: int, device: str) -> None:
        """The entry `seq` is durable; it is the post `n` of the device (0 and empty where it came by HTTP or is an event)."""

    def fanned_out(self, room: str, seq: int, edges: int) -> None:
        """The entry goes to so many edge cells; 0 where nobody is online."""

    def relayed(self, room: str, seq: int) -> None:
        """A large room's branch at this edge has it, and hands it to its sessions."""

    def delivered(self, room: str, seq: int, session: ActorId, pushed: bool) -> None:
        """A session here has it. Not `pushed`: it reads too slowly or is not welcomed yet, and will pull."""


class SessionHandle(Protocol):
    """A session, as its connection sees it."""

    offer: Callable[[Command], bool]
    """Hand over one decoded frame; False where the mailbox is full. The mailbox's own method: it runs for every frame."""

    def closed(self) -> None:
        """The connection is gone: the session ends."""


class Sessions(Protocol):
    """Where the gateway gets sessions from."""

    def open(self, port: Port, address: str) -> SessionHandle:
        """A session for a new connection from a client's (true) address. Raises `Overloaded` where the cell is full."""


class Asker(Protocol):
    """The actor system, as the HTTP API and the command line see it."""

    def ask(self, to: ActorId, request: Request[R], *, timeout: float = 5.0) -> Promise[R]:
        """As `Context.ask`, from outside of any actor."""

    def tell(self, to: ActorId, message: Message) -> None:
        """As `Context.tell`."""
