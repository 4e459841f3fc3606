"""One cell tells of all: figures and health, with those that do not answer shown as missing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from actors.errors import Unavailable
from actors.messages.cells import Figures, HealthFound, ReadFigures, ReadHealth
from actors.runtime.actor import ActorId, Request, life_of
from actors.runtime.promise import Promise, rejected, resolved
from gateway.all_cells import AllCells, Other
from gateway.health import Health
from gateway.metrics import HttpCounters, Metrics
from tests.kit.clock import Clock


class Cells:
    """The other cells: what each answers; one without an answer is gone."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[type, Any]] = {}
        self.asked: list[tuple[str | None, type]] = []

    def ask(self, to: ActorId, request: Request[Any], *, timeout: float = 5.0) -> Promise[Any]:
        life = life_of(to)
        self.asked.append((life, type(request)))
        answers = self.answers.get(life or "", {})
        return resolved(answers[type(request)]) if type(request) in answers else rejected(Unavailable())


def metrics_of(name: str, commits: float) -> Metrics:
    seconds = HttpCounters()
    seconds.answered(200, 0.01)
    return Metrics(name, {"commits": lambda: commits, "http_seconds": lambda: seconds.seconds})


async def well() -> Mapping[str, Any]:
    return {"life": "c1.1"}


def all_cells(cells: Cells, clock: Clock, *others: str) -> AllCells:
    """Cell `c1`, with others in the view."""
    found = [Other(name, f"{name}.1") for name in others]
    return AllCells("c1", cells, lambda: found, metrics_of("c1", 1.0), Health(well, clock.now), clock.now)  # type: ignore[arg-type]


def test_one_scrape_shows_the_figures_of_all_cells_and_which_did_not_answer() -> None:
    cells = Cells()
    cells.answers["c2.1"] = {ReadFigures: Figures(metrics_of("c2", 2.0).render())}
    text = asyncio.run(all_cells(cells, Clock(), "c2", "c3").figures()).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {sample.labels["cell"]: sample.value for sample in families["warbler_cell_up"].samples} == {"c1": 1.0, "c2": 1.0, "c3": 0.0}
    commits = families["warbler_commits"].samples
    assert {sample.labels["cell"]: sample.value for sample in commits if sample.name.endswith("_total")} == {"c1": 1.0, "c2": 2.0}
    assert {sample.labels["cell"] for sample in families["warbler_http_seconds"].samples} == {"c1", "c2"}
    described = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(described) == len(set(described))


def test_a_scrape_of_one_cell_asks_nobody() -> None:
    cells = Cells()
    text = asyncio.run(all_cells(cells, Clock(), "c2").figures(alone=True)).decode()
    assert 'warbler_commits_total{cell="c1"} 1.0' in text
    assert cells.asked == []


def test_health_tells_of_every_cell() -> None:
    cells, clock = Cells(), Clock()
    cells.answers["c2.1"] = {ReadHealth: HealthFound(False, 3.0, "timeout", "commit")}
    cells.answers["c3.1"] = {ReadHealth: HealthFound(True, 2.0)}
    found = asyncio.run(all_cells(cells, clock, "c2", "c3", "c4").health())
    assert found[:2] == (True, False)
    assert found[2]["life"] == "c1.1"
    assert found[2]["cells"] == {
        "c1": {"ok": True, "took_ms": 0.0},
        "c2": {"ok": False, "took_ms": 3.0, "code": "timeout", "step": "commit"},
        "c3": {"ok": True, "took_ms": 2.0},
        "c4": {"ok": False, "code": "no_answer"},
    }


def test_however_many_ask_for_health_the_others_are_asked_once_in_a_while() -> None:
    cells, clock = Cells(), Clock()

    async def story() -> None:
        whole = all_cells(cells, clock, "c2")
        await asyncio.gather(*(whole.health() for _ in range(10)))
        await whole.health()
        assert cells.asked == [("c2.1", ReadHealth)]
        clock.advance(2.0)
        assert (await whole.health())[1] is False
        assert len(cells.asked) == 2
        await whole.close()

    asyncio.run(story())


def test_a_cell_alone_is_all_cells() -> None:
    found = asyncio.run(all_cells(Cells(), Clock()).health())
    assert (found[:2], list(found[2]["cells"])) == ((True, True), ["c1"])
