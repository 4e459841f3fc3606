"""A whole simulated cluster: cells, devices, network, disk, and what may be done to them. One seed, one world."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from actors.kinds import wire_messages
from actors.ports import Trace as Follower
from actors.runtime.actor import ActorId
from actors.runtime.codec import Codec
from actors.runtime.view import View
from cluster.bench.history import History
from cluster.seat_names import is_seat
from tests.kit.clock import Clock
from tests.kit.network import Network
from tests.simulation.cell import SimCell
from tests.simulation.database import CassandraDisk
from tests.simulation.device import SimDevice
from tests.simulation.disk import Disk
from tests.simulation.line import SimLine
from tests.simulation.operations import Operations
from tests.simulation.program import KeyedText
from tests.simulation.stock import DEVICES, USERS, stock
from tests.simulation.trace import Trace

SHARDS = 8
RESTART_S = (0.3, 3.0)
"""From the death of a process to the next one of its name."""
DELAY_S = 0.0005
"""Of a frame between cells."""
_CODEC = Codec(wire_messages())


class World:
    """Everything of one seed. Whatever happens in it follows from its number."""

    def __init__(self, seed: int, *, on_cassandra: bool = False) -> None:
        """`on_cassandra`: the store of its cells is the one of a cluster, over a fake of its database."""
        self.seed = seed
        self.chance = Random(seed)
        self.clock = Clock()
        self.trace = Trace(self.clock)
        self.note = self.trace.note
        self.history = History()
        self.disk = (CassandraDisk if on_cassandra else Disk)(stock().disk.copy(), SHARDS)
        self.network = Network(self.clock, _CODEC, delay=DELAY_S)
        self.network.jitter = self._jitter
        self.texts: list[KeyedText] = []
        """What programs post by key."""
        self.broken: list[str] = []
        """What must never happen, beside what the history says."""
        self.slow_links = 0.0
        """Seconds that a frame between cells may take beyond the usual."""
        self.follow: Callable[[str], Follower | None] = lambda name: None
        """Who follows messages through a cell: nobody, unless a replay wants to see it."""
        self.cells: dict[str, SimCell] = {}
        """Living processes, by life."""
        self.seen_dead: set[str] = set()
        """Lives whose process is gone, where others can see that; of a machine without power they cannot."""
        self.reaches_processes = self.chance.random() < 0.5
        """Whether a process can be killed before its life is sealed."""
        self.cuts: set[tuple[str, str]] = set()
        self._lives = 0
        self.is_mended = False
        """Whether the last fault is over."""
        self.operations: Operations | None = None
        """Those of several steps, in seeds that have them."""
        self.seated: set[str] = set()
        """Rooms that are to have a process of their own."""
        self.devices = [SimDevice(self, self.history, user, device, Random(self.chance.random())) for user in USERS for device in DEVICES]

    # --- cells -------------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """A new process: a new life, which nobody knows yet."""
        if is_seat(name) and (name not in self.seated or any(cell.name == name for cell in self.cells.values())):
            return
        self._lives += 1
        life = f"{name.removeprefix('room:')}-{self._lives}" if is_seat(name) else f"{name}{self._lives}"
        cell = SimCell(self, name, life)
        self.cells[life] = cell
        self.note(name, "starts as {}", life)

    def crash(self, cell: SimCell, *, power: bool, why: str) -> None:
        """The process is gone; with its power goes what it had not synced."""
        if not cell.is_alive:
            return
        self.note(cell.name, "dies ({})", why)
        cell.die()
        del self.cells[cell.life]
        self.network.kill(cell.life)
        if power:
            lost = self.disk.lose_unsynced(cell.life)
            self.note(cell.name, "loses {} commits that were not synced", lost)
        for line in self.lines():
            if line.cell is cell:
                line.die_with_cell(self.chance.uniform(0.0, 2.0) if power else 0.0)
        else:
            self.seen_dead.add(cell.life)
        self.clock.later(self.chance.uniform(*RESTART_S), self.start, cell.name)

    def exit(self, cell: SimCell, why: str) -> None:
        """A process ends itself."""
        self.crash(cell, power=False, why=why)

    def end_process(self, by: SimCell, life: str) -> None:
        """Whose life is about to be sealed, where it can be reached. Else it goes on with old ideas."""
        cell = self.cells.get(life)
        if cell is not None and self.reaches_processes:
            self.crash(cell, power=False, why=f"ended by {by.name}")

    def end_life(self, by: SimCell, life: str) -> None:
        """A life is sealed; its process is killed before."""
        self.end_process(by, life)
        if life not in self.disk.sealed:
            self.note(by.name, "seals {}", life)
            self.disk.seal(life)

    def view_stored(self, by: SimCell, data: bytes) -> None:
        """The stored view is another one."""
        view = View.decode(data)
        owners = ",".join(life or "-" for life in view.owner_lives)
        moves = ",".join(f"{move.group}>{move.to}" for move in view.moves)
        seats = ",".join(f"{seat.address}:{'filling' if seat.filling else seat.state}" for seat in view.seats if seat.address)
        self.note(by.name, "stores view {}: {} moves {} seats {}", view.version, owners, moves or "none", seats or "none")

        self._follow_seats(view)

    def _follow_seats(self, view: View) -> None:
        """As the supervisor does: a process for each room that is to have one, and none for others."""
        seated = {str(seat.address) for seat in view.seats if seat.is_wanted}
        for name in sorted(seated - self.seated):
            self.clock.later(self.chance.uniform(0.05, 1.0), self.start, name)
        for name in sorted(self.seated - seated):
            self.clock.later(self.chance.uniform(0.05, 1.0), self._end_seat, name)
        self.seated = seated

    def _end_seat(self, name: str) -> None:
        for cell in [cell for cell in self.cells.values() if cell.name == name and name not in self.seated]:
            self.crash(cell, power=False, why="not wanted any more")

    def freeze(self, cell: SimCell, seconds: float) -> None:
        """The process stands still and then goes on with what it believed."""
        if cell.is_alive and not cell.clock.is_frozen:
            self.note(cell.name, "freezes for {:.2f} s", seconds)
            cell.clock.freeze()
            self.network.silence(cell.life)
            self.clock.later(seconds, self.thaw, cell)

    def thaw(self, cell: SimCell) -> None:
        """It goes on."""
        if cell.is_alive and cell.clock.is_frozen:
            self.note(cell.name, "goes on")
            self.network.speak(cell.life)
            cell.clock.thaw()

    # --- devices -----------------------------------------------------------------------------------------------------

    def an_edge(self, chance: Random) -> SimCell | None:
        """Some cell that takes connections."""
        edges = [cell for cell in self.cells.values() if cell.is_open]
        return chance.choice(edges) if edges else None

    def lines(self) -> list[SimLine]:
        """All connections that devices have."""
        return [device.line for device in self.devices if device.line is not None]

    def line_delay(self) -> float:
        """Seconds that a frame takes between a device and its edge."""
        return 0.0005 + self.chance.random() * 0.002

    # --- the network -------------------------------------------------------------------------------------------------

    def cut(self, a: str, b: str, *, one_way: bool) -> None:
        """Nothing passes from one life to another, or between them."""
        self.note(a, "cut off from {}{}", b, " (one way)" if one_way else "")
        self.cuts.add((a, b))
        self.network.cut_one_way(a, b) if one_way else self.network.cut(a, b)

    def heal(self, a: str, b: str) -> None:
        """It passes again."""
        self.note(a, "hears {} again", b)
        self.cuts.discard((a, b))
        self.network.heal(a, b)

    def _jitter(self) -> float:
        return self.chance.random() ** 3 * self.slow_links if self.slow_links else 0.0

    # --- what is seen ------------------------------------------------------------------------------------------------

    def reported(self, cell: SimCell, what: str, address: ActorId, message: Any, error: BaseException | None) -> None:
        """The core tells people something."""
        self.note(cell.name, "{} {}: {}", what, address, type(error).__name__)
        if what in ("crashed", "set_aside", "unhandled", "stop_failed") and not str(error).startswith("planned"):
            self.broken.append(f"{cell.name} {what} {address}: {error!r}")
