"""The session's end of lines: a process hosts sessions whose connections other cells hold.

What goes over a line is bounded: commands by the session's mailbox (beyond it the client is told `overloaded`), events by the
client's reading (`actors.far_port`), both by the link. What a link loses ends the line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from actors.closing import CLOSES, CODE_OF_ERROR, GOING_AWAY, OVERLOADED
from actors.errors import ChatError, Overloaded
from actors.events import Failed
from actors.far_port import FarPort, Way
from actors.messages.lines import LineDrained, LineEnded, LineFull, LineSaid, OpenLine
from actors.messages.routes import ViewChanged
from actors.messages.session import LinkLost
from actors.ports import SessionHandle, Sessions
from actors.runtime.actor import Actor, ActorId, Context, handles, life_of
from actors.runtime.cell import Returned
from actors.runtime.plain import Message
from actors.runtime.view import View

TELL_AGAIN_S = 1.0
"""An edge that could not be told that a line has ended is told again after this time."""


class Guest(NamedTuple):
    """One line, and the session at its end."""

    port: FarPort
    session: SessionHandle


Guests = dict[tuple[ActorId, int], Guest]
"""(the edge's ``lines:LIFE~``, its number) -> the line."""


class Untold(Message, frozen=True, gc=False):
    """The host's own reminder."""

    edge: ActorId
    line: int


class LineHost(Actor):
    """``host:LIFE~``."""

    rank = 9

    def __init__(self, ctx: Context, way: Way, guests: Guests, sessions: Sessions, view: Callable[[], View | None]) -> None:
        """`guests` outlives this instance."""
        self._ctx = ctx
        self._way = way
        self._guests = guests
        self._sessions = sessions
        self._view = view

    @handles(OpenLine)
    def on_open(self, message: OpenLine) -> None:
        """A session for a connection elsewhere."""
        port = FarPort(self._way, message.origin, message.line)
        try:
            session = self._sessions.open(port, message.address)
        except ChatError as error:
            _fail(port, 0, error)
            code = CODE_OF_ERROR.get(error.code, OVERLOADED)
            port.close(code, CLOSES[code])
            return
        self._guests[message.origin, message.line] = Guest(port, session)
        session.offer(message.hello)

    @handles(LineSaid)
    def on_said(self, message: LineSaid) -> None:
        """A frame of the client."""
        guest = self._guests.get((message.origin, message.line))
        if guest is None:
            self._ctx.tell(message.origin, LineEnded(self._ctx.me, message.line))
        elif not guest.session.offer(message.command):
            _fail(guest.port, getattr(message.command, "q", 0), Overloaded(retry_after=0.5))

    @handles(LineFull, LineDrained)
    def on_flow(self, message: LineFull | LineDrained) -> None:
        """How the client reads."""
        guest = self._guests.get((message.origin, message.line))
        if guest is not None:
            (guest.port.full if isinstance(message, LineFull) else guest.port.drained)()

    @handles(LineEnded)
    def on_ended(self, message: LineEnded) -> None:
        """The connection is gone."""
        self._end(message.origin, message.line)

    @handles(Returned)
    def on_returned(self, message: Returned) -> None:
        """Something for a client was lost: it connects again."""
        view, life = self._view(), life_of(message.to)
        if not isinstance(message.message, LineEnded):
            self._drop(message.to, message.message.line)
        elif view is not None and life in view.by_life:
            self._ctx.after(TELL_AGAIN_S, Untold(message.to, message.message.line))

    @handles(Untold)
    def on_untold(self, message: Untold) -> None:
        """Say it again: without it the edge would keep a client that hears nothing."""
        self._ctx.tell(message.edge, LineEnded(self._ctx.me, message.line))

    @handles(LinkLost)
    def on_link_lost(self, message: LinkLost) -> None:
        """What was on its way to that edge may be lost."""
        self._drop_all({message.life})

    @handles(ViewChanged)
    def on_view(self, message: ViewChanged) -> None:
        """Edges may be gone; or this cell is to be emptied, and its clients find another."""
        view = self._view()
        self._drop_all(set(message.dead))
        if view is not None and life_of(self._ctx.me) in view.draining:
            for guest in self._guests.values():
                guest.port.close(GOING_AWAY, CLOSES[GOING_AWAY])

    def _drop_all(self, lives: set[str]) -> None:
        for edge, line in [key for key in self._guests if life_of(key[0]) in lives]:
            self._drop(edge, line)

    def _drop(self, edge: ActorId, line: int) -> None:
        """End a line that the edge may believe to stand."""
        self._end(edge, line)
        self._ctx.tell(edge, LineEnded(self._ctx.me, line))

    def _end(self, edge: ActorId, line: int) -> None:
        guest = self._guests.pop((edge, line), None)
        if guest is not None:
            guest.port.gone()
            guest.session.closed()


def _fail(port: FarPort, q: int, error: ChatError) -> None:
    port.emit(Failed(q, error.code, error.text, error.retry, error.retry_after, error.fields))
