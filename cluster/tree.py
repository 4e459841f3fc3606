"""The supervision tree: who restarts what, how often, and what happens beyond that. One screen of data.

`TREE` is what the supervisors go by. After every end of a child the supervisor asks `cluster.discipline`, which reads nothing but the
child's part here; every cell gives its runtime the limits of its actors from here. Services are restarted; a client's connection never is.

    permanent    started again, whatever ended it          one for one    nobody else is touched by its end
    transient    started again only where it failed        one for all    all parts below are started anew together
    temporary    never started again
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from actors.runtime.restarts import RestartPolicy
from cluster.seat_names import is_seat, is_session

Restart = Literal["permanent", "transient", "temporary"]
Strategy = Literal["one for one", "one for all"]
Step = Literal["elsewhere", "pause", "end supervisor", "wait"]
"""``elsewhere``: nothing new is placed on its node, where there is another; ``pause``: it is left alone, and what else of its group has to
start there does so slowly; ``end supervisor``: what it knows seems broken, Ray starts it anew; ``wait``: the longest back-off."""


class BackOff(NamedTuple):
    """So many ends within a window cost no pause; each further one doubles it."""

    free: int
    window_s: float
    first_s: float
    longest_s: float


class Limit(NamedTuple):
    """More ends than this within a window are too many: then come the part's steps, the first one that is possible."""

    ends: int
    window_s: float
    hold_s: float
    """How long a node is avoided, or a child left alone."""


class Part(NamedTuple):
    """A part of the tree; the part above it restarts it."""

    name: str
    restart: Restart
    back_off: BackOff | None
    limit: Limit | None
    beyond: tuple[Step, ...]
    means: str
    """What its end, or the end of its limit, means for the others."""
    parts: tuple[Part, ...] = ()
    strategy: Strategy = "one for one"
    """For the parts below it."""


ACTOR = Limit(ends=5, window_s=60.0, hold_s=60.0)
SOON = BackOff(free=3, window_s=300.0, first_s=1.0, longest_s=30.0)
RAYS = BackOff(free=10, window_s=300.0, first_s=1.0, longest_s=30.0)
"""Ray starts it again at once, always: it waits by itself, and only where it does not stay."""
OFTEN = Limit(ends=10, window_s=300.0, hold_s=300.0)
OWN_CELL, DEVICE_CELL, LOOPS = "room's own cell", "device's own cell", "own loops"

TREE = Part("ray", "temporary", None, None, (), "`warbler up` starts it anew", (
    Part("supervisor", "permanent", RAYS, OFTEN, ("wait",), "cells go on; it adopts them", (
        Part(LOOPS, "permanent", None, Limit(3, 60.0, 0.0), ("end supervisor",), "all of them begin anew", (), "one for all"),
        Part("cell", "permanent", SOON, OFTEN, ("elsewhere", "pause"), "others have its slots", (
            Part("room", "permanent", None, ACTOR, ("pause",), "refused with a retry time"),
            Part("user", "permanent", None, ACTOR, ("pause",), "refused with a retry time"),
            Part("relay", "permanent", None, ACTOR, ("pause",), "its clients pull from the room"),
            Part("saga", "permanent", None, ACTOR, ("pause",), "its operation goes on later"),
            Part("desk", "permanent", None, ACTOR, ("pause",), "refused with a retry time"),
            Part("routes", "permanent", None, ACTOR, ("pause",), "rooms ask again until it is back"),
            Part("edge", "permanent", None, ACTOR, ("pause",), "its clients pull when told heads"),
            Part("lines", "permanent", None, ACTOR, ("pause",), "its clients connect again"),
            Part("host", "permanent", None, ACTOR, ("pause",), "its clients connect again"),
            Part("session", "temporary", None, None, (), "its client connects again"),
        )),
        Part("successor", "temporary", None, None, (), "the cell that it was to replace goes on"),
        Part("leaving cell", "temporary", None, None, (), "the others take what was left in it"),
        Part(OWN_CELL, "transient", SOON, OFTEN, ("elsewhere", "pause"), "a cell has its room"),
        Part(DEVICE_CELL, "transient", SOON, OFTEN, ("elsewhere", "pause"), "its client connects again"),
    )),
    Part("switch", "permanent", None, None, (), "calls of programs wait, and go on"),
))  # fmt: skip


def walk(part: Part = TREE, depth: int = 0) -> Iterator[tuple[int, Part]]:
    """Every part, from the top, with its depth."""
    yield depth, part
    for below in part.parts:
        yield from walk(below, depth + 1)


PARTS = {part.name: part for _, part in walk()}
"""Name -> part."""


def part_of(cell: str) -> Part:
    """The part that a cell of this name is."""
    return PARTS[OWN_CELL if is_seat(cell) else DEVICE_CELL if is_session(cell) else "cell"]


def actor_limits() -> dict[str, RestartPolicy]:
    """Kind of actor -> its limit, for the runtime of a cell."""
    kinds = {part.name: part.limit for part in PARTS["cell"].parts}
    return {kind: RestartPolicy(limit.ends, limit.window_s, limit.hold_s) for kind, limit in kinds.items() if limit is not None}
