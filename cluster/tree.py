"""The supervision tree: who restarts what, how often, and what happens beyond that. One screen of data.

`TREE` is what the supervisors go by: `cluster.pauses` takes a cell's limit from here, and the cells' own limit is the runtime's.
A part without a limit is restarted for ever. Services are restarted; a client's connection never is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from actors.runtime.restarts import RestartPolicy
from cluster.seat_names import is_seat

Restart = Literal["always", "on use", "never"]
"""``always``: at once, as long as the part above lives. ``on use``: with the next message, and at once where it owes something."""


class Limit(NamedTuple):
    """So many ends within a window, and what stops a part that ends more often."""

    ends: int
    window_s: float
    first_s: float
    """How long it then stays away."""
    longest_s: float
    """To which that doubles with every further end."""


class Part(NamedTuple):
    """A part of the tree; the part above it restarts it."""

    name: str
    restart: Restart
    limit: Limit | None
    beyond: str
    """What the limit's end does; for a part without a limit: what its end means for the others."""
    parts: tuple[Part, ...] = ()


OWN_CELL = "room's own cell"
CELL_LIMIT = Limit(ends=3, window_s=60.0, first_s=1.0, longest_s=30.0)
_POLICY = RestartPolicy()
ACTOR_LIMIT = Limit(_POLICY.crashes, _POLICY.window_s, _POLICY.quarantine_s, _POLICY.quarantine_s)

TREE = Part("ray", "never", None, "`warbler up` starts it anew", (
    Part("supervisor", "always", None, "cells go on; it adopts them", (
        Part("cell", "always", CELL_LIMIT, "waits; other cells have its slots", (
            Part("room", "on use", ACTOR_LIMIT, "refused with a retry time"),
            Part("user", "on use", ACTOR_LIMIT, "refused with a retry time"),
            Part("relay", "on use", ACTOR_LIMIT, "its clients pull from the room"),
            Part("desk", "on use", ACTOR_LIMIT, "refused with a retry time"),
            Part("routes", "on use", ACTOR_LIMIT, "rooms ask again until it is back"),
            Part("edge", "on use", ACTOR_LIMIT, "its clients pull when told heads"),
            Part("session", "never", None, "its client connects again and resumes"),
        )),
        Part(OWN_CELL, "always", CELL_LIMIT, "waits; the cells have its room, at once"),
    )),
    Part("switch", "always", None, "calls of programs wait in it, and go on"),
))  # fmt: skip


def walk(part: Part = TREE, depth: int = 0) -> Iterator[tuple[int, Part]]:
    """Every part, from the top, with its depth."""
    yield depth, part
    for below in part.parts:
        yield from walk(below, depth + 1)


class Row(NamedTuple):
    """A part as it is shown: the tree's words, and how it is now."""

    depth: int
    name: str
    restart: str
    limit: str
    beyond: str
    now: str


def rows(status: Mapping[str, Any]) -> list[Row]:
    """The tree with the live state of a `status` of the supervisor: each cell by its name, actors counted over all cells."""
    found: list[Row] = []
    for depth, part in walk():
        found.append(_row(depth, part.name, part, _now(part.name, status)))
        if part.name in ("cell", OWN_CELL):
            cells = [cell for cell in status["cells"] if is_seat(cell["name"]) == (part.name == OWN_CELL)]
            found[-1:] = [_row(depth, cell["name"], part, _cell_now(cell)) for cell in cells] or found[-1:]
    return found


def _row(depth: int, name: str, part: Part, now: str) -> Row:
    return Row(depth, name, part.restart, _limit(part.limit), part.beyond, now)


def _limit(limit: Limit | None) -> str:
    if limit is None:
        return ""
    away = f"{limit.first_s:g} s" if limit.first_s == limit.longest_s else f"{limit.first_s:g}-{limit.longest_s:g} s"
    return f"{limit.ends} in {limit.window_s:g} s, then {away}"


def _now(name: str, status: Mapping[str, Any]) -> str:
    if name == "ray":
        return "up"
    if name == "supervisor":
        return f"pid {status['pid']}"
    if name == "switch":
        return "asked" if status.get("switch") else "not asked yet"
    if name in ("cell", OWN_CELL):
        return "none"
    return _counted(_sum(status, "actors", name), _sum(status, "crashes", name))


def _cell_now(cell: Mapping[str, Any]) -> str:
    again = f", restarted {cell['restarts']} x" if cell["restarts"] else ""
    return f"{cell['state']}{again}"


def _sum(status: Mapping[str, Any], figure: str, kind: str) -> int:
    return sum(int(cell.get(figure, {}).get(kind, 0)) for cell in status["cells"])


def _counted(alive: int, crashes: int) -> str:
    return f"{alive}" + (f", crashed {crashes} x" if crashes else "")
