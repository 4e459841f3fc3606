"""The kinds of actor of a cell, put together from what the cell is handed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from actors.audience import InterestTable
from actors.desk import Desk
from actors.edge import Edge, LocalSessions
from actors.errors import ErrorReport
from actors.line_host import LineHost
from actors.lines import Lines, LinesEnd
from actors.messages import cells, control, delivery, gate, lines, marks, room, routes, saga, session, user
from actors.messages.session import Wake
from actors.places import Peers
from actors.ports import Encode, Frame, Trace
from actors.relay import Relay
from actors.room import Room
from actors.room_ports import RoomPorts
from actors.routes import Routes, RouteTable
from actors.runtime.actor import Context
from actors.runtime.cell import Cell
from actors.runtime.kinds import Kind
from actors.runtime.plain import Message
from actors.saga import Saga, SagaPorts
from actors.store.store import Store
from actors.user import User, UserPorts

ROOM_IDLE_S = 90.0
USER_IDLE_S = 180.0
"""Longer than the quiet minute after which marks are asked away."""
RELAY_IDLE_S = 60.0
SAGA_IDLE_S = 1.0
"""Of one that waits for nothing: it has ended."""


WAKE = Wake()
"""A room that starts tells the heads and marks that it owes; a relay finds its sessions again; an operation goes on."""


class Tables(NamedTuple):
    """Memory that the system actors of one cell share."""

    routes: RouteTable
    interest: InterestTable
    sessions: LocalSessions
    peers: Peers


def new_tables(frame: Frame, trace: Trace | None = None) -> Tables:
    """Empty tables for a new cell."""
    return Tables(RouteTable(), InterestTable(), LocalSessions(frame, trace), Peers())


def chat_kinds(cell: Cell, store: Store, tables: Tables, encode: Encode) -> list[Kind]:
    """All kinds that answer in a cell that is both edge and chat."""
    room_ports = RoomPorts(store, encode, cell, tables.routes, tables.interest, tables.sessions, tables.peers)
    user_ports = UserPorts(store, tables.routes)
    saga_ports = SagaPorts(store, cell, lambda: cell.counters["live_saga"])
    return [
        Kind("session", 0, None, pinned=True, mailbox=4096),
        Kind("relay", 1, lambda ctx: Relay(ctx, cell, tables.sessions, encode), pinned=True, mailbox=16384, idle_s=RELAY_IDLE_S, wake=WAKE),
        Kind("room", 2, lambda ctx: Room(ctx, room_ports), mailbox=8192, idle_s=ROOM_IDLE_S, wake=WAKE, speaks_for_slots=True),
        Kind("saga", 1, lambda ctx: Saga(ctx, saga_ports), mailbox=64, idle_s=SAGA_IDLE_S, wake=WAKE, speaks_for_slots=True),
        Kind("user", 3, lambda ctx: User(ctx, user_ports), mailbox=4096, idle_s=USER_IDLE_S, speaks_for_slots=True),
        Kind(
            "desk",
            8,
            lambda ctx: Desk(cell, store, tables.interest, cell.actor),
            pinned=True,
            mailbox=65536,
            reads=4096,
            speaks_for_slots=True,
        ),
        Kind("routes", 9, lambda ctx: Routes(ctx, tables.routes, cell), pinned=True, mailbox=65536),
        Kind("edge", 9, lambda ctx: Edge(ctx, tables.sessions), pinned=True, mailbox=65536),
    ]


def line_kinds(host: Callable[[Context], LineHost], lines: Lines | None) -> list[Kind]:
    """Both ends of lines; `lines`: where this cell is an edge whose sessions live elsewhere."""
    edge_end = (lambda ctx: LinesEnd(ctx, lines)) if lines is not None else None
    return [Kind("host", 9, host, pinned=True, mailbox=65536), Kind("lines", 9, edge_end, pinned=True, mailbox=65536)]


def wire_messages() -> list[type[Message]]:
    """Every message that may cross a link."""
    found: list[type[Message]] = [ErrorReport]
    for module in (cells, control, delivery, gate, lines, marks, room, routes, saga, session, user):
        found += [m for m in vars(module).values() if isinstance(m, type) and issubclass(m, Message) and m.__module__ == module.__name__]
    return found
