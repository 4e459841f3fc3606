"""Servers that die at a chosen step, or run with other constants: the environment that `fault_path/sitecustomize.py` reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).with_name("fault_path")

Step = Literal["before_answer", "after_answer", "at_edge", "recorded"]
"""Where a process kills itself:

before_answer  the post is committed, and nobody was told
after_answer   its sender was told, and nobody else
recorded       an operation of several steps has come to the state of the trigger's name (`ended`: to its end), and the store has that
at_edge        the edge that holds a reader was handed the text, and has not written it
"""


def _environment(plan: dict[str, Any]) -> dict[str, str]:
    path = [str(FOLDER), *(part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part)]
    return {"FAULT_PLAN": json.dumps(plan), "PYTHONPATH": os.pathsep.join(path)}


def dies(deaths: dict[str, Step], markers: Path, values: dict[str, Any] | None = None) -> dict[str, str]:
    """trigger -> step: the first process in which a text holding the trigger comes to the step kills itself.

    From then on `markers` holds a file of the trigger's name, and nobody dies of it again. The log tells of users' marks
    (`mark_kept`, `mark_cleared`).
    """
    return _environment({"deaths": deaths, "markers": str(markers), "set": values or {}, "says": True})


def constants(values: dict[str, Any]) -> dict[str, str]:
    """``module.NAME`` -> another value."""
    return _environment({"set": values})


def disturbed(markers: Path, *, far: bool = False, crashes: tuple[str, ...] = ()) -> dict[str, str]:
    """Cells that can be cut off from the store (`no_store`), that a text can crash, and, where `far`, that cannot be reached by each other
    but over their links. They tell when they open slots beside a `frozen` owner."""
    return _environment({"markers": str(markers), "no_store": True, "watches": True, "far": far, "crashes": list(crashes)})


def no_store(markers: Path, cell: str) -> Path:
    """While this file exists, the cell does not reach the store."""
    return markers / f"{cell}.no-store"


def freeze(markers: Path, cell: str) -> Path:
    """Where this file is, the cell stops (SIGSTOP) at its next group commit, before that begins: it holds no lock of the store then."""
    return markers / f"{cell}.freeze"


def frozen(markers: Path) -> Path:
    """This file holds the number of a process that is frozen, and must be gone before its slots are opened."""
    return markers / "frozen"
