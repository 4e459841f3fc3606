"""What the actors of one cell count for metrics: plain integers, read at any time."""

from __future__ import annotations

from collections import Counter

from actors.runtime.actor import ActorId


class Tally:
    """Counts since the cell started, and who is slow now."""

    __slots__ = ("behind", "posts_refused", "posts_stored")

    def __init__(self) -> None:
        self.posts_stored = 0
        """Posts that rooms of this cell have made durable. Added up a batch at a time."""
        self.posts_refused: Counter[str] = Counter()
        """Posts that clients of this cell were refused, by code."""
        self.behind: set[ActorId] = set()
        """Sessions that pull because they read too slowly."""
