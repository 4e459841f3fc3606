"""What the gauge of a scenario tells: breaks by what they are, rooms that are back, gaps; and the table of many runs."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults import gauge as gauge_module
from tests.faults.gauge import Gauge, Report, at
from tests.faults.on_growth import PAUSE
from tests.faults.soak import figures, table


def test_a_room_is_back_with_the_first_answer_to_what_was_sent_after_the_fault() -> None:
    async def run() -> None:
        gauge = Gauge()
        device = gauge.device("ann", "d1")
        device.sent("r1", 1, "id1", "before")
        gauge.hit("broken", ["r1"])
        device.acked("r1", 1, 1)
        assert gauge.back == {}, "its answer was on its way before the fault"
        device.sent("r2", 1, "id2", "elsewhere")
        device.acked("r2", 1, 1)
        assert gauge.back == {}
        device.sent("r1", 2, "id3", "after")
        device.acked("r1", 2, 2)
        await gauge.all_back(1.0)
        assert set(gauge.back) == {"r1"}
        assert gauge.acked == 3

    asyncio.run(run())


def test_what_is_broken_is_counted_by_what_it_is() -> None:
    async def run() -> Report:
        gauge = Gauge()
        device = gauge.device("ann", "d1")
        for n, seq in ((1, 1), (2, 2), (3, 2)):
            device.sent("r1", n, f"id{n}", f"text {n}")
            device.acked("r1", n, seq)
        device.shown("r1", 1, "ann", "d1", 1, "id1", "text 1")
        device.shown("r1", 1, "ann", "d1", 1, "id1", "text 1")
        report, violations = gauge.report("a scenario", [])
        assert len(violations) == report.lost + report.repeated + report.reordered + report.stale
        return report

    report = asyncio.run(run())
    assert report.repeated == 1, "seq 1 was shown twice"
    assert report.stale == 1, "seq 2 was given to two posts"
    assert report.lost >= 2, "nobody can read either of them"


@pytest.mark.parametrize(("share", "found"), [(0.5, 2.0), (0.99, 4.0), (0.25, 1.0)])
def test_a_percentile_is_a_value_that_was_seen(share: float, found: float) -> None:
    assert at([4.0, 2.0, 1.0, 3.0], share) == found


def test_a_run_that_failed_is_counted_and_has_no_figures() -> None:
    good = Report("cell killed", 100, 0, 0, 0, 0, 0.1, 0.2, 0.3, 0, 1, 0.4)._asdict()
    (row,) = (line for line in table([good, {"name": "cell killed", "failed": "why"}]).splitlines() if line.startswith("| cell killed"))
    assert row == "| cell killed | 2 | 1 | 100 | 0 | 0 | 0 | 0 | 0.10 / 0.10 | 0.20 / 0.20 | 0.30 / 0.30 | 0.40 / 0.40 |"


def test_what_one_scenario_measures_alone_stands_beside_what_was_promised() -> None:
    runs = [Report("cell killed", 1, 0, 0, 0, 0, 0.1, 0.2, 0.3, 0, 1, 0.4, {PAUSE: pause})._asdict() for pause in (0.1, 0.3)]
    assert figures(runs)[2:] == [f"| cell killed: {PAUSE} | 2 | 0.10 | 0.30 | 1 |"]


def test_a_wait_begins_when_a_post_is_sent_for_the_first_time() -> None:
    gauge = Gauge()
    device = gauge.device("ann", "d1")
    device.sent("r1", 1, "id1", "before they chat")
    gauge.begin()
    device.sent("r1", 2, "id2", "text")
    (sent,) = gauge.under_way
    device.sent("r1", 2, "id2", "text")
    device.acked("r1", 1, 1)
    device.acked("r1", 2, 2)
    device.acked("r1", 2, 2)
    (wait,) = gauge.waits
    assert (wait.device, wait.room) == ("d1", "r1")
    assert sent == ("d1", "r1", 2)
    assert wait.took_s >= 0


def test_a_gap_is_time_without_an_acknowledgement_while_something_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"now": 0.0}
    monkeypatch.setattr(gauge_module.time, "monotonic", lambda: clock["now"])
    gauge = Gauge()
    device = gauge.device("ann", "d1")
    gauge.begin()
    story = [
        (1.0, "sent", 1),
        (1.5, "sent", 2),
        (1.75, "acked", 1),
        (2.25, "acked", 2),
        (9.0, "sent", 3),
        (9.5, "sent", 3),
        (9.75, "acked", 3),
    ]
    for clock["now"], what, n in story:
        if what == "sent":
            device.sent("r1", n, f"id{n}", "text")
        else:
            device.acked("r1", n, n)
    gauge.end()
    assert gauge.report("a scenario", [])[0].gap_s == 0.75, "nothing was under way between 2.25 and 9.0"


def test_a_gap_that_lasts_until_they_fall_silent_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1.0
    monkeypatch.setattr(gauge_module.time, "monotonic", lambda: now)
    gauge = Gauge()
    device = gauge.device("ann", "d1")
    gauge.begin()
    device.sent("r1", 1, "id1", "text")
    now = 4.0
    gauge.end()
    now = 99.0
    device.acked("r1", 1, 1)
    assert gauge.report("a scenario", [])[0].gap_s == 3.0
