"""Several cells in one process: an in-memory transport for links, with delay, loss and partition as function calls.

Frames arrive whole and in order, as on TCP. A *cut* holds them back silently; a cut that lasts longer than `DEAD_AFTER_S`
ends the connections that it crosses, as missing pongs do, and what was held is gone. A *drop* ends a connection at
once with everything that was on its way. Dialers try again with growing pauses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.runtime.codec import Codec
from actors.runtime.inbound import Inbound
from actors.runtime.lane import Limits
from actors.runtime.link import LINK_VERSION, Link, agree_version
from actors.runtime.links import Links
from actors.runtime.remote import Local
from actors.runtime.scheduler import Scheduler
from actors.runtime.view import CellInfo
from tests.kit.clock import Clock

DEAD_AFTER_S = 3.0
"""How long a silent connection lives."""
BACKOFF_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0)
"""Pauses between attempts to connect."""


class Network:
    """All connections between the cells that have joined."""

    def __init__(self, clock: Clock, codec: Codec, *, delay: float = 0.001, limits: Limits | None = None) -> None:
        self.clock = clock
        self.frames = 0
        """Frames delivered so far."""
        self.jitter: Callable[[], float] = lambda: 0.0
        """Seconds that the next frame takes beyond its delay."""
        self._codec = codec
        self._delay = delay
        self._limits = limits
        self._delays: dict[tuple[str, str], float] = {}
        self._links: dict[str, Links] = {}
        # lives with a clock of their own, which may stand still: what they hear, they hear in a turn of it
        self._clocks: dict[str, Scheduler] = {}
        self._versions: dict[str, int] = {}
        self._cuts: set[tuple[str, str]] = set()
        self._silent: set[str] = set()
        self._connections: list[Connection] = []

    # --- cells -------------------------------------------------------------------------------------------------------

    def join(
        self,
        life: str,
        local: Local,
        on_newer_view: Callable[[int], None] | None = None,
        *,
        link_version: int = LINK_VERSION,
        clock: Scheduler | None = None,
    ) -> Links:
        """The links of a new life; `adopt` a view with it to connect it. `clock`: its own, where it has one."""

        def dial(cell: CellInfo, link: Link) -> Dialer:
            return Dialer(self, life, cell.life, link)

        links = Links(life, self._codec, clock or self.clock, local, dial, on_newer_view or (lambda version: None), self._limits)
        self._links[life] = links
        if clock is not None:
            self._clocks[life] = clock
        self._versions[life] = link_version
        return links

    def kill(self, life: str) -> None:
        """The process is gone: its links hear nothing any more, the others see their connections end."""
        self._links.pop(life)
        for connection in self._of(life):
            connection.end(silent_at=life)

    # --- faults ------------------------------------------------------------------------------------------------------

    def delay(self, a: str, b: str, seconds: float) -> None:
        """Frames from `a` to `b` take this long from now on; never overtaking earlier ones."""
        self._delays[a, b] = seconds

    def silence(self, life: str) -> None:
        """The process answers nothing any more: after `DEAD_AFTER_S` the others end their connections with it."""
        self._silent.add(life)
        for connection in self._of(life):
            self.clock.later(DEAD_AFTER_S, connection.end_if_cut)

    def speak(self, life: str) -> None:
        """It answers again."""
        self._silent.discard(life)

    def drop(self, a: str, b: str) -> None:
        """End the connections between two lives, with everything that is on its way, both directions."""
        for connection in self._between(a, b):
            connection.end()

    def cut(self, a: str, b: str) -> None:
        """Nothing passes between two lives, and nobody is told."""
        self.cut_one_way(a, b)
        self.cut_one_way(b, a)

    def cut_one_way(self, a: str, b: str) -> None:
        """Nothing passes from `a` to `b`, and nobody is told."""
        self._cuts.add((a, b))
        for connection in self._between(a, b):
            self.clock.later(DEAD_AFTER_S, connection.end_if_cut)

    def heal(self, a: str, b: str) -> None:
        """Everything passes again; connections that lived through it deliver what was held."""
        self._cuts -= {(a, b), (b, a)}
        for connection in self._between(a, b):
            connection.release()

    # --- asked by dialers and connections ----------------------------------------------------------------------------

    def connect(self, a: str, b: str, link: Link, on_end: Callable[[], None]) -> Connection | None:
        """A connection from `a` to `b`, if it is possible now."""
        if a not in self._links or b not in self._links or self.is_broken(a, b):
            return None
        if not self.spoken(a, b):
            return None
        connection = Connection(self, a, b, link, self._links[b], on_end)
        self._connections.append(connection)
        return connection

    def spoken(self, a: str, b: str) -> int:
        """The link version that two lives agree on; 0 where they cannot."""
        return agree_version(self._versions[a], self._versions[b]) or 0

    def is_cut(self, a: str, b: str) -> bool:
        """Whether nothing passes from `a` to `b`."""
        return (a, b) in self._cuts

    def is_broken(self, a: str, b: str) -> bool:
        """Whether one of them hears nothing of the other."""
        return self.is_cut(a, b) or self.is_cut(b, a) or a in self._silent or b in self._silent

    def delay_of(self, a: str, b: str) -> float:
        """Seconds that a frame takes."""
        return self._delays.get((a, b), self._delay) + self.jitter()

    def clock_of(self, life: str) -> Scheduler:
        """What its transport goes by."""
        return self._clocks.get(life, self.clock)

    def at(self, life: str, callback: Callable[..., None], *args: Any) -> None:
        """Let a life hear something: at once, or in a turn of its own clock."""
        clock = self._clocks.get(life)
        if clock is None:
            callback(*args)
        else:
            clock.soon(callback, *args)

    def forget(self, connection: Connection) -> None:
        """A connection has ended."""
        if connection in self._connections:
            self._connections.remove(connection)

    def _of(self, life: str) -> list[Connection]:
        return [connection for connection in self._connections if life in (connection.a, connection.b)]

    def _between(self, a: str, b: str) -> list[Connection]:
        return [connection for connection in self._of(a) if b in (connection.a, connection.b)]


class Connection:
    """One connection from the dialing life `a` to the accepting life `b`."""

    def __init__(self, network: Network, a: str, b: str, link: Link, links: Links, on_end: Callable[[], None]) -> None:
        self.a = a
        self.b = b
        self.open = True
        self._network = network
        self._link = link
        self._links = links
        self._on_end = on_end
        self._to_b = Direction(network, self, a, b, self._at_b)
        self._to_a = Direction(network, self, b, a, self._at_a)
        spoken = network.spoken(a, b)
        self._inbound: Inbound = links.accept(a, self._to_a, spoken)
        link.connected(self._to_b, spoken)

    def _at_a(self, frame: bytes) -> None:
        self._link.received(self._to_b, frame)

    def _at_b(self, frame: bytes) -> None:
        self._inbound.received(frame)

    def release(self) -> None:
        """Deliver what a cut held back."""
        self._to_a.release()
        self._to_b.release()

    def end_if_cut(self) -> None:
        """What missing pongs do."""
        if self._network.is_broken(self.a, self.b):
            self.end()

    def end(self, silent_at: str | None = None) -> None:
        """Both ends hear that it is over; `silent_at` does not, its process is gone."""
        if not self.open:
            return
        self.open = False
        self._network.forget(self)
        if silent_at != self.b:
            self._network.at(self.b, self._links.hung_up, self._inbound)
        if silent_at != self.a:
            self._network.at(self.a, self._ended_at_a)

    def _ended_at_a(self) -> None:
        self._link.disconnected(self._to_b)
        self._on_end()


class Direction:
    """One direction of a connection: the `Wire` of the end that sends on it."""

    def __init__(self, network: Network, connection: Connection, a: str, b: str, deliver: Callable[[bytes], None]) -> None:
        self._network = network
        self._connection = connection
        self._a = a
        self._b = b
        self._deliver = deliver
        self._held: list[bytes] = []
        self._last_at = 0.0

    def send(self, frame: bytes) -> None:
        """Let it arrive after the delay, not before those sent earlier."""
        clock = self._network.clock
        self._last_at = max(self._last_at, clock.now() + self._network.delay_of(self._a, self._b))
        clock.later(self._last_at - clock.now(), self._arrive, frame)

    def close(self) -> None:
        """End the connection, seen by the other end in the next turn."""
        self._network.clock.soon(self._connection.end)

    def release(self) -> None:
        """A cut is healed."""
        held, self._held = self._held, []
        for frame in held:
            self._arrive(frame)

    def _arrive(self, frame: bytes) -> None:
        if not self._connection.open:
            return
        if self._held or self._network.is_cut(self._a, self._b):
            self._held.append(frame)
            return
        self._network.frames += 1
        self._network.at(self._b, self._deliver, frame)


class Dialer:
    """Keeps one link connected, as the real transport does. Implements `Dialing`."""

    def __init__(self, network: Network, a: str, b: str, link: Link) -> None:
        self._network = network
        self._a = a
        self._b = b
        self._link = link
        self._failures = 0
        self._closed = False
        self._connection: Connection | None = None
        network.clock_of(a).later(network.delay_of(a, b), self._attempt)

    def close(self) -> None:
        """Stop trying, and end what stands."""
        self._closed = True
        if self._connection is not None:
            self._connection.end()

    def _attempt(self) -> None:
        if self._closed:
            return
        self._connection = self._network.connect(self._a, self._b, self._link, self._again)
        if self._connection is None:
            self._again()
        else:
            self._failures = 0

    def _again(self) -> None:
        pause = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._failures += 1
        self._network.clock_of(self._a).later(pause, self._attempt)
