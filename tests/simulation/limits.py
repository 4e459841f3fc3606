"""Limits and waits of the core made so small that a short seed reaches them, for as long as a simulation runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType

from actors import kinds, relay, room, room_log, roster, user, user_cursors, user_list, welcome
from actors.runtime import idle
from tests.simulation.stock import SMALL_ROOM

LIMITS: list[tuple[ModuleType, str, float]] = [
    (roster, "SMALL_ROOM", SMALL_ROOM),
    (room_log, "CHECKPOINT_POSTS", 12),
    (room_log, "CHECKPOINT_DEVICES", 1),
    (relay, "REPAIR_ENTRIES", 6),
    (user_list, "HELLO_ROOMS", 5),
    (welcome, "FIRST_PAGES", 2),
    (welcome, "FIRST_PAGE_ENTRIES", 5),
    (user, "TICK_S", 0.5),
    (user_cursors, "QUIET_S", 1.0),
    (room, "SETTLED_S", 15.0),
    (idle, "ROUND_STEPS", 2),
    (kinds, "ROOM_IDLE_S", 2.0),
    (kinds, "USER_IDLE_S", 4.0),
    (kinds, "RELAY_IDLE_S", 3.0),
]
"""Where it is, its name, and what it is in simulations. `SETTLED_S` stays above the time after which every loss is told."""


@contextmanager
def in_force(limits: Sequence[tuple[ModuleType, str, float]]) -> Iterator[None]:
    """Put limits in force."""
    before = [(module, name, getattr(module, name)) for module, name, _ in limits]
    try:
        for module, name, value in limits:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def small_limits() -> AbstractContextManager[None]:
    """Put those of every simulation in force."""
    return in_force(LIMITS)
