"""The table of cells: rates from two looks, sums, what was wrong, within 80 columns."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from cluster.commands.status import picture, with_rates


def cell(name: str, **more: Any) -> dict[str, Any]:
    figures = {
        "name": name, "life": f"{name}-1", "state": "serving", "pid": 1_234_567, "slots": 2048, "sessions": 1200, "rooms": 30, "restarts": 0,
        "problem": "", "last_end": "", "messages_in": 100, "messages_out": 300, "loop_lag_ms": 12.5, "cpu_s": 2.0, "memory_bytes": 2**27, "at": 10.0,
    }  # fmt: skip
    return {**figures, **more}


def status(*cells: dict[str, Any]) -> dict[str, Any]:
    return {"url": "http://127.0.0.1:8440/", "pid": 99, "cells": list(cells)}


def shown(told: dict[str, Any]) -> list[str]:
    console = Console(width=80, record=True, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(picture(told))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_rates_are_the_difference_of_two_looks_at_the_same_life() -> None:
    before = status(cell("cell-1"), cell("cell-2"))
    now = status(
        cell("cell-1", at=12.0, messages_in=200, messages_out=700, cpu_s=3.0), cell("cell-2", at=12.0, life="cell-2-2", messages_in=5)
    )
    first, second = with_rates(before, now)["cells"]
    assert (first["messages_per_s"], first["deliveries_per_s"], first["cpu_percent"]) == (50.0, 200.0, 50.0)
    assert "messages_per_s" not in second


def test_all_columns_are_whole_in_a_narrow_terminal_and_cells_are_added_up() -> None:
    rates = {"messages_per_s": 1234.5, "deliveries_per_s": 12345.6, "cpu_percent": 99.9}
    lines = shown(status(cell("cell-1", **rates), cell("cell-2", **rates)))
    assert lines[1].split() == ["cell", "state", "pid", "slots", "sessions", "rooms", "in/s", "out/s", "lag", "ms", "CPU", "%", "MiB"]
    assert lines[2].split() == ["cell-1", "serving", "1234567", "2048", "1200", "30", "1234.5", "12345.6", "12.5", "99.9", "128"]
    assert lines[4].split() == ["all", "4096", "2400", "60", "2469.0", "24691.2"]


def test_one_cell_is_not_added_up() -> None:
    assert len(shown(status(cell("cell-1")))) == 3


def test_what_is_or_was_wrong_stands_below_in_words() -> None:
    waits = {"name": "cell-2", "state": "failed", "restarts": 4, "problem": "Port 1 cannot be listened on", "last_end": "x"}
    lines = shown(status(cell("cell-1", restarts=1, last_end="its process ended: it was killed"), waits))
    assert lines[5:] == [
        "cell-1: was restarted once; the last time because its process ended: it was",
        "killed",
        "cell-2: Port 1 cannot be listened on",
    ]


def test_where_there_are_several_machines_it_says_which_cells_they_have_and_what_is_wrong_with_them() -> None:
    one = cell("cell-a-1", node="10.0.0.1", zone="a")
    assert len(shown(status(one))) == 3
    told = {**status(one, cell("cell-b-1", node="10.0.0.2")), "problem": "The nodes are 2 machines"}
    assert shown(told)[5:] == ["10.0.0.1 (zone a): cell-a-1", "10.0.0.2: cell-b-1", "The nodes are 2 machines"]


def test_the_condition_what_is_off_by_hand_and_left_alone_stand_there_in_words() -> None:
    told = {
        **status(cell("cell-1")),
        "state": "degraded",
        "off": ["cell-3"],
        "by_hand": {"17": "cell-1"},
        "troubles": ["cell-2 is left alone"],
    }
    lines = shown(told)
    assert lines[0].endswith("degraded")
    assert [line for line in lines if "left alone" in line] == ["cell-2 is left alone"]
    assert any(line.startswith("off: cell-3") for line in lines)
    assert any(line.startswith("groups by hand: 17 at cell-1") for line in lines)


def test_a_cell_without_rooms_is_named_and_why_that_may_be() -> None:
    told = " ".join(shown(status(cell("cell-1"), cell("cell-2", slots=0), cell("session:ann.d1", slots=0))))
    assert "cell-2: no rooms" in told
    assert "session:ann.d1: no rooms" not in told
    assert "no rooms" not in " ".join(shown(status(cell("cell-1"), cell("cell-2"))))
