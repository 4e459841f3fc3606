"""Metrics are read from the cell's counters at each scrape, with few labels and no global."""

from __future__ import annotations

from pathlib import Path

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from actors.runtime.spread import Spread
from gateway.metrics import MAX_LABELS, TABLE, HttpCounters, Metrics, Source


def scraped(metrics: Metrics) -> dict[tuple[str, str], float]:
    """(sample name, labels but for the cell) -> value."""
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()) if k != "cell")): sample.value
        for family in families
        for sample in family.samples
    }


def test_counters_are_pulled_at_each_scrape() -> None:
    counts = {"commits": 1.0}
    metrics = Metrics("c1", {"commits": lambda: counts["commits"]})
    assert scraped(metrics) == {("warbler_commits_total", ""): 1.0}
    counts["commits"] = 5.0
    assert scraped(metrics) == {("warbler_commits_total", ""): 5.0}


def test_labels_are_those_of_the_table() -> None:
    metrics = Metrics("c1", {"refusals": lambda: {"rate_limited": 3, "invalid": 1}, "connections": lambda: {"websocket": 2}})
    assert scraped(metrics) == {
        ("warbler_refusals_total", "code=rate_limited"): 3.0,
        ("warbler_refusals_total", "code=invalid"): 1.0,
        ("warbler_connections", "transport=websocket"): 2.0,
    }
    assert 'cell="c1"' in metrics.render().decode()


def test_a_spread_is_a_histogram() -> None:
    spread = Spread((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7.0):
        spread.add(value)
    found = scraped(Metrics("c1", {"commit_seconds": lambda: spread}))
    assert found[("warbler_commit_seconds_bucket", "le=0.1")] == 2.0
    assert found[("warbler_commit_seconds_bucket", "le=1.0")] == 3.0
    assert found[("warbler_commit_seconds_bucket", "le=+Inf")] == 4.0
    assert found[("warbler_commit_seconds_count", "")] == 4.0
    assert found[("warbler_commit_seconds_sum", "")] == pytest.approx(7.65)


def test_a_source_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no such metric: mesages_in"):
        Metrics("c1", {"mesages_in": lambda: 1.0})


def test_labels_are_bounded_and_nothing_is_lost() -> None:
    found = scraped(Metrics("c1", {"refusals": lambda: {f"code{n}": 1.0 for n in range(1_000)}}))
    assert len(found) == MAX_LABELS
    assert sum(found.values()) == 1_000.0


def test_every_row_of_the_table_can_be_shown_and_nothing_goes_to_the_global_registry() -> None:
    sources: dict[str, Source] = {}
    for name, row in TABLE.items():
        sources[name] = Spread if row.kind == "spread" else (lambda: {"x": 1.0}) if row.label else (lambda: 1.0)
    before = prometheus_client.generate_latest()
    text = Metrics("c1", sources).render().decode()
    assert all(f"# TYPE warbler_{name}" in text for name in TABLE)
    assert b"warbler" not in before and b"warbler" not in prometheus_client.generate_latest()


def test_http_is_counted_by_class_of_status() -> None:
    counters = HttpCounters()
    for status in (200, 201, 404, 503):
        counters.answered(status, 0.01)
    counters.refused("invalid")
    assert counters.by_status == {"2xx": 2, "4xx": 1, "5xx": 1}
    assert counters.refusals == {"invalid": 1} and sum(counters.seconds.counts) == 4


def test_the_page_for_operators_lists_every_metric_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = {name: f"| `{name}` | {'histogram' if row.kind == 'spread' else row.kind} |" for name, row in TABLE.items()}
    assert [name for name, row in rows.items() if row not in page or TABLE[name].text not in page] == []
