"""Limits and waits of the core made so small that a short seed reaches them, for as long as a simulation runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
def small_limits() -> Iterator[None]:
    """Put these limits in force."""
    before = [(module, name, getattr(module, name)) for module, name, _ in LIMITS]
    try:
        for module, name, value in LIMITS:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
