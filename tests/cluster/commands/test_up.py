"""When `warbler up` calls a server ready, and when it gives it up. The supervisor's answers are given by the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import pytest

from cluster.commands.up import wait_ready
from cluster.problems import StartProblem

if TYPE_CHECKING:
    from cluster.ray_host import RayHost


class Host:
    """Answers one status after the other, the last one again and again."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)

    def call(self, method: str, *, limit_s: float) -> dict[str, Any]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def status(*states: str, restarts: int = 0, fatal: str = "", troubles: Sequence[str] = ()) -> dict[str, Any]:
    cells = [
        {"name": f"cell-{number}", "state": state, "restarts": restarts, "problem": "it is sick"} for number, state in enumerate(states)
    ]
    return {"cells": cells, "fatal": fatal, "troubles": list(troubles)}


def wait(*answers: dict[str, Any], is_new: bool = True) -> dict[str, Any]:
    return wait_ready(cast("RayHost", Host(*answers)), is_new=is_new)


def test_it_waits_until_every_cell_serves_that_is_not_left_alone() -> None:
    ready = status("serving", "paused")
    assert wait(status(), status("serving", "starting"), ready) == ready


def test_a_new_server_whose_cell_fails_is_given_up_at_once() -> None:
    with pytest.raises(StartProblem, match="it is sick"):
        wait(status("serving", "failed", restarts=1))


def test_one_that_ran_already_may_just_be_starting_a_cell_again() -> None:
    ready = status("serving", "serving", restarts=1)
    assert wait(status("serving", "failed", restarts=1), ready, is_new=False) == ready


@pytest.mark.parametrize(
    ("answer", "said"),
    [(status(fatal="no disk"), "no disk"), (status("paused", troubles=["cell-0 is left alone until noon"]), "left alone until noon")],
)
def test_what_will_not_serve_is_said(answer: dict[str, Any], said: str) -> None:
    for is_new in (True, False):
        with pytest.raises(StartProblem, match=said):
            wait(answer, is_new=is_new)
