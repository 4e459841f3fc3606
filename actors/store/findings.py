"""What is wrong with stored data, in sentences; and what always holds between the rows of one room, or of one account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from actors.store.rows import CheckpointRow, EntryRow, MarkRow, MemberRow, UserMarkRow, UserRoomRow, UserRow

MOST_SENTENCES = 200
"""Told one by one; beyond it they are counted."""
_read_devices = msgspec.msgpack.Decoder(dict[str, tuple[int, list[int]]]).decode


class Findings:
    """Sentences, and what was looked at. At most `MOST_SENTENCES` are kept, however much is wrong."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.count = 0
        """Of all that is wrong."""
        self.seen: dict[str, int] = {}
        """What was looked at, and how many of each."""

    def add(self, sentence: str) -> None:
        """Something is wrong."""
        self.count += 1
        if len(self.sentences) < MOST_SENTENCES:
            self.sentences.append(sentence)

    def extend(self, sentences: Iterable[str]) -> None:
        """All of these are."""
        for sentence in sentences:
            self.add(sentence)

    def saw(self, what: str, count: int = 1) -> None:
        """So many more were looked at."""
        self.seen[what] = self.seen.get(what, 0) + count


class RoomAudit:
    """One room: its entries are handed in, ascending, piece by piece."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.first = 0
        """Its first number that is there; 0: none is."""
        self.head = 0
        self.count = 0
        self._numbers: dict[str, int] = {}

    def entries(self, entries: Sequence[EntryRow]) -> Iterator[str]:
        """The next ones."""
        for entry in entries:
            if entry.room != self.room:
                yield f"Room {self.room}: message {entry.seq} is one of room {entry.room}."
            if self.head and entry.seq != self.head + 1:
                yield (
                    f"Room {self.room}: messages {self.head + 1} to {entry.seq - 1} are missing."
                    if entry.seq > self.head
                    else (f"Room {self.room}: message {entry.seq} comes after {self.head}.")
                )
            yield from self._number(entry)
            self.first = self.first or entry.seq
            self.head = max(self.head, entry.seq)
            self.count += 1

    def _number(self, entry: EntryRow) -> Iterator[str]:
        if not entry.device or not entry.n:
            return  # an event, or a post by HTTP: it has a key instead
        last = self._numbers.get(entry.device, 0)
        if entry.n <= last:
            yield f"Room {self.room}: message {entry.seq} has the number {entry.n} of device {entry.device}, which was at {last} before."
        self._numbers[entry.device] = max(last, entry.n)

    def rows(self, checkpoints: Sequence[CheckpointRow], marks: Sequence[MarkRow], members: Sequence[MemberRow]) -> Iterator[str]:
        """What stands beside them, read before they were."""
        for checkpoint in checkpoints:
            yield from self._checkpoint(checkpoint)
        for mark in marks:
            if mark.seq > self.head:
                yield f"Room {self.room}: the mark of {mark.user} stands at {mark.seq}, above the last message, {self.head}."
        for member in members:
            if member.first > self.head + 1:
                yield f"Room {self.room}: {member.user} may read from {member.first} on, above the last message, {self.head}."

    def _checkpoint(self, row: CheckpointRow) -> Iterator[str]:
        if max(row.seq, row.fanned) > self.head:
            yield f"Room {self.room}: its checkpoint stands at {max(row.seq, row.fanned)}, above the last message, {self.head}."
        try:
            devices = _read_devices(row.devices)
        except msgspec.DecodeError:
            yield f"Room {self.room}: its checkpoint cannot be read."
            return
        for device, (last, seqs) in devices.items():
            if any(seq > row.seq for seq in seqs) or list(seqs) != sorted(seqs) or len(seqs) > max(last, 0):
                yield f"Room {self.room}: what its checkpoint says of device {device} cannot be."


def user_faults(
    user: str, rows: Sequence[UserRow], rooms: Sequence[UserRoomRow], marks: Sequence[UserMarkRow], devices: int
) -> Iterator[str]:
    """What is wrong with an account, of rows read at one moment."""
    if not rows:
        what = [name for name, count in (("rooms", len(rooms)), ("marks", len(marks)), ("devices", devices)) if count]
        yield f"Account {user}: it has {' and '.join(what) or 'rows'}, and is not there itself."
        return
    version = rows[0].version
    for row in rooms:
        if row.version > version:
            yield f"Account {user}: its list counts to {version}, and room {row.room} in it to {row.version}."
