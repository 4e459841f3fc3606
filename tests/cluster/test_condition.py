"""How a server is, in a word and in sentences."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from actors.store.cluster_file import ClusterFile, create
from cluster.condition import state_of, supervision, troubles
from cluster.plan import Hold, Plan
from cluster.plan_keeper import PlanKeeper
from cluster.plan_steps import pause
from cluster.tree import OFTEN

NOW = 1_000_000.0
MANY = tuple(NOW - number for number in range(OFTEN.ends + 1, -1, -1))


def cells(*states: str, seat: str = "") -> list[dict[str, str]]:
    rows = [{"name": f"cell-{number}", "state": state} for number, state in enumerate(states)]
    return rows + ([{"name": "room:a", "state": seat}] if seat else [])


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        (cells("serving", "serving"), "well"),
        (cells("serving", "starting"), "well"),
        (cells("waiting", "starting"), "well"),
        (cells("serving", "paused"), "degraded"),
        (cells("serving", "failed"), "degraded"),
        (cells("serving", seat="paused"), "degraded"),
        (cells("failed", "starting"), "failing"),
        (cells("paused", "failed"), "failing"),
        (cells("paused", seat="serving"), "failing"),
    ],
)
def test_the_word_follows_from_who_serves(rows: list[dict[str, str]], state: str) -> None:
    assert state_of(rows, Plan(), NOW) == state


def test_a_supervisor_that_cannot_start_or_does_not_stay_is_failing() -> None:
    assert state_of(cells("serving"), Plan(), NOW, "no disk") == "failing"
    assert state_of(cells("serving"), Plan(starts=MANY), NOW) == "failing"
    assert state_of(cells("serving"), Plan(starts=MANY[-OFTEN.ends :]), NOW) == "well"


def test_what_is_left_alone_is_said_with_its_reason_as_long_as_it_is() -> None:
    plan = Plan(
        paused={"cell-2": Hold(NOW + 60, "it is sick")},
        avoided={"node": Hold(NOW + 60, "cells end there")},
        starts=MANY,
        broken="KeyError: 7",
    )
    told = troubles(plan, NOW)
    assert [sentence.split(" ")[0] for sentence in told] == ["cell-2", "The", "The"]
    assert "it is sick" in told[0] and "warbler resume cell-2" in told[0]
    assert "cells end there" in told[1]
    assert "12 times" in told[2] and "KeyError: 7" in told[2]
    assert troubles(plan, NOW + 3600) == []
    assert state_of(cells("serving"), plan, NOW + 3600) == "well"


def test_health_tells_what_is_left_alone_read_from_the_store(tmp_path: Path) -> None:
    create(tmp_path, 2, b"testtest", 0)
    cluster = ClusterFile(tmp_path)
    assert asyncio.run(supervision(cluster)) == {}
    plan = PlanKeeper(cluster)
    plan.change(lambda before: pause(before, "cell-2", Hold(time.time() + 60, "it is sick")))
    (told,) = asyncio.run(supervision(cluster))["supervision"]
    assert told.startswith("cell-2 is left alone")
    cluster.change_plan(cluster.plan()[0], b"garbage")
    assert "cannot be read" in asyncio.run(supervision(cluster))["supervision"][0]
