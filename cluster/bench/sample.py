"""What one measured window found, and what several windows of two servers say together."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from cluster.bench.measure import cpu_seconds, median, percentile
from cluster.bench.target import Target


@dataclass(frozen=True, slots=True)
class Sample:
    """One window of one server."""

    seconds: float
    """How long it lasted."""
    units: int
    """Deliveries, connections or whatever the scenario counts."""
    cpu_s: float
    """CPU seconds of the server's processes."""
    daemons_cpu_s: float = 0.0
    """CPU seconds of processes that run beside the server, such as Ray's daemons."""
    load_cpu_s: float = 0.0
    """CPU seconds of the load generator: near `seconds`, the generator was the limit."""
    latencies_s: tuple[float, ...] = ()
    """Seconds from sending to the acknowledgement."""
    bytes_in: int = 0
    """Bytes that the clients received."""
    memory_bytes: int = 0
    """Memory that the window added (PSS), where the scenario measures it."""
    rss_bytes: int = 0
    """The same as RSS."""
    extra: dict[str, float] = field(default_factory=dict)
    """Further figures of the scenario, by name."""

    @property
    def cpu_us(self) -> float:
        """Server CPU per unit, in microseconds."""
        return self.cpu_s / self.units * 1e6 if self.units else 0.0

    def as_json(self) -> dict[str, Any]:
        """Plain values, percentiles in milliseconds."""
        return {
            "seconds": self.seconds,
            "units": self.units,
            "units_per_s": self.units / self.seconds if self.seconds else 0.0,
            "cpu_us_per_unit": self.cpu_us,
            "daemons_cpu_s": self.daemons_cpu_s,
            "load_cpu_share": self.load_cpu_s / self.seconds if self.seconds else 0.0,
            "p50_ms": percentile(self.latencies_s, 0.5) * 1e3,
            "p90_ms": percentile(self.latencies_s, 0.9) * 1e3,
            "p99_ms": percentile(self.latencies_s, 0.99) * 1e3,
            "ack_p99_ms": percentile(self.latencies_s, 0.99) * 1e3,
            "bytes_in_per_unit": self.bytes_in / self.units if self.units else 0.0,
            "memory_bytes_per_unit": self.memory_bytes / self.units if self.units else 0.0,
            "rss_bytes_per_unit": self.rss_bytes / self.units if self.units else 0.0,
            **self.extra,
        }


class Clock:
    """Takes the readings at both ends of a window."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._at = time.perf_counter()
        self._load = time.process_time()
        self._server = cpu_seconds(target.pids)
        self._daemons = cpu_seconds(target.daemon_pids)

    def sample(self, units: int, *, latencies_s: tuple[float, ...] = (), bytes_in: int = 0, **extra: float) -> Sample:
        """The window from the making of this clock until now."""
        return Sample(
            seconds=time.perf_counter() - self._at,
            units=units,
            cpu_s=cpu_seconds(self._target.pids) - self._server,
            daemons_cpu_s=cpu_seconds(self._target.daemon_pids) - self._daemons,
            load_cpu_s=time.process_time() - self._load,
            latencies_s=latencies_s,
            bytes_in=bytes_in,
            extra=extra,
        )


def multiples(ours: list[Sample], bare: list[Sample], figure: str) -> float:
    """Our figure as a multiple of the bare relay's: the middle one of the rounds, each compared with its neighbour."""
    pairs = zip(ours, bare, strict=True)
    return median([a.as_json()[figure] / b.as_json()[figure] for a, b in pairs if b.as_json()[figure]])
