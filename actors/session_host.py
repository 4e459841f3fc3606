"""Where the gateway gets sessions from: one for each connection, an actor of this cell."""

from __future__ import annotations

from itertools import count

from actors.errors import ChatError
from actors.events import Failed
from actors.ports import Port, SessionHandle
from actors.runtime.activation import Activation
from actors.runtime.actor import Context, pinned_id
from actors.runtime.cell import Cell
from actors.session import Session
from actors.session_ports import SessionPorts


class _Handle:
    """Puts commands into the session's mailbox."""

    __slots__ = ("_activation", "_port", "_session")

    def __init__(self, activation: Activation, session: Session, port: Port) -> None:
        self._activation = activation
        self._session = session
        self._port = port

    def command(self, command: object) -> None:
        """One decoded frame. A full mailbox refuses it."""
        if not self._activation.offer(command):
            error = ChatError("overloaded", retry_after=0.5)
            q = getattr(command, "q", 0)
            self._port.emit(Failed(q, error.code, error.text, error.retry, error.retry_after, error.fields))

    def closed(self) -> None:
        """The connection is gone."""
        self._session.closed()


class SessionHost:
    """Implements `actors.ports.Sessions` over a cell."""

    def __init__(self, cell: Cell, ports: SessionPorts, max_sessions: int, *, prefix: str = "") -> None:
        """`prefix`: keeps the sessions of several hosts of one cell apart."""
        self._cell = cell
        self._ports = ports
        self._prefix = prefix
        self.max_sessions = max_sessions
        self._numbers = count(1)

    def open(self, port: Port, address: str) -> SessionHandle:
        """A session for a new connection. `Overloaded` where the cell is full."""
        made: list[Session] = []

        def make(ctx: Context) -> Session:
            made.append(Session(ctx, self._ports, port))
            return made[0]

        me = pinned_id("session", self._cell.life, f"{self._prefix}{next(self._numbers):x}")
        self._cell.start_actor(me, make, limit=self.max_sessions)
        activation = self._cell.activation(me)
        if activation is None:
            raise ChatError("overloaded", retry_after=2.0)
        return _Handle(activation, made[0], port)
