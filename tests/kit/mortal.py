"""One cell at a time on a store of any kind, which can be made to die right after one of its commits has become durable.

The cell's time is moved by hand; what the store does in threads of its own is waited for.
"""

from __future__ import annotations

from typing import Any

from actors.chat_cell import ChatCell, Edges
from actors.messages.user import Register
from actors.ports import AllowAll
from actors.runtime.actor import ActorId, Request, actor_id
from actors.runtime.promise import Promise
from actors.runtime.ring import SLOTS
from tests.kit.chat import GENEROUS, encode, frame, make_view, read_token
from tests.kit.clock import Clock

STEP_S = 0.1
PATIENCE_S = 120.0
"""Of the hand-moved clock."""


class Died(Exception):
    """The cell is gone, as planned."""


class MortalStore:
    """The store of one life, which counts its commits and ends with the process."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.under_way = 0
        """Commits and reads that are not settled."""
        self.commits = 0
        self.dies_after: int | None = None
        """The number of the commit whose success nobody hears of any more."""
        self.is_dead = False

    def commit(self, change: Any) -> Promise[None]:
        """See `Store.commit`."""
        return self._passed_on(self.store.commit, change, counts=True)

    def __getattr__(self, name: str) -> Any:
        """Reads."""
        read = getattr(self.store, name)
        return lambda *args: self._passed_on(read, *args, counts=False)

    def _passed_on(self, call: Any, *args: Any, counts: bool) -> Promise[Any]:
        promise: Promise[Any] = Promise()
        if self.is_dead:
            return promise  # no process is there any more
        self.under_way += 1
        call(*args).when_settled(lambda done: self._settled(done, promise, counts))
        return promise

    def _settled(self, done: Promise[Any], promise: Promise[Any], counts: bool) -> None:
        self.under_way -= 1
        if counts and done.error is None and not self.is_dead:
            self.commits += 1
            self.is_dead = self.commits == self.dies_after
        if self.is_dead:
            return
        if done.error is None:
            promise.resolve(done.result())
        else:
            promise.reject(done.error)


class Mortal:
    """The cell, and its next lives."""

    def __init__(self, lab: Any) -> None:
        self.lab = lab
        self.clock = Clock()
        self._lives = 0
        self._view = None
        self.reports: list[tuple[Any, ...]] = []
        self._begin()

    def _begin(self) -> None:
        self._lives += 1
        self.life = f"m{self._lives}"
        self.store = MortalStore(self.lab.store(self.life))
        edges = Edges(encode, frame, read_token, AllowAll(), GENEROUS, 100)
        self.chat = ChatCell(self.life, self.clock, self.store, edges, lambda *what: self.reports.append(what))  # type: ignore[arg-type]
        self._view = make_view(self._lives, [self.life], [0] * SLOTS, self._view)
        self.chat.adopt(self._view)

    def die_after(self, commits: int) -> None:
        """The next so many commits become durable, and nothing after them."""
        self.store.commits, self.store.dies_after = 0, commits

    def live_again(self) -> None:
        """The dead life is sealed, and the next one takes all over."""
        self.chat.cell.closed = True
        while self.store.under_way:
            self.lab.turns.turn()
        close = getattr(self.store.store, "close", None)
        if close is not None:
            close()
        self.lab.seal(self.life)
        self._begin()

    def ask(self, to: ActorId, request: Request[Any]) -> Any:
        """The answer. Raises `Died` where the cell dies before it comes."""
        promise = self.chat.cell.ask(to, request, timeout=PATIENCE_S)
        self._until(lambda: promise.settled)
        return promise.result()

    def settle(self, seconds: float = 5.0) -> None:
        """Let all that is under way, or is repeated by and by, happen. Raises `Died`."""
        end = self.clock.now() + seconds
        self._until(lambda: self.clock.now() >= end and not self.store.under_way)

    def _until(self, done: Any) -> None:
        limit = self.clock.now() + PATIENCE_S
        while not done():
            assert self.clock.now() < limit, "it never happens"
            self.clock.run()
            if self.store.is_dead:
                raise Died
            if self.store.under_way:
                self.lab.turns.turn()
            elif not done():
                self.clock.advance(STEP_S)

    def register(self, *users: str) -> None:
        """Make accounts."""
        for user in users:
            self.ask(actor_id("user", user), Register(user.title(), "-"))
