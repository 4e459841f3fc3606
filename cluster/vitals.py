"""How busy this cell is, sampled from counters that exist: nothing is counted per message for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cluster.loads import Load

WINDOW_S = 0.9
"""Rates are over at least so long; asked sooner, the last figures are told again."""
HOT_GROUPS = 8
"""Busiest groups that a beat names."""


class Sources(NamedTuple):
    """Where the figures come from."""

    connections: Callable[[], int]
    edge_url: Callable[[], str]
    loop_lag_s: Callable[[], float]
    queued: Callable[[], int]
    work: Callable[[], Mapping[int, int]]
    """Rows ever committed, by group."""
    draining: Callable[[], bool]
    cpu_s: Callable[[], float] = time.process_time


class Vitals:
    """The load of one cell."""

    def __init__(self, life: str, name: str, weight: float, sources: Sources, now: Callable[[], float]) -> None:
        self._life = life
        self._name = name
        self._weight = weight
        self._sources = sources
        self._now = now
        self._at = now()
        self._cpu_s = sources.cpu_s()
        self._work: Mapping[int, int] = {}
        self._cpu = 0.0
        self._lag_s = 0.0
        self._hot: tuple[tuple[int, float], ...] = ()

    def load(self) -> Load:
        """The figures now."""
        passed_s = self._now() - self._at
        if passed_s >= WINDOW_S:
            self._sample(passed_s)
        sources = self._sources
        return Load(
            self._life,
            self._name,
            sources.edge_url(),
            sources.connections(),
            self._weight,
            round(self._lag_s, 4),
            round(self._cpu, 3),
            sources.queued(),
            sources.draining(),
            self._hot,
        )

    def _sample(self, passed_s: float) -> None:
        cpu_s, work = self._sources.cpu_s(), dict(self._sources.work())
        self._cpu = (cpu_s - self._cpu_s) / passed_s
        self._lag_s = self._sources.loop_lag_s()
        rates = {group: (rows - self._work.get(group, rows)) / passed_s for group, rows in work.items()}
        busiest = sorted(rates, key=lambda group: (-rates[group], group))[:HOT_GROUPS]
        self._hot = tuple((group, round(rates[group], 1)) for group in busiest if rates[group] > 0)
        self._at, self._cpu_s, self._work = self._now(), cpu_s, work
