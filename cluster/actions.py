"""What the coordinator's core wants done. Its driver does these and reports how they ended."""

from __future__ import annotations

from typing import NamedTuple

from actors.runtime.view import View
from cluster.registry import Lease


class SendBeat(NamedTuple):
    """A beat to every other cell of the view."""


class Look(NamedTuple):
    """Read the stored view, where it is newer than this, and the lease. Ends in `looked` or `store_failed`."""

    known: int


class WriteLease(NamedTuple):
    """Compare and set the lease. Ends in `lease_written`."""

    before: Lease
    after: Lease


class ChangeView(NamedTuple):
    """Compare and set the view: this one for the one before it. Ends in `view_written`."""

    view: View
    why: str


class EndLife(NamedTuple):
    """End a process where it can be reached, and seal its life. Ends in `life_ended`."""

    life: str
    why: str


class Check(NamedTuple):
    """Look whether the process of a life is gone. Ends in `told_dead` where it surely is."""

    life: str


class Drain(NamedTuple):
    """Bring a sealed life's commits to where its takers read. Ends in `drained`."""

    life: str


class Fetch(NamedTuple):
    """Ask a cell for its view, which is newer. Ends in `view_seen`, if it answers."""

    life: str


class Adopt(NamedTuple):
    """Act on this stored view."""

    view: View


class Spread(NamedTuple):
    """Tell every cell of this view, which was just stored here."""

    view: View


class Leave(NamedTuple):
    """This life is out: others have its slots, and nothing that it commits will ever succeed."""

    why: str


Action = SendBeat | Look | WriteLease | ChangeView | EndLife | Check | Drain | Fetch | Adopt | Spread | Leave
