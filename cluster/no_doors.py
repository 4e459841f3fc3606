"""What a cell without a listener has in the place of `cluster.doors`: no HTTP application and no server is even imported there.

A room's or a device's own cell starts sooner for it, and is smaller. Its figures and its health are told to other cells all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cluster.sources import Parts, cell_sources
from gateway.auth.passwords import Argon2Hasher, Passwords
from gateway.cell_report import CellReport, report_kind
from gateway.clock import SystemClock
from gateway.counters import Counters
from gateway.health import Health, Probe
from gateway.metrics import HttpCounters, Metrics

HEALTH_KEPT_S = 2.0
"""How long an answer about the health of a cell is good: each costs a commit."""


class NoFront:
    """A listener that never was."""

    sockets = 0

    def __init__(self) -> None:
        self.counters = Counters()


class NoDoors:
    """The surface of `Doors`, always closed."""

    port = 0
    edge_url = ""
    default_urls: tuple[str, ...] = ()

    def __init__(self, name: str, parts: Parts, probe: Probe) -> None:
        self.front = NoFront()
        self.passwords = Passwords(Argon2Hasher(), threads=1)
        """For accounts, where no cell with doors serves."""
        self.edges: Callable[[], Sequence[str]] = lambda: ()
        self.known_edges: Callable[[], Sequence[str]] = lambda: ()
        self._health = Health(probe, SystemClock().now, keep_s=HEALTH_KEPT_S)
        metrics = Metrics(name, cell_sources(parts, lambda: self.front, HttpCounters(), self.passwords))
        self.report = report_kind(lambda: CellReport(metrics, self._health))
        """See `Doors`."""

    async def open(self, port: int) -> int:
        """Opens nothing."""
        return port

    async def close(self) -> None:
        """See `Doors`."""
        await self._health.close()
        self.passwords.close()

    def stop_listening(self) -> None:
        """See `Doors`."""

    def listen_again(self) -> None:
        """See `Doors`."""
