"""The table and the JSON file of a run."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from cluster.bench.load import Result, unit_text
from cluster.bench.plans import ACK_P99, MEMORY, NO_LIMIT, POSTS

_FULL_WIDTH = 150
"""Characters that all columns take; narrower screens get the ones that matter."""
_HEADINGS = ("bare", "without", "Warbler", "figure", "at most", "")
_MORE = ("per s", "ack p50 / p90 / p99 ms", "bytes", "beside", "generator")


def table(results: Sequence[Result], width: int = _FULL_WIDTH) -> Table:
    """All results, one line each."""
    made = Table(title="Server CPU per delivery (or what the line says) and the multiple of a bare relay", title_justify="left")
    headings = (*_HEADINGS, *_MORE) if width >= _FULL_WIDTH else _HEADINGS
    made.add_column("load", no_wrap=True)
    for heading in headings:
        made.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        made.add_row(*_cells(result)[: len(headings) + 1])
    return made


def _cells(result: Result) -> list[str]:
    plan, ours = result.plan, result.ours
    percentiles = " / ".join(f"{result.middle(ours, key):.1f}" for key in ("p50_ms", "p90_ms", "p99_ms"))
    beside_us = sum(s.daemons_cpu_s for s in ours) / max(1, sum(s.units for s in ours)) * 1e6
    return [
        plan.title,
        unit_text(plan, result.value(result.bare)) if result.bare else "",
        unit_text(plan, result.value(result.base)) if result.base else "",
        unit_text(plan, result.value(ours)),
        _figure(result, result.figure),
        "" if plan.limit == NO_LIMIT else _figure(result, plan.limit),
        "" if plan.limit == NO_LIMIT else "[green]held[/]" if result.held else "[red]missed[/]",
        f"{result.middle(ours, 'units_per_s'):,.0f}",
        percentiles,
        f"{result.middle(ours, 'bytes_in_per_unit'):.0f}",
        f"{beside_us:.1f} us" if beside_us else "",
        f"{result.middle(ours, 'load_cpu_share') * 100:.0f} %",
    ]


def _figure(result: Result, value: float) -> str:
    plan = result.plan
    if plan.figure == POSTS:
        return f"from {value:,.0f}" if value == plan.limit else f"{value:,.0f}"
    if plan.figure == MEMORY or plan.against == "nothing":
        return unit_text(plan, value)
    if plan.against == "base":
        return f"{value:+.2f} x"
    if plan.figure == ACK_P99:
        return f"{value:+.1f} ms"
    return f"{value:.2f} x"


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {"system": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count(), "at": time.strftime("%F %T %z")}


def write_json(path: Path, results: Sequence[Result], **settings: Any) -> None:
    """Keep everything that was measured."""
    content = {"machine": machine(), "settings": settings, "results": [result.as_json() for result in results]}
    path.write_text(json.dumps(content, indent=2) + "\n")
