"""Plays scenarios again and again, and writes how they went into the report.

    python -m tests.faults.soak --minutes 30 [--only cells,network,people,ray] [--kept FILE] [--report docs/faults.md]

Runs are added to those in the file `--kept`, so that a report can be gathered over several calls.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from math import ceil
from pathlib import Path
from typing import Protocol

from cluster.bench.lean_client import LoadError
from tests.faults.gauge import Report
from tests.faults.on_cells import ON_CELLS
from tests.faults.on_network import ON_NETWORK
from tests.faults.on_people import ON_PEOPLE
from tests.faults.on_ray import ON_RAY
from tests.faults.running import Running
from tests.faults.running_on_ray import RunningOnRay

ROUNDS = 3
"""On one server, before the next group has its turn."""
BEGIN, END = "<!-- figures: written by make soak -->", "<!-- end of figures -->"
HEAD = "| scenario | runs | failed | acked | lost | repeated | reordered | stale commits | first new ack, p50 / p99 s | all rooms, p50 / p99 s | longest gap, p50 / p99 s |"


class Played(Protocol):
    """A running server."""

    def play(self, name: str) -> Report:
        """One scenario."""


Group = tuple[Sequence[str], Callable[[Path], AbstractContextManager[Played]]]
GROUPS: dict[str, Group] = {
    "cells": (tuple(ON_CELLS), partial(Running.on, plans=ON_CELLS, rounds=ROUNDS)),
    "network": (tuple(ON_NETWORK), partial(Running.on, plans=ON_NETWORK, rounds=ROUNDS, apart=True)),
    "people": (tuple(ON_PEOPLE), partial(Running.on, plans=ON_PEOPLE, rounds=ROUNDS)),
    "ray": (tuple(ON_RAY), partial(RunningOnRay.on, rounds=ROUNDS)),
}


def play_group(name: str, kept: Path, until: float) -> None:
    """Some rounds of a group on a server of its own; each run is written down at once."""
    scenarios, server = GROUPS[name]
    with tempfile.TemporaryDirectory(prefix="warbler-soak-") as folder, server(Path(folder)) as running, kept.open("a") as out:
        for _ in range(ROUNDS):
            for scenario in scenarios:
                if time.monotonic() > until:
                    return
                try:
                    row = running.play(scenario)._asdict()
                except (AssertionError, LoadError, TimeoutError) as error:
                    row = {"name": scenario, "failed": str(error)[:500]}
                    print(f"{scenario}: FAILED: {error}")
                out.write(json.dumps(row) + "\n")
                out.flush()
                if "failed" in row:
                    return  # what it left behind is no ground for the next


def at(values: Iterable[float], share: float) -> float:
    """A percentile: the smallest value that so large a share does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else 0.0


def table(rows: Sequence[dict[str, object]]) -> str:
    """The figures of all runs."""
    lines = [HEAD, "| --- |" + " --- |" * 10]
    for name in (name for scenarios, _ in GROUPS.values() for name in scenarios):
        runs = [row for row in rows if row["name"] == name]
        good = [Report(**row) for row in runs if "failed" not in row]  # type: ignore[arg-type]
        if not runs:
            continue
        sums = [sum(getattr(run, field) for run in good) for field in ("acked", "lost", "repeated", "reordered", "stale")]
        times = [[getattr(run, field) for run in good] for field in ("first_s", "all_s", "gap_s")]
        cells = [
            name,
            str(len(runs)),
            str(len(runs) - len(good)),
            *map(str, sums),
            *(f"{at(t, 0.5):.2f} / {at(t, 0.99):.2f}" for t in times),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_report(page: Path, kept: Path) -> None:
    """Put the figures of all kept runs between the marks of the page."""
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{table(rows)}\n\n{END}{after}")


def main() -> None:
    """Until the time is over."""
    parser = argparse.ArgumentParser(prog="tests.faults.soak", description="Scenarios of faults, again and again.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--only", default=",".join(GROUPS))
    parser.add_argument("--kept", type=Path, default=Path("soak.jsonl"))
    parser.add_argument("--report", type=Path, default=Path("docs/faults.md"))
    given = parser.parse_args()
    until = time.monotonic() + 60 * given.minutes
    while time.monotonic() < until:
        for name in given.only.split(","):
            play_group(name, given.kept, until)
    write_report(given.report, given.kept)


if __name__ == "__main__":
    main()
