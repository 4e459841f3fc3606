"""A small reconnect storm: everybody comes back, and those who stayed are timed before and meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from cluster.bench.storm import OTHERS, STORM, storm, storm_steps

COMERS = 40


@pytest.mark.slow
def test_a_crowd_comes_back_while_others_chat(tmp_path: Path) -> None:
    told: list[str] = []
    plan = replace(STORM, users=OTHERS + COMERS)
    result = uvloop.run(storm(tmp_path, None, 2, 0.5, told.append, plan))
    assert len(told) == storm_steps(2)
    assert len(result.ours) == len(result.bare) == 2
    for quiet, during in zip(result.bare, result.ours, strict=True):
        assert min(quiet.units, during.units) > 10
        assert 0 < during.extra["half_s"] <= during.extra["most_s"] <= during.extra["all_s"]
        assert during.extra["failed"] == 0
    assert result.figure > 0
