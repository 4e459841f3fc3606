"""What a call of a Ray program costs (`cluster.handles`), on a running server: latency, calls a second, CPU of each side.

    python -m cluster.bench.handles --data DATA --room ID --by USER

The room is one of the running server, and `by` a member of it; the posts are real ones.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

import psutil

from cluster.joining import join

IN_FLIGHT = 64
WARM_UP = 30


class Cost(NamedTuple):
    """One row of the table."""

    name: str
    p50_ms: float
    p99_ms: float
    per_s: float
    """With many in flight."""
    us: dict[str, float]
    """Microseconds of CPU for one call with many in flight, by process."""


def measure(name: str, call: Callable[[], Any], processes: dict[str, psutil.Process], count: int) -> Cost:
    """Call one after the other, then many at once."""
    import ray

    for _ in range(WARM_UP):
        ray.get(call())
    times = []
    for _ in range(count):
        began = time.perf_counter()
        ray.get(call())
        times.append(time.perf_counter() - began)
    before, began = {key: _cpu_s(process) for key, process in processes.items()}, time.perf_counter()
    waiting = [call() for _ in range(IN_FLIGHT)]
    for done in range(count * 2):
        ready, waiting = ray.wait(waiting, num_returns=1)
        ray.get(ready)
        if done < count * 2 - IN_FLIGHT:
            waiting.append(call())
    took = time.perf_counter() - began
    used = {key: 1e6 * (_cpu_s(process) - before[key]) / (count * 2) for key, process in processes.items()}
    times.sort()
    return Cost(name, 1e3 * median(times), 1e3 * times[int(0.99 * len(times))], count * 2 / took, used)


def _cpu_s(process: psutil.Process) -> float:
    found = process.cpu_times()
    return float(found.user + found.system)


def _processes(host_status: dict[str, Any]) -> dict[str, psutil.Process]:
    found = {"caller": psutil.Process()}
    for cell in host_status["cells"]:
        found[cell["name"]] = psutil.Process(cell["pid"])
    mine = next(iter(found.values()))
    for process in psutil.process_iter(["cmdline", "uids"]):
        if process.info["cmdline"] and process.info["cmdline"][0].startswith("ray::SwitchActor") and process.uids() == mine.uids():
            found["switch"] = process
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="cluster.bench.handles", description="The price of a Ray program's calls.")
    parser.add_argument("--data", required=True)
    parser.add_argument("--room", required=True)
    parser.add_argument("--by", required=True)
    parser.add_argument("--count", type=int, default=500)
    given = parser.parse_args(arguments)
    host = join(given.data)
    import ray

    from cluster.handles import get_actor

    switched, near = get_actor(f"room:{given.room}"), get_actor(f"room:{given.room}", direct=True)
    ray.get(switched.stats.remote())  # the switch starts with the first call
    processes = _processes(host.call("status"))
    for name, call in (
        ("stats, switch", switched.stats.remote),
        ("post, switch", lambda: switched.post.remote(given.by, "x" * 200)),
        ("history of 100, switch", lambda: switched.history.remote(limit=100)),
        ("stats, direct", near.stats.remote),
        ("post, direct", lambda: near.post.remote(given.by, "x" * 200)),
    ):
        cost = measure(name, call, processes, given.count)
        used = "  ".join(f"{key} {spent:.0f}" for key, spent in cost.us.items())
        print(f"{cost.name:24} p50 {cost.p50_ms:6.2f} ms  p99 {cost.p99_ms:6.2f} ms  {cost.per_s:6.0f}/s   us of CPU: {used}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
