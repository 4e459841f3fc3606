"""One simulated process of a cell: the unchanged core, the real way to follow views, a store and links that can fail.

It stands where `cluster.app.CellApp` stands in a real process; doors and Ray are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING, Any

from actors.chat_cell import ChatCell, Edges
from actors.ports import AllowAll
from actors.runtime.actor import ActorId
from actors.runtime.promise import Promise
from actors.runtime.view import CellInfo, View
from actors.session_ports import SessionLimits
from actors.store.store import StoreError
from cluster.ownership import Ownership
from tests.kit.chat import encode, frame, read_token
from tests.simulation.clocks import CellClock, Loop
from tests.simulation.store import SimStore

if TYPE_CHECKING:
    from tests.simulation.world import World

GENEROUS = SessionLimits(1e6, 1e6, 1e6, 1e6)
POLL_S = 2.0
"""How often a cell reads the row of the view, whatever it is told."""


class SimCell:
    """One life."""

    def __init__(self, world: World, name: str, life: str) -> None:
        self.name = name
        self.life = life
        chance = world.chance
        self.clock = CellClock(world.clock, drift=1.0 + chance.uniform(-0.03, 0.03), wall_offset=chance.uniform(-30.0, 30.0))
        self.loop = Loop(self.clock, self._failed)
        self.store = SimStore(world.disk, life, self.clock, Random(chance.random()))
        self._world = world
        edges = Edges(encode, frame, read_token, AllowAll(), GENEROUS, 10_000, world.follow(name))
        self.chat = ChatCell(life, self.clock, self.store, edges, self._report)  # type: ignore[arg-type]
        self.cell = self.chat.cell
        self.cell.on_lost_ownership(self._lost_ownership)
        self.links = world.network.join(life, self.cell, self._newer_view, clock=self.clock)
        self.chat.connect(self.links)
        self.ownership = Ownership(self.chat, self.store)  # type: ignore[arg-type]
        self._reading = False
        self._was_in_view = False
        self.clock.later(POLL_S, self._poll)

    @property
    def is_alive(self) -> bool:
        """Whether there is a process."""
        return not self.clock.is_dead

    @property
    def info(self) -> CellInfo:
        """What the view says of it."""
        return CellInfo(self.life, self.name)

    def die(self) -> None:
        """The process is gone."""
        self.clock.die()
        self.cell.closed = True

    # --- views ---

    def take_view(self, data: bytes) -> None:
        """A stored view came here, perhaps late."""
        self.loop.start(self._apply(data))

    def release(self, groups: Iterable[int], version: int) -> Promise[None]:
        """Let groups go; settled when that is done, rejected where it cannot be."""
        done: Promise[None] = Promise()
        self.loop.start(self._release(list(groups), done))
        return done

    async def _release(self, groups: list[int], done: Promise[None]) -> None:
        try:
            await self.ownership.release(groups)
        except StoreError as error:
            done.reject(error)
        else:
            done.resolve(None)

    async def _apply(self, data: bytes) -> None:
        view = View.decode(data)
        self.links.adopt(view)
        try:
            await self.ownership.apply(view)
        except StoreError as error:
            self._world.note(self.name, "cannot act on view {}: {}", view.version, error)
            self._world.exit(self, "it cannot act on a view")
            return
        if self.life in view.by_life:
            self._was_in_view = True
        elif self._was_in_view and view.version == self._acts_on:
            self._world.exit(self, "it is no longer in the view")

    @property
    def _acts_on(self) -> int:
        return self.chat.view.version if self.chat.view is not None else 0

    def _newer_view(self, version: int) -> None:
        self._read_view()

    def _lost_ownership(self, address: ActorId) -> None:
        self._world.note(self.name, "{} lost its slot", address)
        self._read_view()

    def _poll(self) -> None:
        self.clock.later(POLL_S, self._poll)
        self._read_view()

    def _read_view(self) -> None:
        if not self._reading and not self.store.is_down:
            self._reading = True
            self.clock.later(0.002, self._view_read)

    def _view_read(self) -> None:
        self._reading = False
        version, data = self._world.disk.view
        if version > self._acts_on and not self.store.is_down:
            self.take_view(data)

    # --- what is seen ---

    def _report(self, what: str, address: ActorId, message: Any, error: BaseException | None) -> None:
        self._world.reported(self, what, address, message, error)

    def _failed(self, message: str, error: BaseException | None) -> None:
        self._world.fault_of_ours(f"{self.name}: {message}: {error!r}", error)
