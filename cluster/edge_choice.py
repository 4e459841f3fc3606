"""Which edges clients are sent to: those with most room for their weight are named first, most often."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import NamedTuple

from cluster.loads import Load

MAX_NAMED = 8
"""Edges in one answer; clients try fewer."""
STEEPNESS = 2.0
"""How much rarer a fuller edge is named first. Never not at all: a crowd that comes within a second, before the next beat,
must not all go to the emptiest."""


class Place(NamedTuple):
    """An address, and what is behind it: one cell, or several that share it."""

    url: str
    connections: int
    weight: float


def places(loads: Iterable[Load]) -> list[Place]:
    """The addresses at which clients can be taken, by address. Cells that are to be emptied are left out."""
    found: dict[str, Place] = {}
    for load in loads:
        if load.edge_url and not load.draining and load.weight > 0:
            before = found.get(load.edge_url, Place(load.edge_url, 0, 0.0))
            found[load.edge_url] = Place(load.edge_url, before.connections + load.connections, before.weight + load.weight)
    return [found[url] for url in sorted(found)]


def edges_for(loads: Iterable[Load], chance: random.Random) -> list[str]:
    """The addresses for one client, in the order in which it should try them; another order for the next."""
    known = places(loads)
    mean = sum(place.connections for place in known) / max(sum(place.weight for place in known), 1e-9)

    def key(place: Place) -> float:
        fullness = place.connections / place.weight / max(mean, 1.0)
        share = place.weight / (1.0 + fullness) ** STEEPNESS
        return float(chance.random() ** (1.0 / share))  # by this key each is first as often as its share says

    return [place.url for place in sorted(known, key=key, reverse=True)][:MAX_NAMED]
