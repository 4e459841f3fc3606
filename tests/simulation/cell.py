"""One simulated process of a cell: core, ownership, coordinator and member unchanged, a store and links that can fail.

It stands where `cluster.app.CellApp` stands in a real process; doors and Ray are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from actors.chat_cell import ChatCell, Edges
from actors.ports import AllowAll
from actors.runtime.actor import ActorId
from actors.runtime.promise import Promise
from actors.runtime.view import CellInfo, View
from actors.session_ports import SessionLimits
from cluster.coordinator import Coordinator, Times
from cluster.loads import Load
from cluster.member import Member
from cluster.ownership import Ownership
from cluster.seat_names import is_seat
from tests.kit.chat import encode, frame, read_token
from tests.simulation.cassandra import CassandraRegistry, SimCassandra
from tests.simulation.clocks import CellClock
from tests.simulation.database import CassandraDisk
from tests.simulation.registry import SimRegistry
from tests.simulation.store import SimStore

if TYPE_CHECKING:
    from tests.simulation.world import World

GENEROUS = SessionLimits(1e6, 1e6, 1e6, 1e6)
TIMES = Times(tick_s=0.4, beat_s=0.6, silent_s=1.8, cut_s=1.5, check_s=0.9, run_out_s=1.8, move_s=1.0, rest_s=2.0)
"""Shorter than in earnest, in the same proportions: a seed is short."""
ROOM_LABELS = ("room",)
"""Of a room's own cell: it has no edge and no hash bucket."""


class SimCell:
    """One life. Implements `Body` for its member."""

    def __init__(self, world: World, name: str, life: str) -> None:
        self.name = name
        self.life = life
        chance = world.chance
        self.clock = CellClock(world.clock, drift=1.0 + chance.uniform(-0.03, 0.03), wall_offset=chance.uniform(-30.0, 30.0))
        self._world = world
        self.store, self.registry = self._open(Random(chance.random()), Random(chance.random()))
        edges = Edges(encode, frame, read_token, AllowAll(), GENEROUS, 10_000, world.follow(name))
        self.chat = ChatCell(life, self.clock, self.store, edges, self._report)  # type: ignore[arg-type]
        self.cell = self.chat.cell
        self._reads = True
        self.cell.on_lost_ownership(self._lost_ownership)
        self.links = world.network.join(life, self.cell, lambda version: self.member.look_again(), clock=self.clock)
        self.chat.connect(self.links)
        self.ownership = Ownership(
            self.chat, self.store, self.clock, self._change, lambda: self.member.progress(), lambda: self.member.life_sealed()
        )
        info = CellInfo(life, name, ROOM_LABELS) if is_seat(name) else CellInfo(life, name)
        core = Coordinator(info, self.registry.groups, drains=self.registry.drains, times=TIMES)
        self.member = Member(core, self.registry, self.links, self.clock, self)
        self.links.oversee(self.member)
        self.member.start()

    def _open(self, of_store: Random, of_registry: Random) -> tuple[SimStore | SimCassandra, SimRegistry]:
        disk = self._world.disk
        if isinstance(disk, CassandraDisk):
            store = SimCassandra(self._world, disk, self, of_store)
            return store, CassandraRegistry(self._world, self, store, of_registry)
        return SimStore(disk, self.life, self.clock, of_store), SimRegistry(self._world, self, of_registry)

    @property
    def is_alive(self) -> bool:
        """Whether there is a process."""
        return not self.clock.is_dead

    @property
    def is_open(self) -> bool:
        """Whether devices may connect."""
        return not is_seat(self.name) and self.chat.view is not None and self.life in self.chat.view.by_life

    def die(self) -> None:
        """The process is gone."""
        self.clock.die()
        self.cell.closed = True
        self.store.die()

    # --- Body ----------------------------------------------------------------------------------------------------------

    def load(self) -> Load:
        """See `Body`."""
        return Load(self.life, self.name)

    def released(self) -> tuple[tuple[int, int], ...]:
        """See `Body`."""
        return self.ownership.released

    def adopt(self, view: View) -> None:
        """See `Body`."""
        self.ownership.adopt(view)

    def answer_reads(self, until: float) -> None:
        """See `Body`."""
        on = self.clock.now() <= until
        if on != self._reads:
            self._reads = on
            self._world.note(self.name, "answers reads" if on else "answers no reads")
        self.cell.reads_until = until

    def leave(self, why: str) -> None:
        """See `Body`."""
        self.ownership.close()
        if self.chat.view is not None:
            self.cell.drop_slots(self.chat.view.slots(self.life))
        self.clock.later(0.1, self._world.exit, self, why)

    # --- what is seen ----------------------------------------------------------------------------------------------------

    def _change(self, step: Callable[[View], View]) -> Promise[View]:
        return self.member.change(step)

    def _lost_ownership(self, address: ActorId) -> None:
        self._world.note(self.name, "a commit of {} is refused", address)
        self.member.commit_refused()

    def _report(self, what: str, address: ActorId, message: Any, error: BaseException | None) -> None:
        self._world.reported(self, what, address, message, error)
