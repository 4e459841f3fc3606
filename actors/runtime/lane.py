"""A lane of a link: a bounded queue with one frame in flight.

While a frame is in flight, whatever is put waits and becomes the next frame: frames grow with load by themselves, and a
slow receiver slows its sender. Beyond the bounds `put` says no, and the link says what then happens.

Where frames are large enough to tell of load, both ends wait for a few turns of the loop before they answer: fewer and larger
frames wake the other process less often.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

E = TypeVar("E")

MAIN, BULK = 0, 1
"""Lane numbers. History pages, exports and their answers go on `BULK`, so that a page never holds up a post."""
LOADED = 8
"""Items in a frame from which on its receipt, and the frame after it, wait for a few turns."""
GATHER_TURNS = 3
"""Turns for which they do."""


class Limits(NamedTuple):
    """Bounds of one lane. An item counts once for each target."""

    items: int = 32_768
    """Items that may wait."""
    bytes: int = 16 << 20
    """Bytes that may wait, roughly."""
    frame_items: int = 4_096
    """Items in one frame, which the receiver takes in one turn."""
    frame_bytes: int = 1 << 20
    """Bytes in one frame; a larger item has a frame of its own."""
    asks: int = 4_096
    """Asks without an answer, per link."""


class OutOfStep(Exception):
    """A receipt for something that is not in flight: the other side is wrong, and the connection must end."""


class Lane(Generic[E]):
    """What waits and what is in flight. Entries keep the order of the calls."""

    __slots__ = ("_bytes", "_items", "_limits", "_queue", "_sizes", "in_flight", "put_count", "sent_count", "seq")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._queue: list[E] = []
        self._sizes: list[tuple[int, int]] = []
        self._items = 0
        self._bytes = 0
        self.in_flight: list[E] | None = None
        self.seq = 0
        """Number of the last frame that was sent on this connection."""
        self.put_count = 0
        """Entries ever put."""
        self.sent_count = 0
        """Entries ever sent: the entry that was put as number k is sent once this is at least k."""

    def put(self, entry: E, items: int, size: int) -> bool:
        """Queue an entry that counts as so many items and bytes; False where the lane is full."""
        limits = self._limits
        over = self._items + items > limits.items or self._bytes + size > limits.bytes
        # An entry above the bound by itself (one message to very many targets) still goes when nothing waits.
        if over and (self._queue or size > limits.bytes):
            return False
        self._queue.append(entry)
        self._sizes.append((items, size))
        self._items += items
        self._bytes += size
        self.put_count += 1
        return True

    @property
    def sendable(self) -> bool:
        """Whether something waits and nothing is in flight."""
        return self.in_flight is None and bool(self._queue)

    @property
    def relieved(self) -> bool:
        """Whether the queue has fallen to half of its bounds."""
        return self._items * 2 <= self._limits.items and self._bytes * 2 <= self._limits.bytes

    def take(self) -> list[E]:
        """The entries of the next frame, which is in flight from now on."""
        limits = self._limits
        if self._items <= limits.frame_items and self._bytes <= limits.frame_bytes:
            taken, self._queue, self._sizes = self._queue, [], []
            self._items = self._bytes = 0
        else:
            taken = self._take_part(limits.frame_items, limits.frame_bytes)
        self.in_flight = taken
        self.sent_count += len(taken)
        self.seq += 1
        return taken

    def _take_part(self, items: int, size: int) -> list[E]:
        count = 0
        for one_items, one_size in self._sizes:
            items -= one_items
            size -= one_size
            if count and (items < 0 or size < 0):
                break
            self._items -= one_items
            self._bytes -= one_size
            count += 1
        taken = self._queue[:count]
        del self._queue[:count]
        del self._sizes[:count]
        return taken

    def landed(self, seq: int) -> list[E]:
        """The frame was taken by the receiver; returns its entries."""
        entries = self.in_flight
        if entries is None or seq != self.seq:
            raise OutOfStep(f"a receipt for frame {seq}, the last one sent is {self.seq}")
        self.in_flight = None
        return entries

    def get(self, number: int) -> E:
        """The waiting entry that was put as number `number`."""
        return self._queue[number - self.sent_count - 1]

    def replace(self, number: int, entry: E) -> None:
        """Put another entry in the place of the waiting one that was put as number `number`."""
        self._queue[number - self.sent_count - 1] = entry

    def clear(self) -> tuple[list[E], list[E]]:
        """Forget everything; returns what was in flight and what waited. The next connection counts from 1 again."""
        sent, waiting = self.in_flight or [], self._queue
        self.in_flight = None
        self._queue, self._sizes = [], []
        self._items = self._bytes = 0
        self.sent_count = self.put_count
        self.seq = 0
        return sent, waiting

    def waiting(self) -> tuple[int, int]:
        """Items and bytes that wait, for people."""
        return self._items, self._bytes
