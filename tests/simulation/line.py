"""The connection of a simulated device to a cell: frames in order, each way after a delay, until it breaks.

The two ends need not learn of its end at the same time: a half-open connection lives on at the edge, and a frozen edge
is silent until its client has had enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors import commands as c
from actors import events as e
from actors.closing import OVERLOADED
from actors.errors import ChatError
from actors.ports import Payload, SessionHandle
from tests.kit.chat import encode
from tests.simulation.cell import SimCell

if TYPE_CHECKING:
    from tests.simulation.device import SimDevice
    from tests.simulation.world import World

BROKEN = 1006


class SimLine:
    """One connection. To its session it is the `Port`; the device calls `send`, `ping` and `hang_up`."""

    def __init__(self, world: World, device: SimDevice, cell: SimCell) -> None:
        self.cell = cell
        self.is_open = True
        """As the device sees it."""
        self.is_stalled = False
        self.choked = False
        self._world = world
        self._device = device
        self._handle: SessionHandle | None = None
        self._edge_open = True
        self._held: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._drained: list[Callable[[], None]] = []
        self._up_at = self._down_at = 0.0
        self._at_edge(self._accept)

    # --- the device's side ---

    def send(self, command: c.Command) -> None:
        """A frame to the edge."""
        if self.is_open:
            self._at_edge(self._command, command)

    def ping(self) -> None:
        """Answered by the process of the edge, not by the session."""
        if self.is_open:
            self._at_edge(self._answer_ping)

    def hang_up(self, edge_hears_after: float = 0.0) -> None:
        """The device closes it, or takes it for dead; the edge may notice late."""
        if self.is_open:
            self.is_open = False
            self._world.clock.later(edge_hears_after, self._tell_edge)

    # --- faults ---

    def stall(self) -> None:
        """Nothing passes, and nobody is told."""
        self.is_stalled = True

    def flow(self) -> None:
        """What was held back passes."""
        self.is_stalled = False
        held, self._held = self._held, []
        for callback, args in held:
            callback(*args)

    def choke(self) -> None:
        """The device stops reading."""
        self.choked = True

    def drain(self) -> None:
        """It reads again."""
        self.choked = False
        callbacks, self._drained = self._drained, []
        if self._edge_open:
            for callback in callbacks:
                self.cell.clock.soon(callback)

    def die_with_cell(self, device_hears_after: float) -> None:
        """The process of the edge is gone; what it had sent arrives before its end is heard of."""
        self._edge_open = False
        now = self._world.clock.now()
        self._down_at = max(self._down_at, now + device_hears_after)
        self._world.clock.later(self._down_at - now, self._end_at_device, BROKEN)

    # --- Port ---

    def emit(self, event: e.Event) -> None:
        self._at_device(self._receive, encode(event))

    def push(self, payload: Payload) -> None:
        for text in payload.framed.splitlines() if payload.framed is not None else [payload.text]:
            self._at_device(self._receive, text)

    def backlog(self) -> int:
        return 0

    def pause(self) -> None:
        """A frame is handed over at once in this simulation: nothing is left to pause."""

    def resume(self) -> None:
        """See `pause`."""

    def close(self, code: int, reason: str) -> None:
        if self._edge_open:
            self._edge_open = False
            self._at_device(self._end_at_device, code)
            self.cell.clock.soon(self._closed)

    def on_drained(self, callback: Callable[[], None]) -> None:
        if self.choked:
            self._drained.append(callback)
        else:
            self.cell.clock.soon(callback)

    # --- inside: the way to the edge ---

    def _at_edge(self, callback: Callable[..., None], *args: Any) -> None:
        self._up_at = max(self._up_at, self._world.clock.now() + self._world.line_delay())
        self._world.clock.later(self._up_at - self._world.clock.now(), self._pass, self._in_cell, callback, args)

    def _in_cell(self, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        self.cell.clock.soon(self._in_turn, callback, args)

    def _in_turn(self, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        if self._edge_open:
            callback(*args)

    def _accept(self) -> None:
        try:
            self._handle = self.cell.chat.sessions.open(self, "127.0.0.1")
        except ChatError:
            self.close(BROKEN, "")

    def _command(self, command: c.Command) -> None:
        if self._handle is not None and not self._handle.offer(command):
            self.close(OVERLOADED, "")

    def _answer_ping(self) -> None:
        self._at_device(self._heard)

    def _tell_edge(self) -> None:
        self.cell.clock.soon(self._edge_ends)

    def _edge_ends(self) -> None:
        if self._edge_open:
            self._edge_open = False
            self._closed()

    def _closed(self) -> None:
        if self._handle is not None:
            self._handle.closed()

    # --- inside: the way to the device ---

    def _at_device(self, callback: Callable[..., None], *args: Any) -> None:
        now = self._world.clock.now()
        self._down_at = max(self._down_at, now + self._world.line_delay())
        self._world.clock.later(self._down_at - now, self._pass, callback, *args)

    def _pass(self, callback: Callable[..., None], *args: Any) -> None:
        if self.is_stalled or self._held:
            self._held.append((callback, args))
        else:
            callback(*args)

    def _receive(self, text: bytes) -> None:
        if self.is_open:
            self._device.hears(self, text)

    def _heard(self) -> None:
        if self.is_open:
            self._device.hears(self, None)

    def _end_at_device(self, code: int) -> None:
        if self.is_open:
            self.is_open = False
            self._device.lost(self, code)
