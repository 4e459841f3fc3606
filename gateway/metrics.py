"""Metrics for Prometheus: pulled from the cell's own counters when somebody scrapes.

Nothing on the hot path knows of this file: parts of the cell count in plain integers, and hand in callables that
read them. Labels are few and bounded: `cell` on all, and the label that a row of `TABLE` names. No user, room or address
is ever a label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from actors.runtime.spread import Spread

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


UP = "warbler_cell_up"
TABLE: dict[str, Row] = {
    # people
    "connections": Row("gauge", "Open client connections", "transport"),
    "connections_refused": Row("counter", "Connections turned away because of a bound"),
    "closes": Row("counter", "WebSockets closed, by the code that was sent; 1006 where there was none", "code"),
    "sessions": Row("gauge", "Logged-in sessions"),
    "slow_readers": Row("gauge", "Sessions that are pulling because they read too slowly"),
    # what they say
    "frames": Row("counter", "WebSocket messages from clients (in) and to them (out)", "direction"),
    "bytes": Row("counter", "Bytes on WebSockets from clients (in) and to them (out)", "direction"),
    "posts_stored": Row("counter", "Posts made durable by rooms of this cell"),
    "posts_refused": Row("counter", "Posts that sessions of this cell were refused", "code"),
    "spam_refusals": Row("counter", "Posts that the spam filter did not let pass"),
    "refusals": Row("counter", "HTTP requests and WebSocket frames refused", "code"),
    "http_requests": Row("counter", "HTTP requests answered", "status"),
    "http_seconds": Row("spread", "Time of an HTTP request"),
    "password_queue": Row("gauge", "Password checks waiting or running"),
    # actors
    "actors": Row("gauge", "Active actors", "kind"),
    "crashes": Row("counter", "Handlers that failed unexpectedly; their actors were started again", "kind"),
    "set_aside": Row("counter", "Messages that failed twice and are not tried again", "kind"),
    "mailbox_overflows": Row("counter", "Messages and requests refused by a full mailbox", "kind"),
    "undelivered": Row("counter", "Messages between actors that did not arrive; what matters is repeated", "reason"),
    # the store
    "commits": Row("counter", "Changes made durable"),
    "commit_seconds": Row("spread", "Time of a group commit until it was durable"),
    "commit_group_size": Row("spread", "Changes in one group commit"),
    "commits_waiting": Row("gauge", "Changes that wait for the next group commit"),
    "commits_refused": Row("counter", "Changes and reads refused because too many waited"),
    "store_queries": Row("counter", "Statements sent to the database, by kind; `joined`: spared, since the same was on its way", "kind"),
    # between cells
    "slots": Row("gauge", "Slots that this cell owns"),
    "view_version": Row("gauge", "Version of the view that this cell acts on"),
    "link_items": Row("counter", "Items over links to other cells", "direction"),
    "link_batches": Row("counter", "Batches over links to other cells", "direction"),
    "link_losses": Row("counter", "Links that broke or shed items"),
    # the process
    "loop_lag_seconds": Row("gauge", "How late the event loop last woke up"),
    "loop_lag_max_seconds": Row("gauge", "The worst wake-up since the last look"),
    "resident_bytes": Row("gauge", "Resident memory of the process"),
    "cpu_seconds": Row("counter", "CPU time of the process"),
}
"""Every metric there can be, without its prefix ``warbler_``. A row whose source is not handed in is not shown."""


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


def up_text(up: Mapping[str, bool]) -> bytes:
    """The metric that says which cells answered a scrape."""
    lines = [f"# HELP {UP} Whether the cell answered when another one was asked about all", f"# TYPE {UP} gauge"]
    lines += [f'{UP}{{cell="{cell}"}} {float(answers)}' for cell, answers in sorted(up.items())]
    return ("\n".join(lines) + "\n").encode()


def joined(texts: Iterable[bytes]) -> bytes:
    """The texts of several cells as one: each metric is described once, and all its samples follow. Cells differ by their label."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for text in texts:
        name, is_new = "", False
        for line in text.decode().splitlines():
            if line.startswith("# HELP "):
                name = line.split(" ", 3)[2]
                is_new = name not in heads
                heads.setdefault(name, [])
                samples.setdefault(name, [])
            if not line.startswith("#"):
                samples[name].append(line)
            elif is_new:
                heads[name].append(line)
    return "".join(f"{line}\n" for name in heads for line in (*heads[name], *samples[name])).encode()


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
