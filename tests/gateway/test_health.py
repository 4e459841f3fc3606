"""Health is what a probe finds, asked once for all and within its time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from actors.errors import ChatError
from gateway.health import Health, ProbeFailed
from tests.kit.api import run
from tests.kit.clock import Clock


class Probe:
    """Counts its calls; answers when the test lets it."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate = asyncio.Event()
        self.error: Exception | None = None
        self.began = asyncio.Event()

    async def __call__(self) -> Mapping[str, Any]:
        self.calls += 1
        self.began.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return {"seq": self.calls}


def test_an_answer_is_kept_for_a_second() -> None:
    async def story() -> None:
        clock, probe = Clock(), Probe()
        health = Health(probe, clock.now)
        probe.gate.set()
        assert (await health.report()).details == {"ok": True, "took_ms": 0.0, "seq": 1}
        clock.advance(0.9)
        assert (await health.report()).details["seq"] == 1
        clock.advance(0.2)
        assert (await health.report()).details["seq"] == 2

    run(story())


def test_many_who_ask_at_once_share_a_probe_and_one_who_leaves_takes_nothing_away() -> None:
    async def story() -> None:
        probe = Probe()
        health = Health(probe, Clock().now)
        asking = [asyncio.create_task(health.report()) for _ in range(5)]
        await probe.began.wait()
        asking[0].cancel()
        probe.gate.set()
        reports = await asyncio.gather(*asking[1:])
        assert probe.calls == 1 and all(report.ok for report in reports)

    run(story())


def test_a_probe_that_takes_too_long_is_a_failure() -> None:
    async def story() -> None:
        report = await Health(Probe(), Clock().now, limit_s=0.0).report()
        assert not report.ok and report.details["code"] == "timeout"

    run(story())


@pytest.mark.parametrize(("error", "code"), [(ChatError("store_unavailable"), "store_unavailable"), (RuntimeError("at /srv"), "internal")])
def test_a_probe_that_fails_is_told_by_code_alone(error: Exception, code: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        probe = Probe()
        probe.error = error
        probe.gate.set()
        with caplog.at_level(logging.ERROR):
            report = await Health(probe, Clock().now).report()
        assert report.details == {"ok": False, "took_ms": 0.0, "code": code}
        assert bool([record for record in caplog.records if record.exc_info]) == (code == "internal")

    run(story())


def test_a_probe_that_knows_where_it_failed_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        probe = Probe()
        probe.error = ProbeFailed("commit", "timeout")
        probe.gate.set()
        report = await Health(probe, Clock().now).report()
        assert report.details == {"ok": False, "took_ms": 0.0, "code": "timeout", "step": "commit"}
        assert not [record for record in caplog.records if record.exc_info]

    run(story())


def test_closing_ends_a_running_probe() -> None:
    async def story() -> None:
        probe = Probe()
        health = Health(probe, Clock().now)
        asking = asyncio.create_task(health.report())
        await probe.began.wait()
        await health.close()
        assert (await asyncio.gather(asking, return_exceptions=True))[0].__class__ is asyncio.CancelledError
        await health.close()

    run(story())


def test_what_else_people_should_know_stands_in_every_answer() -> None:
    async def story() -> None:
        clock, probe = Clock(), Probe()

        async def notes() -> Mapping[str, Any]:
            return {"supervision": ["cell-2 is left alone"]}

        health = Health(probe, clock.now, keep_s=0.0, notes=notes)
        probe.gate.set()
        well = await health.report()
        probe.error = ChatError("unavailable")
        ill = await health.report()
        assert (well.ok, ill.ok) == (True, False)
        assert well.details["supervision"] == ill.details["supervision"] == ["cell-2 is left alone"]

    run(story())
