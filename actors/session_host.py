"""Where the gateway gets sessions from: one for each connection, an actor of this cell."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from actors.commands import Command
from actors.errors import ChatError
from actors.ports import Port, SessionHandle
from actors.runtime.activation import Activation
from actors.runtime.actor import Context, pinned_id
from actors.runtime.cell import Cell
from actors.session import Session
from actors.session_ports import SessionPorts


class _Handle:
    """The session's mailbox, and its end."""

    __slots__ = ("_activation", "_session", "closed", "offer")

    def __init__(self, activation: Activation, session: Session) -> None:
        self._activation = activation
        self._session = session
        self.offer: Callable[[Command], bool] = activation.offer
        self.closed = session.closed


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
        return _Handle(activation, made[0])
