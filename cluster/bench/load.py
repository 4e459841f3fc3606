"""Runs plans: both servers of a plan stand side by side and are measured in turns, so that noise hits both alike."""

from __future__ import annotations

import contextlib
import gc
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from cluster.bench.measure import fsync_seconds, median, percentile, pin
from cluster.bench.plans import ACK_P99, MEMORY, TIME, Plan
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
    fsync_s: list[float] = field(default_factory=list)
    """Bare fsyncs on the server's disk, taken between the windows."""

    @property
    def figure(self) -> float:
        """The number that `Plan.limit` speaks of: a multiple, bytes, or milliseconds."""
        if self.plan.figure == MEMORY:
            return self.value(self.ours)
        if self.plan.figure == ACK_P99:
            return self.value(self.ours) - percentile(self.fsync_s, 0.99) * 1e3
        return multiples(self.ours, self.bare, self.plan.figure)

    @property
    def held(self) -> bool:
        """Whether the limit was held."""
        return self.figure <= self.plan.limit

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


async def run_plan(plan: Plan, ours: OpenSide, bare: OpenSide, *, rounds: int, seconds: float, told: Told) -> Result:
    """Measure a plan in `rounds` windows a server."""
    result = Result(plan)
    if plan.fresh:
        for _ in range(rounds):
            await _rounds(result, ours, bare, 1, seconds, told)
    else:
        await _rounds(result, ours, bare, rounds, seconds, told)
    return result


async def _rounds(result: Result, ours: OpenSide, bare: OpenSide, rounds: int, seconds: float, told: Told) -> None:
    plan = result.plan
    seconds *= plan.seconds_scale
    with ours(plan) as our_side, bare(plan) as bare_side:
        both = [(plan.make(our_side), result.ours, our_side), (plan.make(bare_side), result.bare, bare_side)]
        for scenario, _, side in both:
            told(f"{plan.name}: preparing {side.dialect.name}")
            await scenario.prepare()
        for number in range(rounds):
            # Turn and turn about: what drifts during a pair of windows is not always to the same one's harm.
            for scenario, samples, side in both if number % 2 else reversed(both):
                told(f"{plan.name}: {side.dialect.name}, round {number + 1}")
                samples.append(await scenario.window(seconds))
            if plan.figure == ACK_P99:
                result.fsync_s += fsync_seconds(our_side.target.folder, _FSYNC_S)
        await _finish([scenario for scenario, _, _ in both])


async def _finish(scenarios: list[Scenario]) -> None:
    for scenario in scenarios:
        await scenario.finish()


def steps(plan: Plan, rounds: int) -> int:
    """How often `run_plan` calls `told`."""
    return (2 * rounds + 2) if not plan.fresh else 4 * rounds


def unit_text(plan: Plan, value: float) -> str:
    """A figure as people read it."""
    if plan.figure == MEMORY:
        return f"{value / 1024:.1f} KiB"
    if plan.figure in (ACK_P99, TIME):
        return f"{value:.2f} ms"
    return f"{value:.1f} us"
