"""What a room remembers of each device's posts: the rule of `n`.

A device numbers its posts to a room from 1 without holes, at most 64 of them unanswered. So the last 64 numbers of a
device are all that can be repeated: for each, its id and seq. Checkpoints keep the seqs; ids come back with the tail
of the log, or are read where a repeat needs one (`Known.id` is then empty).
"""

from __future__ import annotations

from typing import NamedTuple

from actors.commands import MAX_UNANSWERED
from actors.errors import ChatError
from actors.runtime.codec import pack, unpack


class Known(NamedTuple):
    """A post that is stored."""

    seq: int
    id: str
    """Empty where only the checkpoint knows it."""


class DeviceNumbers:
    """The posts of one device to one room."""

    __slots__ = ("_ids", "_seqs", "last")

    def __init__(self, last: int = 0, seqs: list[int] | None = None) -> None:
        self.last = last
        """The last `n` that is stored."""
        # seq and id of the last posts, newest last: two lists, since a pair for each post costs more than all else here
        self._seqs = seqs if seqs is not None else []
        self._ids = [""] * len(self._seqs)

    def find(self, n: int) -> Known | None:
        """What was stored under a number; None where it is too long ago."""
        at = n - self.last - 1 + len(self._seqs)
        return Known(self._seqs[at], self._ids[at]) if 0 <= at < len(self._seqs) else None

    def add(self, n: int, seq: int, post_id: str) -> None:
        """Note the next post."""
        self.last = n
        self._ids.append(post_id)
        seqs = self._seqs
        seqs.append(seq)
        if len(seqs) >= 2 * MAX_UNANSWERED:  # trimmed seldom: cheaper than a ring
            del seqs[:-MAX_UNANSWERED]
            del self._ids[:-MAX_UNANSWERED]

    def seqs(self) -> list[int]:
        """The seqs of the posts that can be repeated, newest last."""
        return self._seqs[-MAX_UNANSWERED:]


class Numbers:
    """The posts of all devices to one room."""

    def __init__(self) -> None:
        self._devices: dict[str, DeviceNumbers] = {}

    def __len__(self) -> int:
        return len(self._devices)

    def of(self, device: str) -> DeviceNumbers:
        """The record of a device, made where it is new."""
        record = self._devices.get(device)
        if record is None:
            record = self._devices[device] = DeviceNumbers()
        return record

    def find(self, device: str) -> DeviceNumbers | None:
        """The record of a device that has posted."""
        return self._devices.get(device)

    def encode(self) -> bytes:
        """For the checkpoint."""
        return pack({device: [record.last, record.seqs()] for device, record in self._devices.items()})

    @classmethod
    def decode(cls, blob: bytes) -> Numbers:
        """From a checkpoint."""
        numbers = cls()
        for device, (last, seqs) in unpack(dict[str, tuple[int, list[int]]], blob).items():
            numbers._devices[device] = DeviceNumbers(last, seqs)
        return numbers


def number_used(last: int) -> ChatError:
    """The refusal of a number that belongs to another post."""
    return ChatError("number_used", last=last)


def number_expected(n: int) -> ChatError:
    """The refusal of a hole."""
    return ChatError("expected", n=n)
