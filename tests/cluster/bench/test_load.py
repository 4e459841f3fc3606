"""The load generator against the bare relay: everything that it sends arrives and is counted, and equals are equal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import uvloop

from cluster.bench.absence import CatchUp
from cluster.bench.arrivals import Connect, Idle
from cluster.bench.hall import Hall
from cluster.bench.load import Result, run_plan, steps
from cluster.bench.pairs import Pairs
from cluster.bench.plans import CPU, MEMORY, Plan
from cluster.bench.report import table, write_json
from cluster.bench.sample import Sample
from cluster.bench.servers import bare_relay
from cluster.bench.side import Side

WINDOW_S = 0.2
USERS = 40
PAST = 250


@pytest.fixture(scope="module")
def relay() -> Iterator[Side]:
    with bare_relay(Plan("", "", lambda side: Pairs(side), USERS, 1.0, past=PAST), core=None) as side:
        yield side


def windows(side: Side, plan_of: object, count: int = 1) -> list[Sample]:
    async def run() -> list[Sample]:
        scenario = plan_of(side)  # type: ignore[operator]
        await scenario.prepare()
        samples = [await scenario.window(WINDOW_S) for _ in range(count)]
        await scenario.finish()
        return samples

    return uvloop.run(run())


def test_pairs_count_every_delivery_and_time_every_answer(relay: Side) -> None:
    (sample,) = windows(relay, lambda side: Pairs(side, users=20, in_flight=4))
    assert sample.units > 100
    assert sample.cpu_us > 1
    # Deliveries and answers go hand in hand; at most what is in flight lies between them.
    assert abs(len(sample.latencies_s) - sample.units) <= 20 * 4
    assert min(sample.latencies_s) > 0
    assert sample.as_json()["bytes_in_per_unit"] > 100


def test_posts_at_a_rate_keep_to_it_whatever_comes_back(relay: Side) -> None:
    (sample,) = windows(relay, lambda side: Pairs(side, users=10, rate=200.0))
    assert 0.5 * 200 * WINDOW_S <= sample.units <= 1.5 * 200 * WINDOW_S + 10


def test_a_post_to_a_room_counts_once_for_every_member(relay: Side) -> None:
    first, second = windows(relay, lambda side: Hall(side, members=30), count=2)
    assert first.units > 30
    assert second.units > 30
    assert first.extra["all_have_it_p50_ms"] >= first.as_json()["p50_ms"] * 0.1


def test_a_quiet_room_gets_its_posts_by_the_clock(relay: Side) -> None:
    (sample,) = windows(relay, lambda side: Hall(side, members=30, rate=50.0))
    assert 0 < sample.units <= 30 * 50 * WINDOW_S * 2


def test_every_connection_is_counted_and_goes_again(relay: Side) -> None:
    first, second = windows(relay, lambda side: Connect(side, count=USERS, at_once=8), count=2)
    assert first.units == second.units == USERS
    assert len(second.latencies_s) == USERS
    assert second.extra["close_cpu_us"] > 0


def test_idle_connections_are_weighed(relay: Side) -> None:
    (sample,) = windows(relay, lambda side: Idle(side, count=USERS))
    assert sample.units == USERS
    # The system counts memory by pages; some of it was there already.
    assert sample.as_json()["memory_bytes_per_unit"] < 200 * 1024


def test_the_past_is_fetched_whole_again_and_again(relay: Side) -> None:
    (sample,) = windows(relay, lambda side: CatchUp(side, messages=PAST))
    assert sample.units == PAST * len(sample.latencies_s)


def relay_of(plan: Plan) -> AbstractContextManager[Side]:
    return bare_relay(plan, core=None)


@pytest.mark.slow
def test_two_equal_servers_cost_the_same_within_noise(tmp_path: Path) -> None:
    told: list[str] = []
    plan = Plan("equal", "equals", lambda side: Pairs(side, users=20), 20, 1.1)
    result = uvloop.run(run_plan(plan, relay_of, relay_of, rounds=2, seconds=WINDOW_S, told=told.append))
    assert len(result.ours) == len(result.bare) == 2
    assert len(told) == steps(plan, 2)
    # Other work on the machine moves this; a factor of two would be a fault of the measurement.
    assert 0.5 < result.figure < 2.0
    write_json(tmp_path / "run.json", [result], rounds=2)
    assert '"one-to-one"' not in (tmp_path / "run.json").read_text()
    assert '"equals"' in (tmp_path / "run.json").read_text()
    assert table([result]).row_count == 1


def sample(units: int, cpu_s: float, memory_bytes: int = 0) -> Sample:
    return Sample(seconds=1.0, units=units, cpu_s=cpu_s, memory_bytes=memory_bytes)


def test_the_figure_is_the_middle_of_the_rounds_each_against_its_neighbour() -> None:
    result = Result(Plan("p", "p", lambda side: Pairs(side), 2, 1.0, figure=CPU))
    result.ours = [sample(100, 0.1), sample(100, 0.9), sample(100, 0.3)]
    result.bare = [sample(100, 0.2), sample(100, 0.3), sample(100, 0.2)]
    assert result.figure == pytest.approx(1.5)
    assert not result.held


def test_memory_is_told_in_bytes_a_connection() -> None:
    result = Result(Plan("p", "p", lambda side: Idle(side), 2, 9 * 1024, figure=MEMORY))
    result.ours = [sample(10, 0.0, memory_bytes=80 * 1024)]
    result.bare = [sample(10, 0.0, memory_bytes=130 * 1024)]
    assert result.figure == 8 * 1024
    assert result.held
