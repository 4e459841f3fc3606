"""The edge cell's half of fan-out: one envelope comes in, the same bytes go to every session here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from actors.messages.delivery import Fanout, SessionsGone
from actors.messages.session import Tick
from actors.ports import Frame, Payload
from actors.runtime.actor import Actor, ActorId, Context, handles

TICK_S = 1.0
"""How often the sessions of an edge look at what is unanswered."""


class LocalSession(Protocol):
    """A session, as edge and relays of its own cell see it. They share memory: a delivery costs a call."""

    def deliver(self, room: str, head: int, payload: Payload) -> None:
        """Hand over encoded entries up to `head` (0: no seq)."""

    def tick(self) -> None:
        """A second has passed."""


class LocalSessions(dict[ActorId, LocalSession]):
    """The live sessions of this cell."""


class Edge(Actor):
    """``edge:LIFE~``."""

    rank = 9

    def __init__(self, ctx: Context, sessions: LocalSessions, frame: Frame) -> None:
        self._ctx = ctx
        self._sessions = sessions
        self._frame = frame

    async def on_start(self) -> None:
        """The edge's clock begins."""
        self._ctx.after(TICK_S, Tick())

    @handles(Tick)
    def on_tick(self, message: Tick) -> None:
        """One timer for all sessions."""
        self._ctx.after(TICK_S, Tick())
        for session in list(self._sessions.values()):
            session.tick()

    @handles(Fanout)
    def on_fanout(self, message: Fanout) -> None:
        """Hand the texts to the sessions; a sender does not get its own."""
        gone = deliver_all(self._sessions, message.sessions, message.room, message.head, message.texts, message.senders, self._frame)
        if gone:
            self._ctx.tell(message.origin, SessionsGone(gone))


def deliver_all(
    here: LocalSessions,
    targets: list[ActorId],
    room: str,
    head: int,
    texts: list[bytes],
    senders: list[str],
    frame: Frame,
) -> list[ActorId]:
    """Give every target the texts that it did not write; returns those that are not here."""
    gone: list[ActorId] = []
    if len(texts) == 1:
        payload, sender = Payload(texts[0]), senders[0]
        for target in targets:
            session = here.get(target)
            if session is None:
                gone.append(target)
            elif target != sender:
                session.deliver(room, head, payload)
        return gone
    framed = [frame(text) for text in texts]
    everything = _joined(framed)
    special = set(senders)
    for target in targets:
        session = here.get(target)
        if session is None:
            gone.append(target)
        elif target not in special:
            session.deliver(room, head, everything)
        else:
            mine = [part for part, sender in zip(framed, senders, strict=True) if sender != target]
            if mine:
                session.deliver(room, head, _joined(mine))
    return gone


def _joined(frames: list[bytes]) -> Payload:
    payload = Payload(b"")
    payload.framed = b"".join(frames)
    return payload


SessionFactory = Callable[[Context], Actor]
