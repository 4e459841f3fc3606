"""All links of a cell: one sending end for each other life of the view, one receiving end for each that has connected.

Each ordered pair of lives has its own connection, made by the sender: its batches go out on it, their receipts and the
answers to its asks come back on it. So a cell can answer whoever reaches it, whatever views the two have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from actors.errors import Unavailable
from actors.runtime.actor import ActorId, R, Request
from actors.runtime.codec import Codec, Encoded
from actors.runtime.inbound import Inbound
from actors.runtime.lane import Limits
from actors.runtime.link import LINK_VERSION, NOBODY, Link, Overseer, Wire
from actors.runtime.plain import Message
from actors.runtime.promise import Promise, rejected
from actors.runtime.remote import Local
from actors.runtime.scheduler import Scheduler
from actors.runtime.view import CellInfo, View


class Dialing(Protocol):
    """A transport that keeps one link connected."""

    def close(self) -> None:
        """Stop: no connection and no attempt any more."""


Dial = Callable[[CellInfo, Link], Dialing]
"""The transport factory: calls the link's `connected`, `received` and `disconnected`, and reconnects with backoff."""


class Links:
    """The links of one life of a cell. Implements `Remote`."""

    def __init__(
        self,
        life: str,
        codec: Codec,
        scheduler: Scheduler,
        local: Local,
        dial: Dial,
        on_newer_view: Callable[[int], None],
        limits: Limits | None = None,
    ) -> None:
        self.life = life
        self.version = 0
        """The view that was adopted last."""
        self._overseer: Overseer = NOBODY
        self._codec = codec
        self._scheduler = scheduler
        self._local = local
        self._dial = dial
        self._on_newer_view = on_newer_view
        self._limits = limits or Limits()
        self._links: dict[str, Link] = {}
        self._dialings: dict[str, Dialing] = {}
        self._inbound: dict[str, Inbound] = {}
        # What connections that have ended had counted: totals never fall.
        self._past: Counter[str] = Counter()
        # The message encoded last: telling many lives the same encodes it once.
        self._last: tuple[Message | None, tuple[Encoded, int]] = (None, (Encoded(b""), 0))

    # --- Remote ------------------------------------------------------------------------------------------------------

    def tell(self, life: str, to: Sequence[ActorId], message: Message) -> None:
        """Deliver to these actors of that life, at most once. Raises `CodecError` where the message is not plain data."""
        link = self._links.get(life)
        if link is None:
            self._scheduler.soon(self._no_link, to, message)
            return
        last, encoded = self._last
        if last is not message:
            encoded = self._codec.encode(message)
            self._last = (message, encoded)
        link.tell(to, message, *encoded)

    def spoken(self, life: str) -> int:
        """See `Remote`."""
        link = self._links.get(life)
        return link.spoken if link is not None else 0

    def ask(self, life: str, to: ActorId, request: Request[R], timeout: float) -> Promise[R]:
        """The answer; see `actors.runtime.link` for how it can end. Raises `CodecError` as `tell` does."""
        link = self._links.get(life)
        if link is None:
            return rejected(Unavailable(retry_after=0.5))
        return link.ask(to, request, *self._codec.encode(request), timeout)

    # --- the cluster's side ------------------------------------------------------------------------------------------

    def oversee(self, overseer: Overseer) -> None:
        """Tell it of control frames and of links that come and go; before the first view is adopted."""
        self._overseer = overseer

    def control(self, life: str, body: bytes) -> bool:
        """A control frame for that life, on whichever connection there is. False where there is none that takes it."""
        link, inbound = self._links.get(life), self._inbound.get(life)
        return (link is not None and link.control(body)) or (inbound is not None and inbound.control(body))

    def old_peers(self) -> list[str]:
        """Lives that are connected and of a version that sends no beats."""
        return [life for life, link in self._links.items() if link.is_old]

    def adopt(self, view: View) -> None:
        """Route by this view: links to new lives are opened, to lives that left closed. An older view is ignored."""
        if view.version < self.version:
            return
        self.version = view.version
        for life in [life for life in self._links if view.cell(life) is None]:
            self._close(life)
        for cell in view.cells:
            if cell.life != self.life and cell.life not in self._links:
                self._open(cell)
        for link in self._links.values():
            link.version = view.version
        for inbound in self._inbound.values():
            inbound.version = view.version

    def accept(self, life: str, wire: Wire, spoken: int = LINK_VERSION) -> Inbound:
        """A connection that a life has made and proved to be its own. An older one of that life ends."""
        old = self._inbound.get(life)
        inbound = Inbound(
            life,
            wire,
            self._codec,
            self._scheduler,
            self._local,
            self._on_newer_view,
            self._limits,
            self.version,
            self._overseer,
            spoken,
        )
        self._inbound[life] = inbound
        if old is not None:
            old.disconnected()
            self._past.update(_named_in(old.counters))
        self._overseer.linked(life, True)
        return inbound

    def hung_up(self, inbound: Inbound) -> None:
        """An accepted connection has ended."""
        inbound.disconnected()
        if self._inbound.get(inbound.peer) is inbound:
            del self._inbound[inbound.peer]
            self._past.update(_named_in(inbound.counters))
            self._overseer.linked(inbound.peer, False)

    def close(self) -> None:
        """End all connections; what waits is reported as it is for a broken one."""
        for life in list(self._links):
            self._close(life)
        for inbound in list(self._inbound.values()):
            self.hung_up(inbound)

    def link(self, life: str) -> Link | None:
        """The sending end to a life, for people and tests."""
        return self._links.get(life)

    def info(self) -> dict[str, dict[str, int]]:
        """Counters by life, for people: both ends, and what waits."""
        table: dict[str, dict[str, int]] = {}
        for life, link in self._links.items():
            items, size = link.waiting()
            table[life] = {**link.counters, "connected": int(link.connected_now), "waiting": items, "waiting_bytes": size}
        for life, inbound in self._inbound.items():
            table.setdefault(life, {}).update(_named_in(inbound.counters))
        return table

    def totals(self) -> Counter[str]:
        """The counters of all links since the start, those that have ended included."""
        total = Counter(self._past)
        for link in self._links.values():
            total.update(link.counters)
        for inbound in self._inbound.values():
            total.update(_named_in(inbound.counters))
        return total

    # --- inside ------------------------------------------------------------------------------------------------------

    def _open(self, cell: CellInfo) -> None:
        link = Link(self.life, cell.life, self._codec, self._scheduler, self._local, self._on_newer_view, self._limits, self._overseer)
        link.version = self.version
        self._links[cell.life] = link
        self._dialings[cell.life] = self._dial(cell, link)

    def _close(self, life: str) -> None:
        # Out of the tables first: what is reported may tell again, and gets `no_link`.
        link = self._links.pop(life)
        self._dialings.pop(life).close()
        link.close()
        self._past.update(link.counters)

    def _no_link(self, to: Sequence[ActorId], message: Message) -> None:
        for address in to:
            self._local.undelivered(address, message, "no_link")


def _named_in(counters: dict[str, int]) -> dict[str, int]:
    return {f"in_{name}": value for name, value in counters.items()}
