"""What a cell knows of a kind of actor: how it is made, where it lives, and its bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from actors.runtime.actor import Actor, Context
from actors.runtime.plain import Message


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of actor."""

    name: str
    rank: int
    """The rank of its class; asks go only to a higher one."""
    factory: Callable[[Context], Actor] | None
    """Makes an instance for an address on first use. None: instances are started by hand (sessions)."""
    pinned: bool = False
    """Whether addresses name a life (edge side) instead of being placed by their slot."""
    mailbox: int = 4096
    """Messages that may wait. Beyond it: an ask is refused with `Overloaded`, a tell that names its `origin` comes
    back to it, any other tell is dropped and counted."""
    reads: int = 256
    """Requests to `reads` handlers that may be under way. Beyond it: `Overloaded`."""
    wake: Message | None = None
    """Told to an address whose instance was discarded, or could not start for it: starting does what it owes to others.
    Repeated until an instance has started. None: an address without messages stays without an instance."""
    speaks_for_slots: bool = False
    """Whether its answers are true only where the slots are this cell's: while that is not sure, what no commit proves is not answered."""
    idle_s: float | None = None
    """Seconds without a message after which the instance is let go; None: never."""
