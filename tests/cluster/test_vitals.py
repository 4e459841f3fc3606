"""The load that a beat tells, made from counters."""

from __future__ import annotations

from cluster.vitals import HOT_GROUPS, Sources, Vitals
from tests.kit.clock import Clock


class Counters:
    """What a cell counts."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cpu_s = 5.0
        self.work: dict[int, int] = {}
        self.lag_s = 0.0
        sources = Sources(
            connections=lambda: 7,
            edge_url=lambda: "ws://a",
            loop_lag_s=lambda: self.lag_s,
            queued=lambda: 3,
            work=lambda: self.work,
            draining=lambda: True,
            cpu_s=lambda: self.cpu_s,
        )
        self.vitals = Vitals("a.1", "a", 2.0, sources, self.clock.now)


def test_what_is_now_is_told_at_once() -> None:
    load = Counters().vitals.load()
    assert (load.life, load.name, load.edge_url, load.connections, load.weight) == ("a.1", "a", "ws://a", 7, 2.0)
    assert (load.queued, load.draining, load.cpu, load.hot) == (3, True, 0.0, ())


def test_rates_are_over_the_time_since_the_last_sample() -> None:
    counters = Counters()
    counters.work = {0: 100, 1: 50}
    counters.clock.advance(1.0)
    counters.vitals.load()
    counters.work = {0: 300, 1: 50, 2: 9}
    counters.cpu_s, counters.lag_s = 6.0, 0.02
    counters.clock.advance(2.0)
    load = counters.vitals.load()
    assert (load.cpu, load.loop_lag_s, load.hot) == (0.5, 0.02, ((0, 100.0),))


def test_asked_again_too_soon_it_tells_the_last_rates() -> None:
    counters = Counters()
    counters.cpu_s = 5.5
    counters.clock.advance(1.0)
    first = counters.vitals.load()
    counters.cpu_s = 6.5
    counters.clock.advance(0.2)
    assert counters.vitals.load() == first


def test_only_the_busiest_groups_are_named_busiest_first() -> None:
    counters = Counters()
    counters.work = dict.fromkeys(range(20), 0)
    counters.clock.advance(1.0)
    counters.vitals.load()
    counters.work = {group: 10 * group for group in range(20)}
    counters.clock.advance(1.0)
    hot = counters.vitals.load().hot
    assert [group for group, _ in hot] == list(range(19, 19 - HOT_GROUPS, -1))
