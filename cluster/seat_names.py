"""How a room's own cell is called."""

from __future__ import annotations


def is_seat(name: str) -> bool:
    """Whether a cell of this name is a room's own."""
    return name.startswith("room:")


def actor_name(name: str, life: str) -> str:
    """The name of the Ray actor: a room's own cell goes by the room's address, any other by its life."""
    return name if is_seat(name) else life
