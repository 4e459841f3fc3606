"""The supervision tree: complete, as the supervisors act by it, and on one screen."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from actors.runtime.restarts import Restarts
from cluster.commands.status import tree_picture
from cluster.tree import ACTOR_LIMIT, CELL_LIMIT, OWN_CELL, rows, walk
from tests.kit.chat import Town

PARTS = {part.name: part for _, part in walk()}


def status(*cells: dict[str, Any], switch: bool = False) -> dict[str, Any]:
    return {"pid": 99, "cells": list(cells), "switch": switch}


def cell(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": "serving", "restarts": 0, "actors": {"room": 2.0, "session": 5.0}, "crashes": {}, **more}


def test_every_kind_of_actor_that_a_cell_hosts_stands_in_it_once() -> None:
    names = [part.name for _, part in walk()]
    assert len(names) == len(set(names))
    kinds = set(Town().any_host().cell._kinds)
    assert {part.name for part in PARTS["cell"].parts} == kinds


def test_a_connection_is_never_restarted_and_everything_else_is() -> None:
    assert [name for name, part in PARTS.items() if part.restart == "never"] == ["ray", "session"]


def test_an_actor_is_left_alone_just_when_its_limit_says_so() -> None:
    restarts = Restarts()
    assert [restarts.crashed("room:x", 0.0) for _ in range(ACTOR_LIMIT.ends)] == [False] * ACTOR_LIMIT.ends
    assert restarts.crashed("room:x", ACTOR_LIMIT.window_s - 1.0)
    assert restarts.quarantined_s("room:x", ACTOR_LIMIT.window_s - 1.0) == ACTOR_LIMIT.first_s


def test_cells_stand_in_it_by_their_names_and_actors_are_counted_over_all() -> None:
    found = {row.name: row for row in rows(status(cell("cell-1", restarts=2, crashes={"room": 3.0}), cell("cell-2"), switch=True))}
    assert (found["cell-1"].now, found["cell-2"].now) == ("serving, restarted 2 x", "serving")
    assert (found["room"].now, found["session"].now, found["user"].now) == ("4, crashed 3 x", "10", "0")
    assert (found["supervisor"].now, found["switch"].now) == ("pid 99", "asked")
    assert found["cell-1"].depth == found["room"].depth - 1
    assert found["cell-1"].limit == f"{CELL_LIMIT.ends} in 60 s, then 1-30 s"


def test_a_room_with_a_process_of_its_own_stands_beside_the_cells() -> None:
    found = rows(status(cell("cell-1"), cell("room:9f2c", restarts=1)))
    own = next(row for row in found if row.name == "room:9f2c")
    assert (own.depth, own.now, own.restart) == (2, "serving, restarted 1 x", "always")
    assert [row.now for row in rows(status(cell("cell-1"))) if row.name == OWN_CELL] == ["none"]


def test_a_cell_that_does_not_answer_stands_there_with_its_state() -> None:
    found = {row.name: row.now for row in rows(status({"name": "cell-1", "state": "failed", "restarts": 4}))}
    assert found["cell-1"] == "failed, restarted 4 x"


def test_it_fits_one_screen() -> None:
    console = Console(width=120, force_terminal=False)
    with console.capture() as capture:
        console.print(tree_picture(rows(status(*(cell(f"cell-{number}") for number in range(1, 9))))))
    lines = capture.get().splitlines()
    assert len(lines) <= 24
    assert lines[3].split()[:3] == ["cell-1", "serving", "always"]
