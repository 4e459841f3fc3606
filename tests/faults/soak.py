"""Plays scenarios again and again, and writes how they went into the report.

    python -m tests.faults.soak --minutes 30 [--only cells,network,people,return,growth,skew,ray,upkeep,cassandra,long] [--kept FILE] [--report docs/faults.md]

Runs are added to those in the file `--kept`, so that a report can be gathered over several calls.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Protocol

from cluster.bench.lean_client import LoadError
from cluster.bench.servers import ADMITTING
from tests.faults.gauge import Report, at
from tests.faults.on_cassandra import ON_CASSANDRA
from tests.faults.on_cells import ON_CELLS
from tests.faults.on_growth import EVEN_AFTER, LOST, MOVED_MORE, ON_GROWTH, ON_SKEW, PAUSE
from tests.faults.on_network import ON_NETWORK
from tests.faults.on_people import BACK, ON_PEOPLE, ON_RETURN, SLOWER
from tests.faults.on_ray import FOR_LONG, ON_RAY, PUT_OFF, UPKEEP
from tests.faults.running import Running
from tests.faults.running_on_cassandra import on_nodes
from tests.faults.running_on_ray import RunningOnRay

ROUNDS = 3
"""On one server, before the next group has its turn."""
BEGIN, END = "<!-- figures: written by make soak -->", "<!-- end of figures -->"
FIGURES = "| what is measured beside | runs | p50 | p99 | at most |"
HEAD = "| scenario | runs | failed | acked | lost | repeated | reordered | stale commits | first new ack, p50 / p99 s | all rooms, p50 / p99 s | longest gap, p50 / p99 s | longest wait for an answer, p50 / p99 s |"


class Played(Protocol):
    """A running server."""

    def play(self, name: str) -> Report:
        """One scenario."""


Group = tuple[Sequence[str], Callable[[Path], AbstractContextManager[Played]]]
GROUPS: dict[str, Group] = {
    "cells": (tuple(ON_CELLS), partial(Running.on, plans=ON_CELLS, rounds=ROUNDS)),
    "network": (tuple(ON_NETWORK), partial(Running.on, plans=ON_NETWORK, rounds=ROUNDS, apart=True)),
    "people": (tuple(ON_PEOPLE), partial(Running.on, plans=ON_PEOPLE, rounds=ROUNDS)),
    "return": (tuple(ON_RETURN), partial(Running.on, plans=ON_RETURN, rounds=ROUNDS, settings=ADMITTING)),
    "growth": (tuple(ON_GROWTH), partial(Running.on, plans=ON_GROWTH, rounds=ROUNDS)),
    "skew": (tuple(ON_SKEW), partial(Running.on, plans=ON_SKEW, rounds=ROUNDS, names=("cell-1",))),
    "ray": (tuple(ON_RAY), partial(RunningOnRay.on, plans=ON_RAY, rounds=ROUNDS)),
    "upkeep": (tuple(UPKEEP), partial(RunningOnRay.on, plans=UPKEEP, rounds=ROUNDS)),
    "cassandra": (tuple(ON_CASSANDRA), partial(on_nodes, plans=ON_CASSANDRA, rounds=ROUNDS)),
    "long": (tuple(FOR_LONG), partial(RunningOnRay.on, plans=FOR_LONG, rounds=ROUNDS)),
}
NAMES = [name for scenarios, _ in GROUPS.values() for name in scenarios]
LIMITS = {BACK: 30.0, SLOWER: 2.0, MOVED_MORE: 0.1, PAUSE: 1.0, EVEN_AFTER: 60.0, LOST: 0.0, PUT_OFF: 0.0}
"""What was promised of what is measured in some scenarios alone."""


def play_group(name: str, chosen: Sequence[str], kept: Path, until: float) -> None:
    """Some rounds of a group, or those of its scenarios that are chosen, on a server of its own; each run is written down at once."""
    group, server = GROUPS[name]
    scenarios = [scenario for scenario in group if scenario in chosen]
    with tempfile.TemporaryDirectory(prefix="warbler-soak-") as folder, server(Path(folder)) as running, kept.open("a") as out:
        for _ in range(ROUNDS):
            for scenario in _least_played_first(scenarios, kept):
                if time.monotonic() > until:
                    return
                try:
                    row = running.play(scenario)._asdict()
                except (AssertionError, LoadError, TimeoutError) as error:
                    where = traceback.extract_tb(error.__traceback__)[-1]
                    row = {"name": scenario, "failed": f"{where.filename}:{where.lineno}: {type(error).__name__} {error}"[:500]}
                    print(f"{scenario}: FAILED: {traceback.format_exc()}")
                out.write(json.dumps(row) + "\n")
                out.flush()
                if "failed" in row:
                    return  # what it left behind is no ground for the next


def _least_played_first(scenarios: Sequence[str], kept: Path) -> list[str]:
    """So that short calls play all of them in the end."""
    played = Counter(json.loads(line)["name"] for line in kept.read_text().splitlines())
    return sorted(scenarios, key=lambda scenario: played[scenario])


def table(rows: Sequence[dict[str, object]]) -> str:
    """The figures of all runs."""
    lines = [HEAD, "| --- |" + " --- |" * 11]
    for name in NAMES:
        runs = [row for row in rows if row["name"] == name]
        good = [Report(**row) for row in runs if "failed" not in row]  # type: ignore[arg-type]
        if not runs:
            continue
        sums = [sum(getattr(run, field) for run in good) for field in ("acked", "lost", "repeated", "reordered", "stale")]
        times = [[value for run in good if (value := getattr(run, field)) is not None] for field in ("first_s", "all_s", "gap_s", "wait_s")]
        cells = [
            name,
            str(len(runs)),
            str(len(runs) - len(good)),
            *map(str, sums),
            *(f"{at(t, 0.5):.2f} / {at(t, 0.99):.2f}" if t else "" for t in times),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *figures(rows)])


def figures(rows: Sequence[dict[str, object]]) -> list[str]:
    """What is measured in single scenarios alone, beside what was promised."""
    lines = [FIGURES, "| --- | --- | --- | --- | --- |"]
    for name in NAMES:
        runs = [Report(**row).figures for row in rows if row["name"] == name and "failed" not in row]  # type: ignore[arg-type]
        for figure in dict.fromkeys(key for run in runs for key in run):
            values = [run[figure] for run in runs if figure in run]
            limit = f"{LIMITS[figure]:g}" if figure in LIMITS else ""
            lines.append(f"| {name}: {figure} | {len(values)} | {at(values, 0.5):.2f} | {at(values, 0.99):.2f} | {limit} |")
    return lines


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
    parser.add_argument("--scenario", action="append", choices=NAMES, help="this one, and others that are named so; all where none is")
    parser.add_argument("--kept", type=Path, default=Path("soak.jsonl"))
    parser.add_argument("--report", type=Path, default=Path("docs/faults.md"))
    given = parser.parse_args()
    until = time.monotonic() + 60 * given.minutes
    while time.monotonic() < until:
        for name in given.only.split(","):
            if any(scenario in (given.scenario or NAMES) for scenario in GROUPS[name][0]):
                play_group(name, given.scenario or NAMES, given.kept, until)
    write_report(given.report, given.kept)


if __name__ == "__main__":
    main()
