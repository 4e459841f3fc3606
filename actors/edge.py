"""The edge cell's half of fan-out: one envelope comes in, the same bytes go to every session here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actors.messages.delivery import Fanout, SessionsGone, Submit
from actors.messages.session import Tick
from actors.ports import Frame, Payload, Trace
from actors.runtime.actor import Actor, ActorId, Context, handles
from actors.tally import Tally

TICK_S = 1.0
"""How often the sessions of an edge look at what is unanswered."""


class LocalSession(Protocol):
    """A session, as rooms, edge and relays of its own cell see it. They share memory: a delivery costs a call."""

    @property
    def user(self) -> str:
        """Whose it is; empty before `hello`."""

    @property
    def pushes(self) -> bool:
        """Whether entries are pushed now; else heads are noted, and the client will pull."""

    def accepted(self, room: str, n: int, seq: int, at: int) -> None:
        """The post `n` is stored."""

    def deliver(self, room: str, head: int, payload: Payload) -> None:
        """Hand over encoded entries up to `head` (0: no seq)."""

    def listens_to(self, room: str) -> str:
        """The user, where this session wants a large room's entries by its relay; else empty."""

    def tick(self) -> None:
        """A second has passed, and this session was among those that are `due`."""

    def broken(self, error: Exception) -> None:
        """One of the calls above raised: a session's fault is not its caller's."""


class LocalSessions(dict[ActorId, LocalSession]):
    """The live sessions of this cell."""

    def __init__(self, frame: Frame, trace: Trace | None = None) -> None:
        super().__init__()
        self._frame = frame
        self.trace = trace
        """Follows messages through this cell; None while nobody wants to."""
        self.tally = Tally()
        self.due: dict[ActorId, LocalSession] = {}
        """Those that have something to look after at the next tick: most have nothing, and a second then costs nothing for them."""

    def accepted(self, room: str, posts: Sequence[Submit], first: int, at: int) -> list[tuple[Submit, int]]:
        """Tell the sessions that their posts are stored, from seq `first` on; returns those of other cells, with their seqs."""
        far: list[tuple[Submit, int]] = []
        for seq, post in enumerate(posts, first):
            session = self.get(post.origin)
            if session is None:
                far.append((post, seq))
                continue
            _tell_stored(session, room, post.n, seq, at)
        return far

    def answer(self, origins: Sequence[str], room: str, numbers: Sequence[int], first: int, at: int) -> None:
        """Tell the sessions of `origins` that are here that their posts `numbers` are stored, as `first` and on; 0: no post."""
        for seq, (origin, n) in enumerate(zip(origins, numbers, strict=True), first):
            session = self.get(ActorId(origin)) if n else None
            if session is not None:
                _tell_stored(session, room, n, seq, at)

    def deliver(self, targets: Sequence[ActorId], room: str, head: int, texts: Sequence[bytes], senders: Sequence[str]) -> list[ActorId]:
        """Give every target the texts that it did not write; returns those that are not here."""
        if len(texts) == 1:
            payload, sender = Payload(texts[0]), senders[0]
            gone: list[ActorId] = []
            for target in targets:
                if target == sender:
                    continue
                session = self.get(target)
                if session is None:
                    gone.append(target)
                    continue
                try:
                    session.deliver(room, head, payload)
                except Exception as error:  # noqa: BLE001
                    session.broken(error)
        else:
            gone = self._deliver_all(targets, room, head, texts, senders)
        if self.trace is not None and head:
            self._follow(self.trace, targets, room, head + 1 - len(texts), senders)
        return gone

    def _follow(self, trace: Trace, targets: Sequence[ActorId], room: str, first: int, senders: Sequence[str]) -> None:
        for seq, sender in enumerate(senders, first):
            for target in targets:
                session = self.get(target)
                if session is not None and target != sender:
                    trace.delivered(room, seq, target, session.pushes)

    def _deliver_all(
        self, targets: Sequence[ActorId], room: str, head: int, texts: Sequence[bytes], senders: Sequence[str]
    ) -> list[ActorId]:
        framed = list(map(self._frame, texts))
        everything: Payload | None = None  # made where somebody wrote none of it: not in most direct chats
        gone: list[ActorId] = []
        for target in targets:
            session = self.get(target)
            if session is None:
                gone.append(target)
                continue
            if target in senders:
                others = [part for part, sender in zip(framed, senders, strict=True) if sender != target]
                if not others:
                    continue
                payload = _joined(others)
            elif everything is None:
                payload = everything = _joined(framed)
            else:
                payload = everything
            try:
                session.deliver(room, head, payload)
            except Exception as error:  # noqa: BLE001
                session.broken(error)
        return gone


def _tell_stored(session: LocalSession, room: str, n: int, seq: int, at: int) -> None:
    try:
        session.accepted(room, n, seq, at)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the session's
        session.broken(error)


def _joined(frames: list[bytes]) -> Payload:
    payload = Payload(b"")
    payload.framed = frames[0] if len(frames) == 1 else b"".join(frames)
    return payload


class Edge(Actor):
    """``edge:LIFE~``."""

    rank = 9

    def __init__(self, ctx: Context, sessions: LocalSessions) -> None:
        self._ctx = ctx
        self._sessions = sessions

    async def on_start(self) -> None:
        """The edge's clock begins."""
        self._ctx.after(TICK_S, Tick())

    @handles(Tick)
    def on_tick(self, message: Tick) -> None:
        """One timer for all sessions."""
        self._ctx.after(TICK_S, Tick())
        due, self._sessions.due = self._sessions.due, {}
        for session in due.values():
            try:
                session.tick()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the session's
                session.broken(error)

    @handles(Fanout)
    def on_fanout(self, message: Fanout) -> None:
        """Hand the texts to the sessions; a sender does not get its own."""
        if message.numbers:
            self._sessions.answer(message.senders, message.room, message.numbers, message.head + 1 - len(message.texts), message.at)
        gone = self._sessions.deliver(message.sessions, message.room, message.head, message.texts, message.senders)
        if gone:
            self._ctx.tell(message.origin, SessionsGone(gone))
