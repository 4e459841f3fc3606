"""How busy each living cell is: what a beat says of its sender, and the board where every cell keeps what it heard."""

from __future__ import annotations

from actors.runtime.plain import Plain

MANY = 200
"""Lives on the board beyond which those that are silent are forgotten."""
HEARD_S = 5.0
"""A figure older than this says nothing: its cell is dead, or cut off from here."""


class Load(Plain, frozen=True, gc=False, array_like=True):
    """One cell, as it sees itself. New fields go to the end and have a default: versions N-1 and N beat to each other."""

    life: str
    name: str
    edge_url: str = ""
    """Where clients find this cell; empty while its doors are closed or where no address of its own is known."""
    connections: int = 0
    weight: float = 1.0
    """What it can bear, as its share of the cluster's."""
    loop_lag_s: float = 0.0
    """How late its loop woke up at worst in the last second."""
    cpu: float = 0.0
    """Share of one core that its process used in the last second."""
    queued: int = 0
    """What waits in it: commits, and items on its links."""
    draining: bool = False
    """Whether it is to lose its clients and groups."""
    hot: tuple[tuple[int, float], ...] = ()
    """(group, commits per second) of its busiest groups, busiest first."""


class LoadBoard:
    """What a cell has heard of all cells, its own included. Times are the holder's own monotonic clock."""

    def __init__(self, heard_s: float = HEARD_S) -> None:
        self._heard_s = heard_s
        self._by_life: dict[str, tuple[float, Load]] = {}

    def note(self, load: Load, now: float) -> None:
        """A cell has told its figures. A life and its successor may both be heard for a while; what is old is dropped."""
        self._by_life[load.life] = (now, load)
        if len(self._by_life) > MANY:
            self._by_life = {life: (at, load) for life, (at, load) in self._by_life.items() if now - at <= self._heard_s}

    def forget(self, life: str) -> None:
        """A life is known to be dead: no figure of it counts any more."""
        self._by_life.pop(life, None)

    @property
    def known(self) -> int:
        """How many lives are on it, silent ones too."""
        return len(self._by_life)

    def living(self, now: float) -> list[Load]:
        """The lives heard of lately, by name and life."""
        heard = [load for at, load in self._by_life.values() if now - at <= self._heard_s]
        return sorted(heard, key=lambda load: (load.name, load.life))
