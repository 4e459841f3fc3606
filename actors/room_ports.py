"""What a room is handed, and what a failed commit means for it."""

from __future__ import annotations

from typing import NamedTuple

from actors.audience import InterestTable
from actors.edge import LocalSessions
from actors.errors import Unavailable, Unknown
from actors.places import Peers, Places
from actors.ports import Encode
from actors.routes import RouteTable
from actors.runtime.outcomes import LostOwnership, Reload
from actors.store.store import Conflict, OutcomeUnknown, Sealed, Store, StoreUnavailable


class RoomPorts(NamedTuple):
    """What every room of a cell is handed."""

    store: Store
    encode: Encode
    places: Places
    routes: RouteTable
    interest: InterestTable
    here: LocalSessions
    peers: Peers


def discarding(error: BaseException) -> BaseException:
    """What a failed commit leads to: the instance goes, and whoever waits is told what is known."""
    if isinstance(error, Sealed):
        return LostOwnership()
    if isinstance(error, StoreUnavailable):
        return Reload(Unavailable("store_unavailable", retry_after=1.0))
    if isinstance(error, Conflict):
        return Reload(Unavailable(retry_after=0.1))
    if isinstance(error, OutcomeUnknown):
        return Reload(Unknown(retry_after=1.0))
    return error
