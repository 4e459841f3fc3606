"""The supervision tree on one screen."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from cluster.commands.status import tree_picture
from cluster.tree import LOOPS, OWN_CELL, PARTS
from cluster.tree_rows import notes, rows


def status(*cells: dict[str, Any], switch: bool = False, **more: Any) -> dict[str, Any]:
    return {"pid": 99, "cells": list(cells), "switch": switch, **more}


def cell(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": "serving", "restarts": 0, "actors": {"room": 2.0, "session": 5.0}, "crashes": {}, **more}


def test_cells_stand_in_it_by_their_names_and_actors_are_counted_over_all() -> None:
    found = {row.name: row for row in rows(status(cell("cell-1", ends=2, crashes={"room": 3.0}), cell("cell-2"), switch=True, starts=3))}
    assert (found["cell-1"].now, found["cell-2"].now) == ("serving, 2 ends", "serving, 0 ends")
    assert (found["room"].now, found["session"].now, found["user"].now) == ("4, crashed 3 x", "10", "0")
    assert (found["supervisor"].now, found["switch"].now) == ("pid 99, 2 ends", "asked")
    assert found["cell-1"].depth == found["room"].depth - 1


def test_class_back_off_limit_and_what_follows_are_those_that_the_supervisor_acts_by() -> None:
    found = {row.name: row for row in rows(status(cell("cell-1")))}
    part = PARTS["cell"]
    assert part.limit is not None
    assert found["cell-1"].restart == part.restart
    assert found["cell-1"].back_off == "3, then 1-30 s"
    assert found["cell-1"].limit == f"{part.limit.ends} in {part.limit.window_s:g} s"
    assert found["cell-1"].beyond.startswith("elsewhere, pause: ")
    assert found[LOOPS].now == "one for all"


def test_what_replaces_a_cell_and_what_leaves_stand_there_as_that() -> None:
    leaving, coming = cell("cell-1", state="draining", part="leaving cell"), cell("cell-1", state="starting", part="successor")
    found = [(row.name, row.restart, row.now) for row in rows(status(leaving, coming)) if row.name == "cell-1"]
    assert found == [("cell-1", "temporary", "starting"), ("cell-1", "temporary", "draining")]
    assert [row.now for row in rows(status(leaving, coming)) if row.name == "cell"] == ["none"]


def test_a_room_with_a_process_of_its_own_stands_beside_the_cells() -> None:
    found = rows(status(cell("cell-1"), cell("room:9f2c", ends=1)))
    own = next(row for row in found if row.name == "room:9f2c")
    assert (own.depth, own.now, own.restart) == (2, "serving, 1 ends", "transient")
    assert [row.now for row in rows(status(cell("cell-1"))) if row.name == OWN_CELL] == ["none"]


def test_what_is_left_alone_is_said_below_with_its_reason() -> None:
    found = status(
        {"name": "cell-1", "state": "paused", "restarts": 11, "ends": 11}, troubles=["cell-1 is left alone until 12:00:00: why."]
    )
    assert next(row.now for row in rows(found) if row.name == "cell-1") == "paused, 11 ends"
    console = Console(width=120, force_terminal=False)
    with console.capture() as capture:
        console.print(tree_picture(rows(found), notes(found)))
    assert capture.get().splitlines()[-1] == "cell-1 is left alone until 12:00:00: why."


def test_it_fits_one_screen() -> None:
    console = Console(width=120, force_terminal=False)
    with console.capture() as capture:
        console.print(tree_picture(rows(status(*(cell(f"cell-{number}") for number in range(1, 9))))))
    lines = capture.get().splitlines()
    assert len(lines) <= 27
    assert max(map(len, lines)) <= 120
    assert lines[4].split()[:2] == ["cell-1", "serving,"]
