"""Which cells are wanted, and on which nodes: what the plan and the settings say, the nodes that Ray has, the rooms and devices with
a process of their own. The rules are in `cluster.nodes`, `cluster.growth`, `cluster.seat_wishes` and `cluster.session_wishes`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from functools import partial

from actors.runtime.plain import changed
from cluster.child import Child
from cluster.figures import CellStats
from cluster.growth import Growth
from cluster.hand_moves import HandMoves
from cluster.membership import Membership
from cluster.nodes import WantedCell, check_machines, place_seat, wanted_cells
from cluster.plan import Plan
from cluster.plan_keeper import PlanKeeper
from cluster.ray_hands import RayHands
from cluster.ray_nodes import ask_for, home_node, living_nodes
from cluster.seat_wishes import SeatWishes
from cluster.session_wishes import wishes_of
from cluster.settings import Settings


class Placing:
    """Of one supervisor. `look` often."""

    def __init__(self, settings: Settings, membership: Membership, plan: PlanKeeper, hands: RayHands) -> None:
        self._settings = settings
        self._plan = plan
        self._hands = hands
        self._growth: Growth | None = None
        if settings.address and settings.most_nodes:
            before = plan.plan
            self._growth = Growth(settings, home_node(), _ask, before.nodes, before.leaving)
        self.seats = SeatWishes(membership, settings, plan)
        self.sessions = wishes_of(settings, membership.view(), time.monotonic())
        """None: sessions live with others."""
        self.by_hand = HandMoves(membership, plan)
        self._moving: set[str] = set()
        """Cells of one room or device that have to leave their node."""
        self._names: tuple[str, ...] = ()
        """Of the cells that many rooms share."""

    @property
    def places(self) -> Mapping[str, WantedCell]:
        """Where cells are to be, by name."""
        return self._hands.places

    def address_of(self, name: str) -> str:
        """Of the node of a cell; empty where there is one only."""
        cell = self.places.get(name)
        return cell.address if cell is not None else ""

    def wanted(self) -> tuple[str, ...]:
        """The names of all cells that are to run, as of the last look. The cell of one room or device has to have a node, and one whose
        node goes ends there and is wanted again."""
        seats = self._own()
        if self._settings.address:
            seats = tuple(name for name in seats if name in self.places and name not in self._moving)
        return (*self._names, *seats)

    def _own(self) -> tuple[str, ...]:
        return (*self.seats.names(), *(self.sessions.names() if self.sessions is not None else ()))

    async def look(self, children: Mapping[str, Child], figures: Mapping[str, CellStats]) -> None:
        """Look at the plan, and at the nodes. Raises `StartProblem` where the nodes cannot be used."""
        settings, plan = self._settings, self._plan.plan
        each = plan.cells or settings.cells
        if not settings.address:
            self._names = tuple(f"cell-{number}" for number in range(1, each + 1))
            return
        nodes = await asyncio.to_thread(living_nodes)
        check_machines(nodes, settings.nodes_share_this_machine, embedded=not settings.store)
        if self._growth is not None:
            nodes = await self._growth.nodes_to_use(asyncio.get_running_loop().time(), nodes, figures, self.places)
            self._plan.change(partial(_grown, growth=self._growth))
        avoided = {node for node, hold in plan.avoided.items() if hold.until > time.time()}
        if avoided >= {node.id for node in nodes}:
            avoided = set()  # better there than nowhere
        serving = {name for name, child in children.items() if child.state == "serving"}
        usable = [node for node in nodes if node.id not in avoided]
        self._hands.nodes = usable
        wanted = wanted_cells(nodes, each, avoided, serving)
        seats = {name: place_seat(name, self.places.get(name), nodes if name in serving else usable) for name in self._own()}
        self._moving = {name for name, cell in seats.items() if cell is not None and self.places.get(name, cell).node != cell.node}
        placed = {cell.name: cell for cell in (*wanted, *seats.values()) if cell is not None}
        self._hands.places = {**self.places, **placed}
        self._names = tuple(cell.name for cell in wanted)

    def say_again(self, active: Iterable[str]) -> None:
        """What people want of the view: rooms with a process of their own (`active`: rooms that are used now), groups by hand."""
        self.seats.see_to(active)
        self.by_hand.say()

    async def end(self) -> None:
        """No node is asked for any more."""
        if self._growth is not None:
            await self._growth.end()


async def _ask(nodes: int) -> None:
    await asyncio.to_thread(ask_for, nodes)


def _grown(plan: Plan, growth: Growth) -> Plan:
    return changed(plan, nodes=growth.wanted, leaving=tuple(sorted(growth.leaving)))
