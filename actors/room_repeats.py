"""Answers to posts whose number was used before: the same seq for the same id, `number_used` for another."""

from __future__ import annotations

from actors.errors import ChatError, ErrorReport, Unavailable
from actors.messages.delivery import Accepted, Rejected, Submit
from actors.numbers import Known, number_used
from actors.room_log import RoomLog
from actors.runtime.actor import Context
from actors.runtime.aside import run_aside
from actors.store.store import Store, StoreError


class Repeats:
    """Answers repeats for one room. Before membership: a post that was stored stays stored, also after a kick."""

    def __init__(self, ctx: Context, log: RoomLog, store: Store) -> None:
        self._ctx = ctx
        self._log = log
        self._store = store

    def reject(self, post: Submit, error: ChatError) -> None:
        """Tell the session that its post was not stored."""
        self._ctx.tell(post.origin, Rejected(self._log.room, post.n, ErrorReport.of(error)))

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
        except StoreError:
            self.reject(post, Unavailable("store_unavailable", retry_after=1.0))
            return
        if rows and rows[0].seq == known.seq:
            self._answer_known(post, Known(known.seq, rows[0].id), last)
        else:
            self.reject(post, number_used(last))


def _raise(_: None, error: Exception | None) -> None:
    if error is not None:
        raise error
