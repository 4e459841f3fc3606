"""What becomes of a session's posts beside the usual way: held back, refused, lost and repeated."""

from __future__ import annotations

from collections.abc import Callable

from actors.commands import Post
from actors.errors import ChatError, Unknown
from actors.events import Refused
from actors.messages.delivery import Rejected, Submit
from actors.messages.session import Resend
from actors.outgoing import Held, Outgoing, Window
from actors.ports import Port, Refusal
from actors.runtime.actor import Context, actor_id
from actors.runtime.cell import Returned
from actors.runtime.promise import Promise
from actors.tally import Tally

_TRANSIENT = frozenset({"unavailable", "overloaded", "unknown_outcome"})
"""Refusals of a post that the session answers by repeating it: the room knows what became of it."""


class Posts:
    """The unanswered posts of one session."""

    __slots__ = ("_be_due", "_ctx", "_port", "_tally", "out")

    def __init__(self, ctx: Context, port: Port, tally: Tally, be_due: Callable[[], None]) -> None:
        """`be_due`: asks for `repeat` at the next tick, while `out` has windows."""
        self._ctx = ctx
        self._port = port
        self._tally = tally
        self._be_due = be_due
        self.out = Outgoing()
        """Posts that are on their way."""

    def refuse(self, room: str, n: int, error: ChatError) -> None:
        """Tell the client that its post is not stored, or may not be."""
        self._tally.posts_refused[error.code] += 1
        self._port.emit(Refused(room, n, error.code, error.text, error.retry, error.retry_after, error.fields))

    def open_window(self, room: str, n: int) -> Window | None:
        """The window of a room that this session has not posted to; None where the post had to be refused."""
        self._be_due()
        try:
            return self.out.window(room)
        except ChatError as error:
            self.refuse(room, n, error)
            return None

    def repeats(self, window: Window, post: Post) -> bool:
        """Whether the client sent a post a second time: one answer will do, and another id is refused."""
        waiting = window.find(post.n)
        if waiting is not None and waiting.id != post.id:
            self.refuse(post.room, post.n, ChatError("number_used", last=post.n))
        return waiting is not None

    # --- verdicts ----------------------------------------------------------------------------------------------------

    def hold(self, room: str, held: Held, verdict: Refusal | Promise[Refusal | None] | None) -> None:
        """A post that waits for its verdict holds back those behind it: the room gets them in their order."""
        if isinstance(verdict, Promise):
            # A filter that fails lets posts pass.
            verdict.when_settled(lambda settled: self._judged(room, held, settled.result() if settled.error is None else None))
        else:
            self._judged(room, held, verdict)

    def _judged(self, room: str, held: Held, refusal: Refusal | None) -> None:
        held.decided, held.refusal = True, refusal
        window = self.out.window(room)
        for ready in window.release():
            if ready.refusal is None:
                self.out.add(window, ready.submit, self._ctx.now())
                self._ctx.tell(window.address, ready.submit)
            else:
                why = ChatError("refused", reason=ready.refusal.reason, retry_after=ready.refusal.retry_after)
                self.refuse(room, ready.submit.n, why)

    # --- losses ------------------------------------------------------------------------------------------------------

    def rejected(self, answer: Rejected) -> None:
        """Not stored. What passes by itself is repeated here; of the rest the client is told."""
        room, error = answer.room, answer.why
        if self.out.find(room, answer.n) is None:
            return
        lost_before = error.code == "expected" and self.out.find(room, int(error.fields.get("n", 0))) is not None
        if lost_before or error.code in _TRANSIENT:
            self._repeat_soon(room, error.retry_after or 0.0)
            return
        self.out.answered(room, answer.n)
        self.refuse(room, answer.n, error.error())

    def returned(self, message: Returned) -> None:
        """A post did not reach its room: it is still unanswered, and goes out again."""
        if isinstance(message.message, Submit):
            self._repeat_soon(message.to.partition(":")[2])

    def _repeat_soon(self, room: str, wait: float = 0.0) -> None:
        pause = self.out.hurry(room, self._ctx.now(), wait)
        if pause is not None:
            self._ctx.after(pause, Resend())

    def repeat(self) -> None:
        """Send again what is due, give up what waited too long."""
        now = self._ctx.now()
        for room, n in self.out.given_up(now):
            self.refuse(room, n, Unknown(retry_after=1.0))  # it may be stored: the client repeats it
        for room in self.out.due(now):
            for submit in self.out.resend(room, now):
                self._ctx.tell(actor_id("room", room), submit)
