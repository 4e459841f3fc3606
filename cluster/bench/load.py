"""Runs plans: both servers of a plan stand side by side and are measured in turns, so that noise hits both alike."""

from __future__ import annotations

import contextlib
import gc
import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from cluster.bench.measure import fsync_seconds, median, percentile, pin
from cluster.bench.plans import ACK, ACK_P99, BESIDE_READS, MEMORY, POSTS, TIME, Plan
from cluster.bench.sample import Sample, multiples
from cluster.bench.side import Scenario, Side
from cluster.bench.target import LOAD_CORE

OpenSide = Callable[[Plan], AbstractContextManager[Side]]
"""Starts (or finds) a server with what a plan needs, and ends it."""
Told = Callable[[str], None]
"""Called with what is being done now, for the progress bar; one call a step."""

_FSYNC_S = 0.7


@dataclass(slots=True)
class Result:
    """What a plan found. `bare` is what `ours` is compared with."""

    plan: Plan
    ours: list[Sample] = field(default_factory=list)
    bare: list[Sample] = field(default_factory=list)
    base: list[Sample] = field(default_factory=list)
    """The same load on our server without what is measured: where nothing crosses a link, or on the embedded store."""
    fsync_s: list[float] = field(default_factory=list)
    """Bare fsyncs on the server's disk, taken between the windows."""

    @property
    def figure(self) -> float:
        """The number that `Plan.limit` speaks of: a multiple, bytes, or milliseconds."""
        if self.plan.figure == MEMORY or self.plan.against == "nothing":
            return self.value(self.ours)
        if self.plan.against == "base":
            return (self.value(self.ours) - self.value(self.base)) / self.plan.ends / self.value(self.bare)
        if self.plan.figure == ACK_P99:
            return self.value(self.ours) - percentile(self.fsync_s, 0.99) * 1e3
        return multiples(self.ours, self.bare, self.plan.figure)

    @property
    def held(self) -> bool:
        """Whether the limit was held."""
        return self.figure >= self.plan.limit if self.plan.figure == POSTS else self.figure <= self.plan.limit

    def value(self, samples: list[Sample]) -> float:
        """The middle value of the plan's figure."""
        return self.middle(samples, self.plan.figure)

    def middle(self, samples: list[Sample], key: str) -> float:
        """The middle value of any figure."""
        return median([sample.as_json().get(key, 0.0) for sample in samples])

    def as_json(self) -> dict[str, Any]:
        """Everything, for `--json`."""
        return {
            "name": self.plan.name,
            "title": self.plan.title,
            "unit": self.plan.unit,
            "figure_of": self.plan.figure,
            "figure": self.figure,
            "limit": self.plan.limit,
            "held": self.held,
            "fsync_p50_ms": percentile(self.fsync_s, 0.5) * 1e3,
            "fsync_p99_ms": percentile(self.fsync_s, 0.99) * 1e3,
            "ours": [sample.as_json() for sample in self.ours],
            "bare": [sample.as_json() for sample in self.bare],
            "base": [sample.as_json() for sample in self.base],
        }


@contextlib.contextmanager
def generator_settings(pinned: bool) -> Iterator[None]:
    """This process as a load generator: on its own core, without collections of garbage, with many open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS answers "unlimited" and takes no more than this.
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard != resource.RLIM_INFINITY else 10240, hard))
    if pinned:
        pin(0, LOAD_CORE)
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def run_plan(
    plan: Plan, ours: OpenSide, bare: OpenSide | None, *, rounds: int, seconds: float, told: Told, base: OpenSide | None = None
) -> Result:
    """Measure a plan in `rounds` windows a server, those that are there."""
    result = Result(plan)
    opened = [(ours, result.ours), *((side, samples) for side, samples in ((bare, result.bare), (base, result.base)) if side is not None)]
    for _ in range(rounds if plan.fresh else 1):
        await _rounds(result, opened, 1 if plan.fresh else rounds, seconds, told)
    return result


async def _rounds(result: Result, opened: Sequence[tuple[OpenSide, list[Sample]]], rounds: int, seconds: float, told: Told) -> None:
    plan = result.plan
    with contextlib.ExitStack() as stack:
        sides = [(stack.enter_context(side(plan)), samples) for side, samples in opened]
        folder = sides[0][0].target.folder

        def between() -> None:
            if plan.figure == ACK_P99:
                result.fsync_s += fsync_seconds(folder, _FSYNC_S)

        turns = [Turn(side, plan.make(side), samples) for side, samples in sides]
        await take_turns(plan, turns, rounds, seconds * plan.seconds_scale, told, between)


@dataclass(frozen=True, slots=True)
class Turn:
    """One of the servers that are measured in turns."""

    side: Side
    scenario: Scenario
    samples: list[Sample]
    """Where its windows go."""


async def take_turns(plan: Plan, turns: list[Turn], rounds: int, seconds: float, told: Told, between: Callable[[], None]) -> None:
    """Prepare all, measure each in every round, finish all. `between` is called after each round."""
    for turn in turns:
        told(f"{plan.name}: preparing {turn.side.dialect.name}")
        await turn.scenario.prepare()
    for number in range(rounds):
        # Turn and turn about: what drifts during a round is not always to the same one's harm.
        for turn in turns if number % 2 else reversed(turns):
            told(f"{plan.name}: {turn.side.dialect.name}, round {number + 1}")
            turn.samples.append(await turn.scenario.window(seconds))
        between()
    for turn in turns:
        await turn.scenario.finish()


def steps(plan: Plan, rounds: int, servers: int = 2) -> int:
    """How often measuring a plan calls `told`."""
    return servers * (rounds + 1) if not plan.fresh else servers * 2 * rounds


def unit_text(plan: Plan, value: float) -> str:
    """A figure as people read it."""
    if plan.figure == MEMORY:
        return f"{value / 1024:.1f} KiB"
    if plan.figure in (ACK, ACK_P99, TIME):
        return f"{value:.2f} ms"
    if plan.figure == BESIDE_READS:
        return f"{value:.2f} reads"
    if plan.figure == POSTS:
        return f"{value:,.0f} / s"
    return f"{value:.1f} us"
