"""The actor API: what an actor is, how it says what it handles, and all it sees of the world.

An actor has an address, a mailbox and one message at a time. Handlers are methods marked by `handles`,
`handles_batch` or `reads`; they may be plain functions (the cheap kind) or coroutines that await `Context.ask`
or a promise of the store. While a coroutine waits, the mailbox waits with it; `reads` handlers alone run beside it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection
from enum import Enum
from typing import Any, ClassVar, Generic, NamedTuple, NewType, Protocol, TypeVar

from actors.runtime.plain import Message, Plain
from actors.runtime.scheduler import Timer

ActorId = NewType("ActorId", str)
"""An address for ever: ``kind:name``. A pinned actor (session, relay, edge) is ``kind:life~name``."""

R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


def actor_id(kind: str, name: str) -> ActorId:
    """The address ``kind:name``."""
    return ActorId(f"{kind}:{name}")


def pinned_id(kind: str, life: str, name: str = "") -> ActorId:
    """The address of an actor that lives and dies with one life of a cell."""
    return ActorId(f"{kind}:{life}~{name}")


def kind_of(address: ActorId) -> str:
    """``room`` of ``room:9f2c``."""
    return address.partition(":")[0]


def name_of(address: ActorId) -> str:
    """``9f2c`` of ``room:9f2c``; what follows the life in a pinned address."""
    return address.partition(":")[2].rpartition("~")[2]


def life_of(address: ActorId) -> str | None:
    """The life that a pinned address names; None for an address that is placed by its slot."""
    life, tilde, _ = address.partition(":")[2].rpartition("~")
    return life if tilde else None


class Request(Message, Generic[R], frozen=True, gc=False):
    """A message that wants an answer: a `Message`, another plain value, or None. See `Context.ask` for how an ask can end."""


class StopReason(Enum):
    """Why an instance is let go."""

    IDLE = "idle"
    """Nothing arrived for the idle time of its kind."""
    ASKED = "asked"
    """It called `Context.stop`."""
    MOVED = "moved"
    """Its slot goes to another life."""
    CRASHED = "crashed"
    """A handler raised something unexpected."""
    SHUTDOWN = "shutdown"
    """The cell ends."""


class Context(Protocol):
    """All that an actor sees of the world."""

    me: ActorId

    def now(self) -> float:
        """Seconds of a monotonic clock."""

    def wall(self) -> float:
        """Seconds since 1970, for people to read."""

    def tell(self, to: ActorId, message: Message) -> None:
        """Send and go on. Never blocks; delivered at most once."""

    def tell_many(self, to: Collection[ActorId], message: Message) -> None:
        """Tell several actors the same; encoded once, one envelope a cell."""

    def ask(self, to: ActorId, request: Request[R], *, timeout: float = 5.0) -> Awaitable[R]:
        """The answer. Raises `ChatError` (expected), `Overloaded` or `Unavailable` (surely not done) or
        `Unknown` (it was delivered; it may be done)."""

    def after(self, delay: float, message: Message) -> Timer:
        """Tell myself `message` after `delay` seconds."""

    def stored(self) -> None:
        """A commit of the message that is handled was taken: whatever is answered to it is the owner's answer."""

    def is_sure(self) -> bool:
        """Whether this cell can be sure enough that it still has my slot: what no commit proves is told only then."""

    def pause(self, seconds: float) -> Awaitable[None]:
        """Wait; for work beside the mailbox only, since a handler that waits lets everybody wait."""

    def waiting(self) -> int:
        """Messages in my mailbox, behind the one that is handled."""

    def stop(self) -> None:
        """Let this instance go when the current message is done."""

    def fail(self, error: Exception) -> None:
        """Treat `error` as raised by a handler of this actor."""


class Actor:
    """Base of all actors. One level of inheritance: an actor derives from this and from nothing else."""

    rank: ClassVar[int] = 0
    """Asks go only to a higher rank, so that no ring of actors can wait for itself."""
    handlers: ClassVar[dict[type[Plain], Handler]] = {}

    def __init_subclass__(cls) -> None:
        cls.handlers = dict(cls.handlers)
        for member in list(vars(cls).values()):
            for spec in getattr(member, "_handles", ()):
                cls.handlers[spec.message] = Handler(spec.message, member, spec.mode, spec.limit, inspect.iscoroutinefunction(member))

    async def on_start(self) -> None:
        """Load state; raising refuses activation."""

    async def on_stop(self, reason: StopReason) -> None:
        """Best effort; never the place to save."""

    def on_crash(self) -> None:
        """A handler raised something unexpected, and this instance, started by hand, has no successor: last words."""

    def stays(self) -> bool:
        """Whether idle retirement has to wait: somebody still owes this actor an answer."""
        return False


class Mode(Enum):
    """How a handler takes messages."""

    ONE = "one"
    BATCH = "batch"
    READ = "read"


class Handler:
    """One entry of an actor class's table: which function takes a type of message, and how."""

    __slots__ = ("function", "is_async", "is_batch", "is_plain", "is_read", "limit", "message")

    def __init__(self, message: type[Plain], function: Callable[..., Any], mode: Mode, limit: int, is_async: bool) -> None:
        self.message = message
        self.function = function
        """Called with the instance and the message, or the list of messages."""
        self.limit = limit
        self.is_async = is_async
        self.is_batch = mode is Mode.BATCH
        self.is_read = mode is Mode.READ
        self.is_plain = mode is Mode.ONE and not is_async
        """The cheap kind: one message, a plain function."""


class Spec(NamedTuple):
    """What a decorator says of a method."""

    message: type[Plain]
    mode: Mode
    limit: int


def handles(*messages: type[Plain]) -> Callable[[F], F]:
    """The method takes these messages, one at a time, and returns the answer where one is a `Request`."""
    return _mark(messages, Mode.ONE, 1)


def handles_batch(message: type[Plain], *, limit: int = 256) -> Callable[[F], F]:
    """The method takes a list of all waiting messages of this type, at most `limit` of them.

    For a `Request` it returns one answer each, in order: a message, None, or a `ChatError` (returned, not raised).
    """
    return _mark((message,), Mode.BATCH, limit)


def reads(*requests: type[Plain]) -> Callable[[F], F]:
    """The method answers beside the mailbox, also while another handler waits; it must change nothing."""
    return _mark(requests, Mode.READ, 1)


def _mark(messages: tuple[type[Plain], ...], mode: Mode, limit: int) -> Callable[[F], F]:
    def mark(function: F) -> F:
        specs = [*getattr(function, "_handles", ()), *(Spec(m, mode, limit) for m in messages)]
        function._handles = specs  # type: ignore[attr-defined]
        return function

    return mark
