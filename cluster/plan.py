"""The plan: what is wanted of a cluster, and what its supervisor has to remember. One versioned value, a row beside the view.

The view says what *is*; the plan says what is *to be*: what people have asked for and must outlive every process. It is changed by
compare-and-set on its version, one step at a time, and each step is stored before anything is done about it. So whoever reads it
knows what is left to do, whenever the supervisor, or everything, was killed.

    cells, off, isolated, pins      wanted: how many cells, which of them are off, rooms with a process of their own, groups by hand
    task                            a roll or a drain under way: which parts are done
    ends, paused, avoided, starts   what counts against the limits of `cluster.tree`, on the people's clock
    nodes, leaving                  how many nodes are asked for, and which are being given back
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from actors.runtime.codec import CodecError, pack, unpack
from actors.runtime.plain import Plain

FORMAT = 1
"""Version of the encoding. Fields are only added, at the ends: this one, the one before and the next are read."""
REMEMBERED = 32
"""So many requests are known again when they are repeated."""

What = Literal["roll", "drain"]
SWITCH = "switch"
"""The part of a roll that is no cell: the handles' switch."""


class PlanError(ValueError):
    """Bytes that are no plan of a known format."""


class Task(Plain, frozen=True, gc=False, array_like=True):
    """Longer work on cells, one part after the other."""

    number: int
    """Counts what was asked for."""
    what: What
    parts: tuple[str, ...]
    """Cells (and, in a roll, the switch) in order."""
    lives: Mapping[str, str] = {}
    """Of a roll: which life of each cell is to be replaced."""
    done: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    """What was done, for people."""
    is_over: bool = False
    problem: str = ""
    """Why it stopped before its end; empty where it did not."""

    @property
    def next_part(self) -> str:
        """What is to be done next; empty: nothing more."""
        return next((part for part in self.parts if part not in self.done), "")


class Hold(Plain, frozen=True, gc=False, array_like=True):
    """Something is left alone for a while."""

    until: float
    """Seconds since 1970."""
    why: str


class Plan(Plain, frozen=True, gc=False, array_like=True):
    """What is wanted, and what is remembered."""

    cells: int = 0
    """Cells that many rooms share (on several nodes: of each); 0: as many as the settings say."""
    off: tuple[str, ...] = ()
    """Cells that people have taken off."""
    isolated: tuple[str, ...] = ()
    """Rooms that people have given a process of their own, beside those of the settings."""
    pins: Mapping[int, str] = {}
    """Group -> name of the cell that people have given it to."""
    task: Task | None = None
    """What was asked for last, under way or over."""
    answered: tuple[str, ...] = ()
    """Ids of the last requests: one that is repeated changes nothing more."""
    ends: Mapping[str, tuple[float, ...]] = {}
    """Name of a child -> when it ended lately."""
    paused: Mapping[str, Hold] = {}
    """Children that went beyond their limit."""
    avoided: Mapping[str, Hold] = {}
    """Nodes on which nothing new is placed."""
    starts: tuple[float, ...] = ()
    """When the supervisor was started lately."""
    broken: str = ""
    """Why the supervisor last ended itself."""
    nodes: int = 0
    """So many nodes for chat are asked for; 0: nothing was decided yet."""
    leaving: tuple[str, ...] = ()
    """Nodes that are to have no cells any more."""

    def encode(self) -> bytes:
        """The bytes of the row."""
        return pack((FORMAT, self))

    @classmethod
    def decode(cls, data: bytes) -> Plan:
        """Raises `PlanError`."""
        try:
            (written, *_) = unpack(list[object], data)
            if written not in (FORMAT - 1, FORMAT, FORMAT + 1):
                raise PlanError(f"the plan is written in format {written}, this version reads {FORMAT - 1} to {FORMAT + 1}")
            return unpack(tuple[int, Plan], data)[1]
        except (CodecError, ValueError) as error:
            raise error if isinstance(error, PlanError) else PlanError(f"the stored plan cannot be read: {error}") from error
