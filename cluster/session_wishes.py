"""Which devices are to have a process for their sessions: those that edges name now, and for a while those that have gone.

Edges name them as long as a client of theirs is connected or waits (`actors.lines`); nothing of it is stored. A supervisor
that starts anew keeps what it finds in the view until the edges have spoken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from actors.runtime.view import View
from cluster.seat_names import is_session
from cluster.settings import Settings
from gateway.logs import event_log

ASK_LIMIT_S = 2.0

_log = event_log("cluster.sessions")


@runtime_checkable
class Wanting(Protocol):
    """An edge, as far as it is asked here."""

    async def wanted(self) -> list[str]:
        """The cells that are to run for the clients that are connected there."""


class SessionWishes:
    """Of one installation. `now` is in seconds of a monotonic clock."""

    def __init__(self, most: int, keep_s: float, names: Iterable[str], now: float) -> None:
        """`names`: cells that run already."""
        self._most = most
        self._keep_s = keep_s
        self._last = dict.fromkeys(names, now)
        """Name -> when an edge named it last."""
        self._told_full = False

    def names(self) -> tuple[str, ...]:
        """The cells that are to run."""
        return tuple(self._last)

    def see(self, wanted: Iterable[str], now: float) -> None:
        """What all edges name now. Where there are too many, who came first has a process, and who has gone makes room."""
        named = set(wanted)
        self._last = {name: now if name in named else at for name, at in self._last.items() if name in named or now - at < self._keep_s}
        gone = sorted((name for name in self._last if name not in named), key=self._last.__getitem__)
        for name in sorted(named - self._last.keys()):
            if len(self._last) >= self._most:
                if not gone:
                    self._tell_full()
                    return
                del self._last[gone.pop(0)]
            self._last[name] = now

    def _tell_full(self) -> None:
        if not self._told_full:
            self._told_full = True
            _log.warning("no_more_processes_for_sessions", most=self._most)


def wishes_of(settings: Settings, view: View | None, now: float) -> SessionWishes | None:
    """None where sessions live with others."""
    if settings.isolation != "process":
        return None
    running = [cell.name for cell in view.cells if is_session(cell.name)] if view is not None else []
    return SessionWishes(settings.most_isolated_sessions, settings.session_process_seconds, running, now)


async def wanted_by(edges: Iterable[object]) -> list[str]:
    """What these edges name. One that does not answer names nothing now: what it named before is kept for a while."""
    asked = (asyncio.wait_for(edge.wanted(), ASK_LIMIT_S) for edge in edges if isinstance(edge, Wanting))
    found = await asyncio.gather(*asked, return_exceptions=True)
    return [name for names in found if isinstance(names, list) for name in names]
