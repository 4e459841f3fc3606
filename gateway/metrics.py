"""Metrics for Prometheus: pulled from the cell's own counters when somebody scrapes.

Nothing on the hot path knows of this file: parts of the cell count in plain integers, and hand in callables that
read them. Labels are few and bounded: `cell` on all, and the label that a row of `TABLE` names. No user, room or address
is ever a label.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_LABELS = 64
"""Values of one label; what a source gives beyond is added up as ``other``."""

Source = Callable[[], "float | Mapping[str, float] | Spread"]
"""Reads a counter: a number; a number a label; or a `Spread`, as its row says. Must be cheap and must not raise."""


class Row(NamedTuple):
    """One metric."""

    kind: Literal["counter", "gauge", "spread"]
    text: str
    label: str = ""


TABLE: dict[str, Row] = {
    "connections": Row("gauge", "Open client connections", "transport"),
    "sessions": Row("gauge", "Logged-in sessions"),
    "actors": Row("gauge", "Active actors", "kind"),
    "messages_in": Row("counter", "Posts taken from clients"),
    "messages_out": Row("counter", "Messages handed to client connections"),
    "commits": Row("counter", "Changes made durable"),
    "commit_groups": Row("counter", "Group commits; commits / commit_groups is the mean group"),
    "commit_seconds": Row("spread", "Time of a group commit until it was durable"),
    "refusals": Row("counter", "Requests and posts refused", "code"),
    "loop_lag_seconds": Row("gauge", "How late the event loop last woke up"),
    "loop_lag_max_seconds": Row("gauge", "The worst wake-up since the last scrape"),
    "mailbox_overflows": Row("counter", "Messages refused by a full mailbox", "kind"),
    "restarts": Row("counter", "Actors restarted after an error", "kind"),
    "link_items": Row("counter", "Items over links to other cells", "direction"),
    "link_batches": Row("counter", "Batches over links to other cells", "direction"),
    "slow_readers": Row("gauge", "Sessions that are pulling because they read too slowly"),
    "http_requests": Row("counter", "HTTP requests answered", "status"),
    "http_seconds": Row("spread", "Time of an HTTP request"),
    "password_queue": Row("gauge", "Password checks waiting or running"),
    "slots": Row("gauge", "Slots that this cell owns"),
    "view_version": Row("gauge", "Version of the view that this cell acts on"),
    "resident_bytes": Row("gauge", "Resident memory of the process"),
    "cpu_seconds": Row("counter", "CPU time of the process"),
}
"""Every metric there can be, without its prefix ``warbler_``. A row whose source is not handed in is not shown."""


class Spread:
    """Counts values by size, in plain integers: the inside of a Prometheus histogram."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)) -> None:
        self.bounds = tuple(bounds)
        """Upper bounds, ascending; the last count is for what is above them all."""
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound, how many were at most that), as Prometheus wants it."""
        seen = 0
        rows = []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            seen += count
            rows.append((bound, float(seen)))
        return rows


class HttpCounters:
    """What the HTTP side counts of itself."""

    def __init__(self) -> None:
        self.by_status: dict[str, float] = {}
        """Answers by class of status: ``2xx``."""
        self.refusals: dict[str, float] = {}
        """Refusals by code."""
        self.seconds = Spread()

    def answered(self, status: int, seconds: float) -> None:
        """Count an answer."""
        label = f"{status // 100}xx"
        self.by_status[label] = self.by_status.get(label, 0) + 1
        self.seconds.add(seconds)

    def refused(self, code: str) -> None:
        """Count a refusal."""
        self.refusals[code] = self.refusals.get(code, 0) + 1


class Metrics:
    """All metrics of one cell, in a registry of their own."""

    def __init__(self, cell: str, sources: Mapping[str, Source]) -> None:
        """`sources` by names of `TABLE`. Raises `ValueError` for another name."""
        if unknown := sorted(set(sources) - set(TABLE)):
            raise ValueError(f"no such metric: {', '.join(unknown)}")
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Pull(cell, dict(sources)))

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)


class _Pull(Collector):
    """Reads all sources, once a scrape."""

    def __init__(self, cell: str, sources: dict[str, Source]) -> None:
        self._cell = cell
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        for name, source in self._sources.items():
            yield self._family(f"warbler_{name}", TABLE[name], source())

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def _family(self, name: str, row: Row, value: float | Mapping[str, float] | Spread) -> Metric:
        if isinstance(value, Spread):
            spread = HistogramMetricFamily(name, row.text, labels=["cell"])
            spread.add_metric([self._cell], value.buckets(), value.total)
            return spread
        labels = ["cell", *filter(None, [row.label])]
        kind = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
        family = kind(name, row.text, labels=labels)
        if isinstance(value, Mapping):
            for label, number in _bounded(value).items():
                family.add_metric([self._cell, label], number)
        else:
            family.add_metric([self._cell], value)
        return family


def _bounded(values: Mapping[str, float]) -> dict[str, float]:
    if len(values) <= MAX_LABELS:
        return dict(values)
    largest = sorted(values.items(), key=lambda item: -item[1])
    kept = dict(largest[: MAX_LABELS - 1])
    kept["other"] = sum(number for _, number in largest[MAX_LABELS - 1 :])
    return kept
