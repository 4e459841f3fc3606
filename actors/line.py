"""The edge's end of one line: a client's connection whose session is hosted by another cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from actors.closing import CLOSES, CODE_OF_ERROR, GOING_AWAY, OVERLOADED, TOO_SLOW
from actors.commands import Command, Hello
from actors.errors import ChatError, Unavailable
from actors.events import AnyEvent, Failed, Welcome
from actors.messages.lines import LineDrained, LineEnded, LineFull, LineSaid, LineWrote, OpenLine
from actors.ports import Payload, Port
from actors.runtime.actor import ActorId, pinned_id
from actors.runtime.plain import Message

MAX_EARLY = 16
"""Frames (pings) that wait for the session; beyond it the client is told `overloaded`."""
MAX_HELD_BYTES = 4 * 1024 * 1024
"""Pushed bytes that wait because the host did not know yet that the client reads too slowly; beyond it the connection is closed."""


class LineOwner(Protocol):
    """What a line asks of the table of lines."""

    me: ActorId

    def tell(self, to: ActorId, message: Message) -> None:
        """Send and go on."""

    def number(self, line: Line) -> int:
        """A number that names this line from now on, and no other ever."""

    def greeted(self, line: Line) -> None:
        """Its client has said `hello`: find its session a process."""

    def ended(self, line: Line) -> None:
        """The connection is gone."""


class Line:
    """Implements `actors.ports.SessionHandle`."""

    __slots__ = (
        "_address",
        "_early",
        "_held",
        "_held_bytes",
        "_is_full",
        "_owner",
        "_port",
        "hello",
        "host",
        "is_open",
        "is_welcomed",
        "number",
        "offer",
        "process",
        "session",
    )  # fmt: skip

    def __init__(self, owner: LineOwner, port: Port, address: str) -> None:
        self._owner = owner
        self._port = port
        self._address = address
        self.offer: Callable[[Command], bool] = self._offer
        self.hello: Hello | None = None
        self.process = ""
        """The name of the cell that is to host the session; empty before it is known whose it is."""
        self.host = ""
        """The life that hosts it; empty while there is none."""
        self.number = 0
        self.session = ActorId("")
        """The session's address, once it has welcomed its client."""
        self.is_open = True
        """Whether there is a connection, and it is not being closed."""
        self.is_welcomed = False
        self._early: list[Command] = []
        # pushed frames, and what came behind them, that the connection could not take yet
        self._held: list[AnyEvent | bytes] = []
        self._held_bytes = 0
        self._is_full = False

    # --- the connection's side ---

    def _offer(self, command: Command) -> bool:
        if self.host:
            self._owner.tell(self._there, LineSaid(self._owner.me, self.number, command))  # type: ignore[arg-type]
        elif self.hello is None:
            assert isinstance(command, Hello)
            self.hello = command
            self._owner.greeted(self)
        elif len(self._early) < MAX_EARLY:
            self._early.append(command)
        else:
            return False
        return True

    def closed(self) -> None:
        """The connection is gone."""
        self.is_open = False
        self._forget()
        if self.host:
            self._owner.tell(self._there, LineEnded(self._owner.me, self.number))
        self._owner.ended(self)

    # --- the table's side ---

    def join(self, life: str) -> None:
        """This life hosts the session."""
        assert self.hello is not None
        self.host, self.number = life, self._owner.number(self)
        self._owner.tell(self._there, OpenLine(self._owner.me, self.number, self.hello, self._address))
        early, self._early = self._early, []
        for command in early:
            self._offer(command)

    def leave(self) -> bool:
        """The host, or something on the way, is lost. True where another may take its place: the client has heard nothing yet."""
        self._owner.tell(self._there, LineEnded(self._owner.me, self.number))
        self.host = ""
        if self.is_welcomed and self.is_open:
            self.close(GOING_AWAY, CLOSES[GOING_AWAY])
        return self.is_open

    def refuse(self, error: ChatError) -> None:
        """There is no session to be had."""
        if self.is_open:
            self._port.emit(Failed(0, error.code, error.text, error.retry, error.retry_after, error.fields))
            code = CODE_OF_ERROR.get(error.code, OVERLOADED)
            self.close(code, CLOSES[code])

    def give_up(self) -> None:
        """Its time is over."""
        if not self.is_welcomed:
            self.refuse(Unavailable(retry_after=2.0))

    # --- the host's side ---

    def wrote(self, message: LineWrote) -> None:
        """The session has something for the client."""
        for part in message.parts:
            if self._held:
                self._hold(part)
            elif isinstance(part, bytes):
                self._push(part)
            else:
                self._emit(part)
        if (self._held or self._port.choked) and not self._is_full and self.is_open and self.host:
            self._is_full = True
            self._owner.tell(self._there, LineFull(self._owner.me, self.number))
            self._port.on_drained(self._drained)

    def close(self, code: int, reason: str) -> None:
        """Close the connection; events that are held go out before, pushed entries the client pulls when it is back."""
        for part in self._held:
            if not isinstance(part, bytes):
                self._port.emit(part)
        self.is_open = False
        self._forget()
        self._port.close(code, reason)

    def read(self, on: bool) -> None:
        """Read from the client, or do not."""
        (self._port.resume if on else self._port.pause)()

    # --- inside ---

    @property
    def _there(self) -> ActorId:
        return pinned_id("host", self.host)

    def _emit(self, event: AnyEvent) -> None:
        if event.__class__ is Welcome:
            self.is_welcomed, self.session = True, ActorId(event.session)
        self._port.emit(event)

    def _push(self, framed: bytes) -> None:
        payload = Payload(b"")
        payload.framed = framed
        if not self._port.push(payload):
            self._hold(framed)

    def _hold(self, part: AnyEvent | bytes) -> None:
        self._held.append(part)
        if isinstance(part, bytes):
            self._held_bytes += len(part)
            if self._held_bytes > MAX_HELD_BYTES and self.is_open:
                self.close(TOO_SLOW, CLOSES[TOO_SLOW])

    def _drained(self) -> None:
        """The socket is empty: what is held goes out, then the host may push again."""
        held, self._held, self._held_bytes, self._is_full = self._held, [], 0, False
        self.wrote(LineWrote(self._owner.me, self.number, held))
        if not self._is_full and self.host:
            self._owner.tell(self._there, LineDrained(self._owner.me, self.number))

    def _forget(self) -> None:
        self._early.clear()
        self._held.clear()
        self._held_bytes = 0
