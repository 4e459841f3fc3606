"""What every session of a cell is handed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from actors.edge import LocalSessions
from actors.places import Places
from actors.ports import Verdicts


class SessionLimits(NamedTuple):
    """What one connection may do."""

    posts_per_s: float = 20.0
    posts_burst: float = 100.0
    requests_per_s: float = 50.0
    requests_burst: float = 200.0


class SessionPorts(NamedTuple):
    """What every session of a cell is handed."""

    places: Places
    sessions: LocalSessions
    verdicts: Verdicts
    read_token: Callable[[str], tuple[str, bytes]]
    """Token text -> (user, digest). Raises `bad_token`."""
    limits: SessionLimits
