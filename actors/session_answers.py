"""What a session answers at once: small handlers of `Session`, and what operators ask (`actors.messages.control`).

Methods of `Session` that are kept here so that its own page stays short; they use what it keeps to itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.closing import CLOSES
from actors.commands import Ping
from actors.errors import ChatError
from actors.events import Move, Notice, Pong
from actors.messages.control import EndSession, InspectSession, Notify, SessionFigures
from actors.messages.session import AskToMove, Dismiss
from actors.runtime.actor import handles

if TYPE_CHECKING:
    from actors.session import Session


@handles(Ping)
def on_ping(session: Session, ping: Ping) -> None:
    """Here."""
    session._port.emit(Pong(ping.q, int(session._ctx.wall() * 1000)))


@handles(Dismiss)
def on_dismiss(session: Session, message: Dismiss) -> None:
    """Logged out, disabled, or replaced by a newer connection."""
    session._close(message.code)


@handles(AskToMove)
def on_ask_to_move(session: Session, message: AskToMove) -> None:
    """There is more room elsewhere, or this cell is to end."""
    if session._user:
        session._port.emit(Move(message.urls, session._ports.tickets.issue(session._user, session._device), message.within))


@handles(InspectSession)
def on_inspect(session: Session, request: InspectSession) -> SessionFigures:
    """The session in figures."""
    return SessionFigures(
        session._ctx.me, session._user, session._device, len(session._heads), session._out.count(),
        session.pushes, session._port.backlog(), session._ports.places.life,
    )  # fmt: skip


@handles(Notify)
def on_notify(session: Session, request: Notify) -> None:
    """A word of the operators. Not before `welcome`: the client would not know what to do with it."""
    if not session._user:
        raise ChatError("not_now")
    session._port.emit(Notice(request.text, int(session._ctx.wall() * 1000)))


@handles(EndSession)
def on_end(session: Session, request: EndSession) -> None:
    """Closed with one of the codes that clients know."""
    if request.code not in CLOSES:
        raise ChatError("invalid", reason="code")
    session._close(request.code)
