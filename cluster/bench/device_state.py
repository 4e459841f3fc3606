"""What a device of the history checker remembers of each of its rooms, as a client keeps it on its disk."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Unanswered(NamedTuple):
    """A post without an answer."""

    n: int
    id: str
    body: str


@dataclass(slots=True)
class RoomState:
    """What a device knows of one room."""

    have: int = 0
    """Everything up to here was shown."""
    head: int = 0
    """The highest seq that it was told of."""
    n: int = 0
    """The last number used."""
    unanswered: deque[Unanswered] = field(default_factory=deque)
    early: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Entries that came before those in front of them."""
    own: set[int] = field(default_factory=set)
    """Seqs of own posts that were acknowledged and not passed yet."""
    pulling: bool = False
    acked: int = 0
    """The last acknowledgement that was sent."""
    repeats_soon: bool = False
    """Whether a repeat of the unanswered is on its way: one is enough for all that was refused."""
