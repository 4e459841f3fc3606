"""The supervision tree as it is shown: the tree's words, and how each part is now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cluster.tree import DEVICE_CELL, LOOPS, OWN_CELL, BackOff, Limit, Part, part_of, walk

CELLS = ("cell", "successor", "leaving cell", OWN_CELL, DEVICE_CELL)
"""Parts that are cells: each of these stands in the tree by its own name."""


class Row(NamedTuple):
    """A part as it is shown."""

    depth: int
    name: str
    restart: str
    back_off: str
    limit: str
    beyond: str
    now: str


def rows(status: Mapping[str, Any]) -> list[Row]:
    """The tree with the live state of a `status` of the supervisor: each cell by its name, actors counted over all cells."""
    found: list[Row] = []
    for depth, part in walk():
        cells = [cell for cell in status["cells"] if part.name == (cell.get("part") or part_of(cell["name"]).name)]
        found += [_row(depth, cell["name"], part, _cell_now(cell, part)) for cell in cells]
        if not cells:
            found.append(_row(depth, part.name, part, _now(part, status)))
    return found


def notes(status: Mapping[str, Any]) -> list[str]:
    """In sentences: what is wrong with the whole, and what is left alone and why."""
    return [note for note in (status.get("fatal"), status.get("problem"), *status.get("troubles", ())) if note]


def _row(depth: int, name: str, part: Part, now: str) -> Row:
    return Row(depth, name, part.restart, _back_off(part.back_off), _limit(part.limit), _beyond(part), now)


def _back_off(rule: BackOff | None) -> str:
    return f"{rule.free}, then {rule.first_s:g}-{rule.longest_s:g} s" if rule is not None else ""


def _limit(limit: Limit | None) -> str:
    return f"{limit.ends} in {limit.window_s:g} s" if limit is not None else ""


def _beyond(part: Part) -> str:
    steps = ", ".join(part.beyond)
    return f"{steps}: {part.means}" if steps else part.means


def _now(part: Part, status: Mapping[str, Any]) -> str:
    fixed = {
        "ray": "up",
        "supervisor": f"pid {status['pid']}, {_ends(int(status.get('starts', 1)) - 1)}",
        "switch": "asked" if status.get("switch") else "not asked yet",
        LOOPS: part.strategy,
    }
    if part.name in fixed:
        return fixed[part.name]
    if part.name in CELLS:
        return "none"
    return _counted(_sum(status, "actors", part.name), _sum(status, "crashes", part.name))


def _cell_now(cell: Mapping[str, Any], part: Part) -> str:
    return f"{cell['state']}, {_ends(int(cell.get('ends', 0)))}" if part.limit is not None else str(cell["state"])


def _ends(ends: int) -> str:
    """Within the window of the limit beside it."""
    return f"{max(0, ends)} ends"


def _sum(status: Mapping[str, Any], figure: str, kind: str) -> int:
    return sum(int(cell.get(figure, {}).get(kind, 0)) for cell in status["cells"])


def _counted(alive: int, crashes: int) -> str:
    return f"{alive}" + (f", crashed {crashes} x" if crashes else "")
