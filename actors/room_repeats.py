"""The numbers of posts as they come in: new ones are drafted, repeats get the same seq for the same id, the rest is refused."""

from __future__ import annotations

from collections.abc import Sequence

from actors.errors import ChatError, ErrorReport, Unavailable
from actors.messages.delivery import Accepted, Rejected, Submit
from actors.numbers import Known, number_expected, number_used
from actors.room_log import RoomLog
from actors.runtime.actor import ActorId, Context
from actors.runtime.aside import run_aside
from actors.store.rows import EntryRow
from actors.store.store import Store, StoreError
from actors.unreadable import unread


class Repeats:
    """Answers repeats for one room. Before membership: a post that was stored stays stored, also after a kick."""

    def __init__(self, ctx: Context, log: RoomLog, store: Store) -> None:
        self._ctx = ctx
        self._log = log
        self._store = store

    def reject(self, post: Submit, error: ChatError) -> None:
        """Tell the session that its post was not stored."""
        self._ctx.tell(post.origin, Rejected(self._log.room, post.n, ErrorReport.of(error)))

    def number(self, posts: Sequence[Submit], at: int) -> tuple[list[Submit], list[EntryRow]]:
        """Answer repeats and refusals; the rest, each with its row."""
        log, members, numbers = self._log, self._log.roster.members, self._log.numbers
        is_over = log.roster.is_over
        fresh: list[Submit] = []
        rows: list[EntryRow] = []
        for post in posts:
            record = numbers.find(post.device)
            if record is not None and post.n <= record.last:
                self.answer(post, record.last)
            elif post.user not in members:
                self.reject(post, ChatError("no_such_room"))
            elif is_over:
                self.reject(post, ChatError("forbidden"))
            else:
                record = record or numbers.of(post.device)
                if post.n == record.last + 1:
                    rows.append(log.draft_post(at, post, record))
                    fresh.append(post)
                else:
                    self.reject(post, number_expected(record.last + 1))
        return fresh, rows

    def stored(self, posts: Sequence[tuple[Submit, int]], at: int) -> None:
        """Tell sessions of other cells the seqs of their posts, one message each."""
        answers: dict[ActorId, Accepted] = {}
        for post, seq in posts:
            answer = answers.setdefault(post.origin, Accepted(self._log.room, [], [], at))
            answer.numbers.append(post.n)
            answer.seqs.append(seq)
        for origin, answer in answers.items():
            self._ctx.tell(origin, answer)

    def answer(self, post: Submit, last: int) -> None:
        """`post.n` is at most `last`, the device's last stored number."""
        known = self._log.numbers.of(post.device).find(post.n)
        if known is None:
            self.reject(post, number_used(last))
        elif known.seq > self._log.head:
            self.reject(post, Unavailable(retry_after=0.1))  # its first copy is in this very batch, not yet committed
        elif known.id:
            self._answer_known(post, known, last)
        else:  # only the checkpoint knows it: its id is in the log
            run_aside(self._recall(post, known, last), _raise)

    def _answer_known(self, post: Submit, known: Known, last: int) -> None:
        if known.id != post.id:
            self.reject(post, number_used(last))
        else:
            self._ctx.tell(post.origin, Accepted(self._log.room, [post.n], [known.seq], int(self._ctx.wall() * 1000)))

    async def _recall(self, post: Submit, known: Known, last: int) -> None:
        try:
            rows = await self._store.entries_after(self._log.slot, self._log.room, known.seq - 1, 1)
        except StoreError as error:
            self.reject(post, unread(error))
            return
        if rows and rows[0].seq == known.seq:
            self._answer_known(post, Known(known.seq, rows[0].id), last)
        else:
            self.reject(post, number_used(last))


def _raise(_: None, error: Exception | None) -> None:
    if error is not None:
        raise error
