"""What an edge does beside serving: names edges to clients, asks some to move where it has too many, and empties itself
when its cell is to end. Looks once a second; knows nothing per message.

    too many        some are asked, a few a second (`cluster.shedding`), each with a ticket
    to be emptied   no new connection is taken; each client is asked in a time slot of its own; who has not moved when
                    its time is over, and some more, is closed with "going away", one by one
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from actors.closing import GOING_AWAY
from actors.messages.session import AskToMove, Dismiss
from actors.runtime.actor import ActorId
from actors.runtime.plain import Message
from actors.runtime.scheduler import Scheduler, Timer
from cluster.edge_choice import edges_for
from cluster.loads import Load
from cluster.shedding import Emptying, Shedding
from gateway.logs import event_log

if TYPE_CHECKING:
    from cluster.app import CellApp
    from cluster.member import Member

TICK_S = 1.0
WITHIN_S = 4.0
"""The time that a client is given to move."""
GRACE_S = 8.0
"""After it: for a slow network, and for a client that is turned away once."""
REST_S = 60.0
"""A client that did not move is not asked again for so long."""

_log = event_log("cluster.edge")


def edge_duty_of(app: CellApp, member: Member) -> EdgeDuty:
    """The duty of a cell that joins."""
    return EdgeDuty(
        app.who.life,
        app.clock,
        sessions=app.chat.client_sessions,
        tell=app.chat.cell.tell,
        loads=lambda: member.board.living(app.clock.now()),
        default_urls=lambda: app.doors.default_urls,
        is_draining=lambda: app.is_draining,
        stop_listening=app.doors.stop_listening,
        listen_again=app.doors.listen_again,
        spread_s=app.settings.drain_seconds,
    )


class EdgeDuty:
    """One edge's. Belongs to one loop; `start` once the cell acts on a view."""

    def __init__(
        self,
        life: str,
        scheduler: Scheduler,
        *,
        sessions: Callable[[], Iterable[ActorId]],
        tell: Callable[[ActorId, Message], None],
        loads: Callable[[], list[Load]],
        default_urls: Callable[[], tuple[str, ...]],
        is_draining: Callable[[], bool],
        stop_listening: Callable[[], None],
        listen_again: Callable[[], None],
        spread_s: float,
        chance: random.Random | None = None,
    ) -> None:
        """`sessions`: those of this edge; `loads`: of all living cells; `default_urls`: where no edge has an address of its own."""
        self._life = life
        self._scheduler = scheduler
        self._sessions = sessions
        self._tell = tell
        self._loads = loads
        self._default_urls = default_urls
        self._is_draining = is_draining
        self._stop_listening = stop_listening
        self._listen_again = listen_again
        self._chance = chance or random.Random()
        self._shedding = Shedding(life)
        self._spread_s = spread_s
        self._emptying: Emptying | None = None
        # session -> when it was asked
        self._asked: dict[ActorId, float] = {}
        self._timer: Timer | None = None

    def start(self) -> None:
        """Look, once a second from now on."""
        self._timer = self._scheduler.later(TICK_S, self._tick)

    def stop(self) -> None:
        """No more (safe to repeat)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def edges(self) -> list[str]:
        """Where a client should connect, best first; empty: where it asked."""
        return edges_for(self._loads(), self._chance) or list(self._default_urls())

    def known(self) -> list[str]:
        """Every address that is named to clients, now or soon."""
        urls = [load.edge_url for load in self._loads() if load.edge_url]
        return list(dict.fromkeys([*urls, *self._default_urls()]))

    @property
    def is_empty(self) -> bool:
        """Whether this edge is to be emptied, and is. One whose doors never opened (a room's own cell) has nobody to take in."""
        is_closed = self._emptying is not None or self._timer is None
        return is_closed and not any(True for _ in self._sessions())

    def _tick(self) -> None:
        self.start()
        now, here = self._scheduler.now(), list(self._sessions())
        present = set(here)
        self._asked = {session: at for session, at in self._asked.items() if session in present and at > now - REST_S}
        if self._is_draining():
            self._empty(here, now)
        else:
            # Also where it is kept after all: a drain was taken back, or its successor did not serve.
            self._emptying = None
            self._listen_again()
            under_way = sum(at > now - WITHIN_S - GRACE_S for at in self._asked.values())
            self._ask(here, self._shedding.count(self._loads(), under_way, TICK_S), now)

    def _empty(self, here: list[ActorId], now: float) -> None:
        if self._emptying is None:
            self._emptying = Emptying(self._spread_s)
            self._asked.clear()
            self._stop_listening()
            _log.info("edge_emptying", sessions=len(here))
        for session, at in list(self._asked.items()):
            if at <= now - WITHIN_S - GRACE_S:
                self._tell(session, Dismiss(GOING_AWAY, ""))
        self._ask(here, self._emptying.count(len(here), len(self._asked), now), now)

    def _ask(self, here: list[ActorId], count: int, now: float) -> None:
        free = [session for session in here if session not in self._asked]
        chosen = self._chance.sample(free, min(count, len(free))) if count > 0 else []
        for session in chosen:
            urls = self._elsewhere()
            if not urls and not self._is_draining():
                return
            self._asked[session] = now
            # No address is known to lead elsewhere: it comes back where it came from, and whoever spreads connections there (a balancer,
            # or the system, over the cells of a port) leads it to a cell that listens.
            self._tell(session, AskToMove(urls, WITHIN_S) if urls else Dismiss(GOING_AWAY, ""))

    def _elsewhere(self) -> list[str]:
        loads = self._loads()
        own = {load.edge_url for load in loads if load.life == self._life}
        if self._is_draining():
            # What it shares with others it does not listen on any more.
            return edges_for([load for load in loads if load.life != self._life], self._chance) or list(self._default_urls())
        return [url for url in edges_for(loads, self._chance) if url not in own]
