"""What a cell is called, and its figures for people: plain values that cross processes."""

from __future__ import annotations

from typing import NamedTuple, TypedDict


class Identity(NamedTuple):
    """Which cell this is, and where."""

    name: str
    life: str
    labels: tuple[str, ...] = ("edge", "chat")
    """What it hosts."""
    zone: str = ""
    address: str = "127.0.0.1"
    """Where its links listen."""
    public_host: str = ""
    """By what name clients reach its machine; empty: not known."""
    link_port: int = 0
    """Where its links listen; 0: a free port."""
    link_url: str = ""
    """Where others dial its links, when that is not where they listen: through a proxy, say. Empty: there."""


class CellStats(TypedDict):
    """One cell now, as `warbler status` shows it. Counters grow from its start; rates come from two of these."""

    name: str
    life: str
    pid: int
    port: int
    view: int
    slots: int
    connections: int
    sessions: int
    rooms: int
    users: int
    actors: dict[str, float]
    """Living actors by kind."""
    crashes: dict[str, float]
    """Crashes of actors by kind."""
    messages_in: int
    messages_out: int
    commits: int
    queued_commits: int
    loop_lag_ms: float
    memory_bytes: int
    cpu_s: float
    uptime_s: float
    draining: bool
    """Whether it is to be emptied."""
    has_duty: bool
    """Whether it is the coordinator, as far as it knows."""
    drained: bool
    """Whether it is empty then: it may end."""
    edge_url: str
    """Where clients find this very cell; empty: not known."""
    at: float
    """The monotonic time of the machine, seconds."""
