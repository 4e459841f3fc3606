"""A cell with all chat actors in it, put together from what it is handed. The composition root of the core.

Used alike by the process that runs on Ray, by tests on a hand-moved clock and by the bench.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from actors.far_port import Way
from actors.kinds import WAKE, chat_kinds, line_kinds, new_tables
from actors.line_host import Guests, LineHost
from actors.lines import Apart, Lines
from actors.messages.routes import ViewChanged
from actors.messages.session import LinkLost
from actors.ports import Encode, Frame, Sessions, Trace, Verdicts
from actors.runtime.actor import ActorId, actor_id, kind_of, life_of, pinned_id
from actors.runtime.cell import Cell, Report
from actors.runtime.promise import Promise
from actors.runtime.remote import Remote
from actors.runtime.scheduler import Scheduler
from actors.runtime.view import View
from actors.session_host import SessionHost
from actors.session_ports import NoTickets, SessionLimits, SessionPorts, Tickets
from actors.store.store import Store

_KEEP_PLACES = frozenset({"session", "room", "relay", "routes", "desk", "lines", "host"})
"""Kinds that keep places of others, and so hear of every change of view."""
_AT_EDGES = frozenset({"edge", "session", "relay"})
"""Kinds that are told news of rooms and users."""
_LOSSES = frozenset({"no_link", "lost", "overloaded"})
_MAX_OWING = 20_000
"""Rooms and users of which one edge has missed something; what is beyond is counted, and seen at the next connect."""
_LOOK_AGAIN_S = 1.0
"""What a taker has to look up, and could not, is looked up again after this time."""
_OWE_HEADS = frozenset({"room", "relay", "routes", "user", "lines", "host"})
"""Kinds that hear of a lost link."""


class Edges(NamedTuple):
    """What the gateway hands to the core."""

    encode: Encode
    frame: Frame
    read_token: Callable[[str], tuple[str, bytes]]
    """Token text -> (user, digest of the token). Raises `bad_token`."""
    verdicts: Verdicts
    limits: SessionLimits
    max_sessions: int
    trace: Trace | None = None
    """Follows messages through the cell; None: nobody does."""
    tickets: Tickets = NoTickets()
    apart: Apart | None = None
    """Clients' sessions live in processes of their own, within these bounds; None: in the cell that has the connection."""


class ChatCell:
    """One life of one cell: actors, their shared tables, and how they follow the view."""

    def __init__(self, life: str, scheduler: Scheduler, store: Store, edges: Edges, report: Report | None = None) -> None:
        self.life = life
        self.store = store
        self.tables = new_tables(edges.frame, edges.trace)
        self.cell = Cell(life, scheduler, [], report=report)
        self.cell.add_kinds(chat_kinds(self.cell, store, self.tables, edges.encode))
        ports = SessionPorts(self.cell, self.tables.sessions, edges.verdicts, edges.read_token, edges.limits, edges.tickets)
        self.sessions = SessionHost(self.cell, ports, edges.max_sessions)
        """Sessions in this cell."""
        self.lines = Lines(self.cell, lambda: self.view, edges.read_token, edges.apart, edges.max_sessions) if edges.apart else None
        """Sessions of this edge's clients in other cells; None: there are none such."""
        self.entrance: Sessions = self.lines or self.sessions
        """Where clients get their sessions from."""
        way, guests = Way(pinned_id("host", life), self.cell.tell, scheduler.soon, edges.frame), Guests()
        host = partial(LineHost, way=way, guests=guests, sessions=self.sessions, view=lambda: self.view)
        self.cell.add_kinds(line_kinds(host, self.lines))
        self._owing: dict[str, set[ActorId]] = {}
        """life of an edge -> rooms and users whose news did not get there. They may have retired when the link is back."""
        self.view: View | None = None
        self.cell.activate(pinned_id("edge", life))  # its clock ticks for the sessions
        if self.lines is not None:
            self.cell.activate(self.lines.me)

    def client_sessions(self) -> Iterable[ActorId]:
        """The sessions of those who are connected here, wherever they live."""
        return [*self.tables.sessions, *(self.lines.sessions() if self.lines is not None else ())]

    def connect(self, remote: Remote) -> None:
        """Use these links for what lives elsewhere."""
        self.tables.peers.connect(remote)
        self.cell.connect(remote, on_lost_link=self._link_lost, on_undelivered=self._undelivered)

    def adopt(self, view: View, *, opens: bool = True) -> None:
        """Act on a stored view: route by it, drop what is lost, open what is gained, tell those who keep places.

        Gained slots must be open in the store: their last owner is sealed, and its commits are readable. Where they are not yet
        (not `opens`), `open_slots` follows for each when it is.
        """
        before, self.view = self.view, view
        if before is not None and view.version <= before.version:
            self.view = before
            return
        self.cell.adopt(view)
        if before is not None:
            self.cell.drop_slots(view.lost(before, self.life))
        self._owing = {life: owing for life, owing in self._owing.items() if view.cell(life) is not None}
        self._tell(_KEEP_PLACES, ViewChanged(view.version, self._gone(before, view)))
        if opens:
            self.open_slots(view.gained(before, self.life))

    def open_slots(self, gained: Sequence[int]) -> None:
        """These slots are this life's own by the view, and open in the store."""
        self.cell.open_slots(gained)
        if gained:
            self._look_after(gained, self.store.active)
            self._look_after(gained, self.store.untold)
            self._look_after(gained, self.store.sagas, "saga")

    def _look_after(self, gained: Iterable[int], ask: Callable[[list[int]], Promise[Any]], kind: str = "room") -> None:
        """Rooms that their last owner left in the middle, or with marks untold, and operations: starting them does what is owed."""
        slots = [slot for slot in gained if self.cell.slots.is_open(slot)]
        if slots and not self.cell.closed:
            ask(slots).when_settled(lambda found: self._wake(slots, ask, kind, found))

    def _wake(self, slots: list[int], ask: Callable[[list[int]], Promise[Any]], kind: str, found: Promise[Any]) -> None:
        if found.error is not None:
            self.cell.report("look_after_failed", pinned_id("edge", self.life), None, found.error)
            self.cell.scheduler.later(_LOOK_AGAIN_S, self._look_after, slots, ask, kind)
            return
        for name in sorted({row if isinstance(row, str) else row.room for row in found.result()}):
            self.cell.tell(actor_id(kind, name), WAKE)

    @staticmethod
    def _gone(before: View | None, view: View) -> list[str]:
        return [cell.life for cell in before.cells if view.cell(cell.life) is None] if before is not None else []

    def _undelivered(self, to: ActorId, origin: ActorId, reason: str) -> None:
        life = life_of(to)
        if life is None or life_of(origin) is not None or reason not in _LOSSES or kind_of(to) not in _AT_EDGES:
            return
        owing = self._owing.setdefault(life, set())
        if len(owing) < _MAX_OWING:
            owing.add(origin)
        else:
            self.cell.counters["owing_too_many"] += 1

    def _link_lost(self, life: str) -> None:
        message = LinkLost(life)
        self._tell(_OWE_HEADS, message)
        for origin in sorted(self._owing.pop(life, ())):
            if self.cell.activation(origin) is None:
                self.cell.tell(origin, message)  # wherever it lives now: it starts, and tells heads

    def _tell(self, kinds: frozenset[str], message: ViewChanged | LinkLost) -> None:
        for address in self.cell.addresses():
            if kind_of(address) in kinds:
                self.cell.tell(address, message)
