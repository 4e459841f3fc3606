"""A cell with scripted actors on a hand-moved clock, for tests of the runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from actors.errors import ChatError
from actors.runtime.actor import Actor, ActorId, Context, Request, StopReason, actor_id, handles, handles_batch, reads
from actors.runtime.cell import Cell, Returned
from actors.runtime.kinds import Kind
from actors.runtime.outcomes import LostOwnership, Reload, Then
from actors.runtime.plain import Message
from actors.runtime.promise import Promise
from actors.runtime.ring import SLOTS, slot_of
from tests.kit.clock import Clock


class Note(Message, frozen=True, gc=False):
    """A told message."""

    text: str
    origin: str = ""


class Item(Message, frozen=True, gc=False):
    """A told message that is taken in batches."""

    number: int
    origin: str = ""


class Fetch(Request[str], frozen=True, gc=False):
    """Answered when the test settles `Player.gate`."""

    text: str = ""


class Sum(Request[int], frozen=True, gc=False):
    """Answered by a batch handler that waits once."""

    number: int


class Peek(Request[list[str]], frozen=True, gc=False):
    """A read: the log so far. Waits for `Player.read_gate` where there is one."""


class Awake(Message, frozen=True, gc=False):
    """What is owed is done by starting."""


class Player(Actor):
    """Writes all down; does what its text says."""

    rank = 1

    def __init__(self, ctx: Context, stage: Stage) -> None:
        self.ctx = ctx
        self.stage = stage
        self.number = stage.made
        stage.made += 1

    @property
    def log(self) -> list[str]:
        return self.stage.log

    async def on_start(self) -> None:
        if self.stage.start_gate is not None:
            await self.stage.start_gate
        if self.stage.start_error is not None:
            raise self.stage.start_error
        self.log.append("start")

    async def on_stop(self, reason: StopReason) -> None:
        self.log.append(f"stop {reason.value}")
        if self.stage.stop_gate is not None:
            await self.stage.stop_gate

    def stays(self) -> bool:
        return self.stage.stays

    def on_crash(self) -> None:
        self.log.append("last words")

    @handles(Note)
    def on_note(self, note: Note) -> Then | None:
        self.log.append(note.text)
        return self._obey(note.text)

    def _obey(self, text: str) -> Then | None:
        word, _, rest = text.partition(" ")
        if word == "raise":
            raise RuntimeError(rest)
        if word == "reload":
            raise Reload(ChatError("unavailable"))
        if word == "lose":
            raise LostOwnership
        if word == "stop":
            self.ctx.stop()
        if word == "after":
            self.ctx.after(float(rest), Note("tick"))
        if word == "wait":
            return Then(self.stage.gate, self._waited, rest)
        return None

    def _waited(self, gate: Promise[Any], text: str) -> None:
        if gate.error is not None:
            raise gate.error
        self.log.append(f"waited {text}".strip())
        self._obey(text)

    @handles_batch(Item, limit=3)
    def on_items(self, items: Sequence[Item]) -> Then | None:
        self.log.append("items " + " ".join(str(item.number) for item in items))
        if any(item.number < 0 for item in items):
            raise RuntimeError("a bad item")
        if any(item.number == 100 for item in items):
            return Then(self.stage.gate, self._waited, "items")
        return None

    @handles(Fetch)
    async def on_fetch(self, request: Fetch) -> str:
        self.log.append(f"fetch {request.text}")
        self._obey(request.text)
        value: str = await self.stage.gate
        self.log.append(f"fetched {request.text}")
        return value

    @handles_batch(Sum)
    def on_sum(self, requests: Sequence[Sum]) -> list[int] | Then:
        if requests[0].number == 100:
            return Then(self.stage.gate, lambda gate: [int(gate.result())])
        return [request.number + 1 for request in requests]

    @reads(Peek)
    async def on_peek(self, request: Peek) -> list[str]:
        seen = list(self.log)
        if self.stage.read_error is not None:
            raise self.stage.read_error
        if self.stage.read_gate is not None:
            await self.stage.read_gate
        return seen

    @handles(Returned)
    def on_returned(self, message: Returned) -> None:
        self.log.append(f"returned {message.message.text} {message.reason}")

    @handles(Awake)
    def on_awake(self, message: Awake) -> None:
        self.log.append("awake")


HERE = "a.1"


class Owners:
    """All slots belong to one life."""

    version = 1

    def __init__(self, life: str = HERE) -> None:
        self.life = life

    def owner(self, slot: int) -> str:
        return self.life

    def slot_of(self, address: ActorId) -> int:
        return slot_of(address)

    def epoch(self, slot: int) -> int:
        return 1


class Stage:
    """One cell and its players."""

    def __init__(self, **kind: Any) -> None:
        self.clock = Clock()
        self.log: list[str] = []
        self.made = 0
        self.gate: Promise[Any] = Promise()
        self.read_gate: Promise[None] | None = None
        self.start_gate: Promise[None] | None = None
        self.stop_gate: Promise[None] | None = None
        self.start_error: Exception | None = None
        self.read_error: Exception | None = None
        self.stays = False
        self.reports: list[tuple[str, ActorId]] = []
        self.lost: list[ActorId] = []
        self.cell = Cell(HERE, self.clock, [], report=lambda what, who, message, error: self.reports.append((what, who)))
        self.cell.add_kinds(
            [
                Kind("player", 1, self.play, **kind),
                Kind("pinned", 2, self.play, pinned=True),
                Kind("hand", 0, None, pinned=True, mailbox=2),
            ]
        )
        self.cell.on_lost_ownership(self.lost.append)
        self.cell.adopt(Owners())
        self.cell.open_slots(range(SLOTS))

    def play(self, ctx: Context) -> Player:
        return Player(ctx, self)

    def tell(self, *texts: str, to: ActorId | None = None) -> None:
        """Notes to the player, handled in the next turn."""
        for text in texts:
            self.cell.tell(to or X, Note(text))

    def items(self, *numbers: int) -> None:
        for number in numbers:
            self.cell.tell(X, Item(number))

    def ask(self, request: Request[Any], timeout: float = 5.0) -> Promise[Any]:
        return self.cell.ask(X, request, timeout=timeout)

    def run(self, seconds: float = 0.0) -> list[str]:
        """Run what is due, and `seconds` more; returns what was written down since the last time."""
        self.clock.advance(seconds)
        seen, self.log[:] = list(self.log), []
        return seen

    def whats(self) -> list[str]:
        """What was reported."""
        return [what for what, _ in self.reports]


X = actor_id("player", "x")
Y = actor_id("player", "y")


def ending(promise: Promise[Any]) -> tuple[Callable[..., Any], str]:
    """Class and code of the refusal with which an ask ended."""
    error = promise.error
    assert isinstance(error, ChatError), error
    return type(error), error.code
