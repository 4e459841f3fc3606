"""What one room knows of its log: head, numbers, roster, and when to sum up.

Entries are drafted (numbered) before their commit and become true with `committed`. A failed commit discards the
whole object with its room, so drafting may run ahead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from actors.errors import ChatError
from actors.events import Entry
from actors.messages.delivery import Submit
from actors.messages.room import KeyedPost, Stored
from actors.numbers import DeviceNumbers, Numbers
from actors.roster import Roster
from actors.store.rows import ActiveRow, CheckpointRow, EntryRow, Gone, KeyRow, MarkRow, RoomRow, Row
from actors.store.store import Commit, Store

CHECKPOINT_POSTS = 256
"""Entries after which the numbers are summed up; more where many devices post, so that summing up stays cheap."""
CHECKPOINT_DEVICES = 4
"""Entries for each known device before the next checkpoint."""


def entry_of(row: EntryRow) -> Entry:
    """The entry as clients see it."""
    return Entry(row.room, row.seq, row.at, row.user, row.kind, row.body, row.device, row.n, row.id)


class RoomLog:
    """The durable side of a room."""

    def __init__(self, room: str, slot: int, store: Store) -> None:
        self.room = room
        self.slot = slot
        self.head = 0
        """The last committed seq."""
        self.last_at = 0
        """When the head was stored, milliseconds since 1970."""
        self.numbers = Numbers()
        self.exists = False
        self.roster: Roster
        self.untold: dict[str, MarkRow] = {}
        """Marks that their users have not confirmed."""
        self._store = store
        self._drafted = 0
        self._summed_up = 0
        self.is_active = False
        """Whether the `ActiveRow` stands."""
        self._lazy: list[Row] = []
        self._lazy_gone: list[Gone] = []

    async def load(self) -> None:
        """Read checkpoint, members, marks and the tail of the log."""
        state = await self._store.load_room(self.slot, self.room)
        if state is None:
            return
        self.open(state.row, Roster(state.row, state.members, state.marks))
        self.untold = {mark.user: mark for mark in state.marks if not mark.told}
        if state.checkpoint is not None:
            self.numbers = Numbers.decode(state.checkpoint.devices)
            self.head = self._summed_up = state.checkpoint.seq
        for row in state.tail:
            self.head, self.last_at = row.seq, row.at
            if row.n:
                self.numbers.of(row.device).add(row.n, row.seq, row.id)
        self._drafted = self.head
        self.is_active = self.head > self._summed_up  # a tail behind the checkpoint never stands without its row

    def open(self, row: RoomRow, roster: Roster) -> None:
        """The room is there, or about to be."""
        self.exists = True
        self.roster = roster

    # --- entries -----------------------------------------------------------------------------------------------------

    def draft(self, at: int, user: str, kind: str, body: str, device: str = "", n: int = 0, post_id: str = "") -> EntryRow:
        """Number an entry."""
        self._drafted += 1
        if n:
            self.numbers.of(device).add(n, self._drafted, post_id)
        return EntryRow(self.room, self._drafted, at, user, device, n, post_id, kind, body)

    def draft_post(self, at: int, post: Submit, record: DeviceNumbers) -> EntryRow:
        """Number a post; `record` is that of its device."""
        self._drafted = seq = self._drafted + 1
        record.add(post.n, seq, post.id)
        return EntryRow(self.room, seq, at, post.user, post.device, post.n, post.id, "text", post.body)

    def commit(
        self, drafts: Sequence[EntryRow], marks: Sequence[MarkRow] = (), extra: Sequence[Row] = (), gone: Sequence[Gone] = ()
    ) -> Commit:
        """What has to become durable together; lazy rows go with it."""
        puts: list[Row] = [*drafts]
        if self._lazy:  # before what is new: a mark that is set again is untold again
            puts += self._lazy
            self._lazy = []
        if marks:
            puts += marks
        if extra:
            puts += extra
        if not self.is_active:
            puts.append(ActiveRow(self.room, self.slot))
            self.is_active = True
        if self._drafted - self._summed_up >= max(CHECKPOINT_POSTS, CHECKPOINT_DEVICES * len(self.numbers)):
            puts.append(CheckpointRow(self.room, self._drafted, self.head, self.numbers.encode()))
            self._summed_up = self._drafted
        if self._lazy_gone:
            gone = [*self._lazy_gone, *gone]
            self._lazy_gone = []
        return Commit(self.slot, puts, gone)

    def committed(self, drafts: Sequence[EntryRow], marks: Sequence[MarkRow]) -> None:
        """The commit stands."""
        if drafts:
            self.head = drafts[-1].seq
            self.last_at = drafts[-1].at
        if marks:
            self.set_marks(marks)

    def closing_commit(self, *, settled: bool) -> Commit:
        """Sum up. `settled`: nothing is owed and nothing is on its way, so that a taker need not look at the room."""
        gone = list(self._lazy_gone)
        puts: list[Row] = list(self._lazy)
        if self.head > self._summed_up:
            puts.append(CheckpointRow(self.room, self.head, self.head, self.numbers.encode()))
        if settled:
            gone.append(Gone("active", (self.room,)))
        return Commit(self.slot, puts, gone)

    # --- marks -------------------------------------------------------------------------------------------------------

    def set_marks(self, marks: Iterable[MarkRow]) -> None:
        """Committed marks stand, and their users have to be told."""
        for mark in marks:
            self.untold[mark.user] = mark
        self.roster.set_marks(marks)

    def mark_kept(self, user: str, at: int) -> None:
        """A user confirms the mark with the facts of `at`."""
        mark = self.untold.get(user)
        if mark is None or at < mark.seq:
            return
        del self.untold[user]
        if mark.member:
            self._lazy.append(MarkRow(mark.room, user, mark.seq, True, True))
        else:
            self.roster.marks.pop(user, None)
            self._lazy_gone.append(Gone("marks", (self.room, user)))

    def forget_told(self, user: str) -> None:
        """The mark is gone: do not write later that it was told."""
        self._lazy = [row for row in self._lazy if not (isinstance(row, MarkRow) and row.user == user)]

    # --- keys of posts by HTTP ---------------------------------------------------------------------------------------

    async def find_key(self, request: KeyedPost) -> Stored | None:
        """What the key made, if it was used. `key_reused` where for another body."""
        row = await self._store.post_key(self.slot, self.room, request.by, request.key)
        if row is None:
            return None
        if row.digest != sha256(request.body.encode()).digest():
            raise ChatError("key_reused")
        return Stored(row.seq, row.at)

    def key_row(self, request: KeyedPost, row: EntryRow) -> KeyRow:
        """The row that remembers a key."""
        return KeyRow(self.room, request.by, request.key, row.seq, row.at, sha256(request.body.encode()).digest())
