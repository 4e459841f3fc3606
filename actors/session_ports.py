"""What every session of a cell is handed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from actors.edge import LocalSessions
from actors.places import Places
from actors.ports import Verdicts


class SessionLimits(NamedTuple):
    """What one connection may do."""

    posts_per_s: float = 20.0
    posts_burst: float = 100.0
    requests_per_s: float = 50.0
    requests_burst: float = 200.0


class Tickets(Protocol):
    """What a device takes along when it moves from one edge to another: it is known there, and need not be told all again."""

    def issue(self, user: str, device: str) -> str:
        """A ticket for this device, good for a short time at every edge."""

    def device_of(self, ticket: str, user: str) -> str:
        """The device of a ticket that is good for this user; empty for any other text."""


class NoTickets:
    """Everybody is new."""

    def issue(self, user: str, device: str) -> str:
        """None."""
        return ""

    def device_of(self, ticket: str, user: str) -> str:
        """Nobody's."""
        return ""


class SessionPorts(NamedTuple):
    """What every session of a cell is handed."""

    places: Places
    sessions: LocalSessions
    verdicts: Verdicts
    read_token: Callable[[str], tuple[str, bytes]]
    """Token text -> (user, digest). Raises `bad_token`."""
    limits: SessionLimits
    tickets: Tickets = NoTickets()
