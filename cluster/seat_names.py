"""How the cells are called that host one room, or the sessions of one device."""

from __future__ import annotations


def is_seat(name: str) -> bool:
    """Whether a cell of this name is a room's own."""
    return name.startswith("room:")


def is_session(name: str) -> bool:
    """Whether a cell of this name hosts the sessions of one device."""
    return name.startswith("session:")


def is_own(name: str) -> bool:
    """Whether a cell of this name is there for one room or one device alone."""
    return is_seat(name) or is_session(name)


def actor_name(name: str, life: str) -> str:
    """The name of the Ray actor: one that is there for one room or one device goes by that, any other by its life."""
    return name if is_own(name) else life
