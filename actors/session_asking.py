"""What one session asks of others for its client: requests, pages, heads. Bounded, beside its posts and each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container
from typing import Any, Protocol, TypeVar

from actors import commands as c
from actors.errors import ChatError, Unavailable
from actors.events import Done, Failed, Page
from actors.limits import Budget
from actors.messages.room import History, HistoryPage
from actors.places import Places
from actors.ports import Port
from actors.runtime.actor import ActorId, Context, actor_id, pinned_id
from actors.runtime.aside import run_aside
from actors.session_pulls import Pulls
from actors.session_requests import Requests
from actors.welcome import head_for

T = TypeVar("T")
PATIENCE_S = (0.1, 0.2, 0.4, 0.8, 1.5)
"""Pauses between attempts at a request that nobody could take."""
MAX_REQUESTS = 32
"""Requests of one session under way or waiting; beyond it: `overloaded`."""


class Shown(Protocol):
    """The session, as far as answers concern it."""

    def shown(self, room: str, head: int) -> None:
        """The client is about to know that the room has come to `head`."""

    def listens_to(self, room: str) -> str:
        """The user, where this session has a large room's entries by its relay; else empty."""

    def wait_for_drain(self) -> None:
        """Pages wait for the socket: call `Asking.go_on` when it is empty."""


class Asking:
    """The requests of one welcomed session."""

    __slots__ = ("_budget", "_ctx", "_places", "_port", "_pulls", "_requests", "_session", "_under_way", "_user")

    def __init__(self, ctx: Context, places: Places, port: Port, user: str, budget: Budget, session: Shown) -> None:
        self._ctx = ctx
        self._places = places
        self._port = port
        self._user = user
        self._budget = budget
        self._session = session
        self._requests = Requests(ctx, places, user)
        self._pulls: Pulls | None = None
        self._under_way = 0

    def fail(self, q: int, error: ChatError) -> None:
        """Tell the client that its request failed."""
        fail(self._port, q, error)

    def request(self, command: c.Command) -> None:
        """Carry out a command with `q`."""
        q: int = command.q  # type: ignore[attr-defined]
        if not self._may_ask(q):
            return

        def answered(result: dict[str, Any] | None, error: Exception | None) -> None:
            if self._ended(q, error):
                self._port.emit(Done(q, result or {}))

        run_aside(patiently(self._ctx, lambda: self._requests.carry_out(command)), answered)

    def with_head(self, room: str, seq: int, accept: Callable[[str, int], None]) -> None:
        """Accept a position in a room that the client was not shown, if the room is in its list and has come so far."""
        if not self._may_ask(0):
            return

        def answered(head: int | None, error: Exception | None) -> None:
            if self._ended(0, error) and head is not None:
                if seq <= head:
                    self._session.shown(room, seq)  # not `head`: of what lies between the client still has to hear
                    accept(room, seq)
                else:
                    self.fail(0, ChatError("beyond_head", room=room, head=head))

        run_aside(head_for(self._ctx, self._places, self._user, room, seq), answered)

    # --- pages -------------------------------------------------------------------------------------------------------

    def pull(self, pull: c.Pull) -> None:
        """A page of history; few at a time, so that a client that does not read them costs little."""
        if not self._may_ask(pull.q):
            return
        if self._pulls is None:
            self._pulls = Pulls(self._port, self._pull)
        self._pulls.put(pull)
        self._wait_if_stuck()

    def go_on(self) -> None:
        """The socket is empty again."""
        if self._pulls is not None:
            self._pulls.go_on()
            self._wait_if_stuck()

    def _wait_if_stuck(self) -> None:
        if self._pulls is not None and self._pulls.stuck:
            self._session.wait_for_drain()

    def _pull(self, pull: c.Pull) -> None:
        by_relay = self._session.listens_to(pull.room)
        target = pinned_id("relay", self._places.life, pull.room) if by_relay else actor_id("room", pull.room)
        request = History(self._user, pull.after, pull.before, pull.limit)

        def answered(page: HistoryPage | None, error: Exception | None) -> None:
            if self._ended(pull.q, error) and page is not None:
                self._session.shown(pull.room, page.head)
                self._port.emit(Page(pull.q, pull.room, page.entries, page.head, page.more))
            if self._pulls is not None:
                self._pulls.ended()
                self._wait_if_stuck()

        run_aside(patiently(self._ctx, lambda: self._ctx.ask(target, request)), answered)

    # --- bounds ------------------------------------------------------------------------------------------------------

    def _may_ask(self, q: int) -> bool:
        if self._under_way >= MAX_REQUESTS:
            self.fail(q, ChatError("overloaded", retry_after=0.5))
            return False
        wait = self._budget.take(self._ctx.now())
        if wait:
            self.fail(q, ChatError("rate_limited", retry_after=wait))
            return False
        self._under_way += 1
        return True

    def _ended(self, q: int, error: Exception | None) -> bool:
        """A request is over: whether well. A mistake of ours ends the session, as in any handler."""
        self._under_way -= 1
        if isinstance(error, ChatError):
            self.fail(q, error)
        elif error is not None:
            self.fail(q, ChatError("internal"))
            self._ctx.fail(error)
        return error is None


def fail(port: Port, q: int, error: ChatError) -> None:
    """Tell a client that its request `q` (0: the frame itself) failed."""
    port.emit(Failed(q, error.code, error.text, error.retry, error.retry_after, error.fields))


async def patiently(ctx: Context, attempt: Callable[[], Awaitable[T]], living: Container[ActorId] | None = None) -> T:
    """Ask again where the other side surely did nothing: a room that moves or whose cell has died is back in a moment.

    `living`: only as long as the asking actor is in it.
    """
    for pause_s in PATIENCE_S:
        try:
            return await attempt()
        except Unavailable as error:
            if error.code != "unavailable":  # the store is away: that may take longer, and the client is told
                raise
        await ctx.pause(pause_s)
        if living is not None and ctx.me not in living:
            raise Unavailable
    return await attempt()
