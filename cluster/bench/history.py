"""What clients saw, compactly: the history that `cluster.bench.judge` proves promises on.

Every device keeps one list of events, in the order in which it saw them. A moment, one number for all devices of
the process, says what came before what across devices. Bodies are kept as digests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from typing import NamedTuple


def digest(body: str) -> bytes:
    """What stands for a body: 8 bytes."""
    return blake2b(body.encode(), digest_size=8).digest()


class Sent(NamedTuple):
    """The device wrote a post to its socket; a repeat is written down again."""

    moment: int
    room: str
    n: int
    id: str
    digest: bytes


class Acked(NamedTuple):
    """The server said that post `n` is stored as `seq`."""

    moment: int
    room: str
    n: int
    seq: int


class Refused(NamedTuple):
    """The server said, for good, that post `n` is not stored."""

    moment: int
    room: str
    n: int
    code: str


class Shown(NamedTuple):
    """The device showed an entry to its user. `device` and `n` are empty for what happened to the room."""

    moment: int
    room: str
    seq: int
    user: str
    device: str
    n: int
    id: str
    digest: bytes


class Seen(NamedTuple):
    """The device received an entry that it has shown already, or read it to look at: only its content counts."""

    moment: int
    room: str
    seq: int
    user: str
    device: str
    n: int
    id: str
    digest: bytes


Event = Sent | Acked | Refused | Shown | Seen


@dataclass(slots=True)
class DeviceHistory:
    """What one device did and saw."""

    user: str
    device: str
    """The id that the server gave it."""
    events: list[Event] = field(default_factory=list)
    rooms: dict[str, int] = field(default_factory=dict)
    """Rooms that it must have wholly at the end, and the first seq that it may read there."""


class History:
    """All devices of a run, and its faults."""

    def __init__(self) -> None:
        self._moments = count(1)
        self.devices: list[DeviceHistory] = []
        # (moment, what was done)
        self.faults: list[tuple[int, str]] = []
        # room -> a head that the server told at the end: nothing may be missing before it
        self.heads: dict[str, int] = {}

    def device(self, user: str, device: str) -> Recorder:
        """A recorder for a device; one for its whole life, through all its connections."""
        kept = DeviceHistory(user, device)
        self.devices.append(kept)
        return Recorder(kept, self._moments)

    def fault(self, what: str) -> None:
        """Something was broken on purpose now."""
        self.faults.append((next(self._moments), what))

    def head(self, room: str, seq: int) -> None:
        """The server has named this seq of the room as stored."""
        self.heads[room] = max(seq, self.heads.get(room, 0))

    def __iter__(self) -> Iterator[DeviceHistory]:
        return iter(self.devices)


class Recorder:
    """Writes the history of one device."""

    __slots__ = ("_events", "_moments", "history")

    def __init__(self, history: DeviceHistory, moments: count[int]) -> None:
        self.history = history
        self._events = history.events
        self._moments = moments

    def must_have(self, room: str, first: int = 1) -> None:
        """At the end this device must have everything of the room from `first` on."""
        self.history.rooms[room] = first

    def sent(self, room: str, n: int, ident: str, body: str) -> None:
        """A post goes out, for the first time or again."""
        self._events.append(Sent(next(self._moments), room, n, ident, digest(body)))

    def acked(self, room: str, n: int, seq: int) -> None:
        """The answer to a post."""
        self._events.append(Acked(next(self._moments), room, n, seq))

    def refused(self, room: str, n: int, code: str) -> None:
        """A post was refused for good."""
        self._events.append(Refused(next(self._moments), room, n, code))

    def shown(self, room: str, seq: int, user: str, device: str, n: int, ident: str, body: str) -> None:
        """An entry was shown to the user of the device."""
        self._events.append(Shown(next(self._moments), room, seq, user, device, n, ident, digest(body)))

    def seen(self, room: str, seq: int, user: str, device: str, n: int, ident: str, body: str) -> None:
        """An entry was received and not shown."""
        self._events.append(Seen(next(self._moments), room, seq, user, device, n, ident, digest(body)))
