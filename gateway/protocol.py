"""The client protocol without input or output: which frame is legal when, and what a wrong one leads to.

    NEW      nothing was said          hello
    OPENING  hello went to the session ping
    OPEN     welcome was sent          all but hello
    CLOSING  the end was announced     nothing (frames are dropped)

A wrong frame before OPEN ends the connection. In OPEN it is answered with an `error` frame and the connection stays,
until a budget of errors is used up. Every end that is the client's fault is announced by an `error` frame.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, get_args

from actors.closing import MALFORMED, NOT_NOW, TOO_MANY_ERRORS, UNSUPPORTED_VERSION
from actors.commands import PROTOCOL_VERSION, AnyCommand, Command, Hello, Ping
from actors.errors import ChatError
from actors.events import Failed
from gateway.wire import decode

VERSIONS = frozenset({PROTOCOL_VERSION - 1, PROTOCOL_VERSION})
"""Protocol versions spoken here."""
ERROR_BUDGET = 20
"""Refused frames in one window after which the connection is closed."""
ERROR_WINDOW_S = 60.0
"""Length of a window, from its first refused frame."""


class State(IntEnum):
    """Where a conversation stands."""

    NEW = 0
    OPENING = 1
    OPEN = 2
    CLOSING = 3


LEGAL: tuple[frozenset[type[Command]], ...] = (
    frozenset({Hello}),
    frozenset({Ping}),
    frozenset(get_args(AnyCommand)) - {Hello},
    frozenset(),
)
"""State -> the frames that it allows."""

_CLOSE_CODES = {"invalid": MALFORMED, "too_large": MALFORMED, "not_now": NOT_NOW, "unsupported_version": UNSUPPORTED_VERSION}


class Refusal(NamedTuple):
    """What a refused frame leads to."""

    answer: Failed
    """The `error` frame to send."""
    close: int
    """The code to close with after it; 0: the connection stays."""


class Dialogue:
    """The state of one client's conversation."""

    __slots__ = ("_errors", "_legal", "_window_ends_at", "state")

    def __init__(self) -> None:
        self.state = State.NEW
        # LEGAL[state], so that the common frame costs one look-up
        self._legal = LEGAL[State.NEW]
        # refused frames in this window, and when it ends
        self._errors = 0
        self._window_ends_at = 0.0

    def receive(self, text: bytes) -> Command:
        """The command in a frame. Raises `ChatError` where it must be refused (see `refuse`), and `NotUtf8`."""
        command = decode(text)
        if type(command) not in self._legal:
            raise ChatError("not_now", state=self.state.name.lower(), t=str(type(command).__struct_config__.tag))
        if self.state is State.NEW:
            self._hello(command)
        return command

    def opened(self) -> None:
        """The session has sent its welcome."""
        if self.state is State.OPENING:
            self._enter(State.OPEN)

    def close(self) -> None:
        """No more frames are taken."""
        self._enter(State.CLOSING)

    def refuse(self, error: ChatError, now: float) -> Refusal:
        """What follows from a frame that `receive` refused. `now`: seconds of a monotonic clock."""
        answer = Failed(0, error.code, error.text, error.retry, error.retry_after, error.fields)
        if self.state is not State.OPEN:
            return Refusal(answer, _CLOSE_CODES.get(error.code, MALFORMED))
        if now >= self._window_ends_at:
            self._errors = 0
            self._window_ends_at = now + ERROR_WINDOW_S
        self._errors += 1
        return Refusal(answer, TOO_MANY_ERRORS if self._errors > ERROR_BUDGET else 0)

    def _hello(self, command: Command) -> None:
        if isinstance(command, Hello) and command.v not in VERSIONS:
            raise ChatError("unsupported_version", versions=sorted(VERSIONS))
        self._enter(State.OPENING)

    def _enter(self, state: State) -> None:
        self.state = state
        self._legal = LEGAL[state]
