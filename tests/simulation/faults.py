"""What can be broken in a simulation: every fault is a method, and undoes itself some time later."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from actors import commands as c
from actors.runtime.actor import actor_id
from actors.runtime.seating import call_back, seat_room
from actors.runtime.view import View, set_override
from actors.store.rows import EntryRow
from actors.store.store import Commit, OutcomeUnknown, StoreUnavailable
from cluster.beats import ViewFrame, say
from cluster.seat_names import is_seat
from tests.simulation.cell import SimCell
from tests.simulation.device import SimDevice
from tests.simulation.stock import stock
from tests.simulation.world import DELAY_S, World


class Faults:
    """All faults of one seed."""

    def __init__(self, world: World, chance: Random) -> None:
        self.world = world
        self.chance = chance
        self.are_over = False
        """Whether nothing is broken any more."""
        self.table: dict[str, Callable[[], None]] = {
            "crash": self.crash, "power": self.power, "freeze": self.freeze, "accuse": self.accuse,
            "trap": self.trap, "cut": self.cut, "one way": self.cut_one_way, "drop": self.drop_link, "slow links": self.slow_links, "late": self.late,
            "stale view": self.stale_view, "slow store": self.slow_store, "store away": self.store_away, "fail": self.fail_commit,
            "clock": self.jump, "bug": self.crash_actor, "move": self.move, "lost answer": self.lose_answer, "hang up": self.hang_up, "stall": self.stall,
            "choke": self.choke, "off": self.off, "unseat": self.unseat, "isolate": self.isolate,
        }  # fmt: skip

    def later(self, least_s: float, most_s: float, do: Callable[..., None], *args: object) -> None:
        """Undo a fault some time from now."""
        self.world.clock.later(self.chance.uniform(least_s, most_s), do, *args)

    def device_of(self, user: str) -> SimDevice | None:
        """A device of that user that is here."""
        return next((device for device in self.world.devices if device.user == user and device.is_here), None)

    # --- of cells --------------------------------------------------------------------------------------------------------

    def a_cell(self) -> SimCell | None:
        """Some living process."""
        cells = list(self.world.cells.values())
        return self.chance.choice(cells) if cells else None

    def _with_cell(self, do: Callable[[SimCell], None]) -> None:
        cell = self.a_cell()
        if cell is not None:
            do(cell)

    def crash(self) -> None:
        """A process is killed."""
        self._with_cell(lambda cell: self.world.crash(cell, power=False, why="killed"))

    def power(self) -> None:
        """A machine loses its power."""
        self._with_cell(lambda cell: self.world.crash(cell, power=True, why="power"))

    def trap(self) -> None:
        """A process dies, or stands still, in the instant in which it writes its next entry, or just after."""
        delay = self.chance.choice((0.0, 0.0003, 0.0007, 0.0012, 0.003))
        how = self.chance.choice((self._kill, self._kill, self._cut_power, self._freeze_and_accuse))

        def written(life: str, change: Commit) -> None:
            if any(isinstance(row, EntryRow) for row in change.puts):
                self.world.disk.on_write = None
                self.world.clock.later(delay, how, life)

        self.world.disk.on_write = written

    def _kill(self, life: str) -> None:
        if life in self.world.cells:
            self.world.crash(self.world.cells[life], power=False, why="killed as it wrote")

    def _cut_power(self, life: str) -> None:
        if life in self.world.cells:
            self.world.crash(self.world.cells[life], power=True, why="power as it wrote")

    def _freeze_and_accuse(self, life: str) -> None:
        if life in self.world.cells:
            self.world.freeze(self.world.cells[life], self.chance.uniform(0.5, 8.0))
            self._accuse_later(life, 3.0)

    def freeze(self) -> None:
        """A process stands still, and may be taken for dead."""
        seconds = self.chance.choice((0.05, 0.5, 3.0, 10.0)) * self.chance.uniform(0.5, 1.5)
        cell = self.a_cell()
        if cell is not None:
            self.world.freeze(cell, seconds)
            if seconds > 2.0 and self.chance.random() < 0.8:
                self._accuse_later(cell.life, seconds + 1.0)

    def accuse(self) -> None:
        """A healthy cell is taken for dead."""
        self._with_cell(lambda cell: self._accuse_later(cell.life, 0.0))

    def _accuse_later(self, life: str, most_s: float) -> None:
        self.later(0.0, most_s, self._accuse, life)

    def _accuse(self, life: str) -> None:
        others = [cell for cell in self.world.cells.values() if cell.life != life and cell.is_open]
        if others and not self.are_over:
            by = self.chance.choice(others)
            self.world.note(by.name, "is told that {} is dead", life)
            by.clock.soon(by.member.report_death, life, "planned")

    def cut(self) -> None:
        """Two cells do not hear each other."""
        self._cut(one_way=False)

    def cut_one_way(self) -> None:
        """One cell does not hear another."""
        self._cut(one_way=True)

    def _cut(self, *, one_way: bool) -> None:
        lives = sorted(self.world.cells)
        if len(lives) > 1:
            a, b = self.chance.sample(lives, 2)
            self.world.cut(a, b, one_way=one_way)
            self.later(0.1, self.chance.choice((0.5, 2.0, 8.0)), self.world.heal, a, b)

    def drop_link(self) -> None:
        """Connections between two cells break, with all that was on its way."""
        lives = sorted(self.world.cells)
        if len(lives) > 1:
            a, b = self.chance.sample(lives, 2)
            self.world.note(a, "loses its connections with {}", b)
            self.world.network.drop(a, b)

    def slow_links(self) -> None:
        """Frames between cells take long for a while."""
        self.world.slow_links = self.chance.choice((0.01, 0.1, 1.0))
        self.later(0.2, 4.0, setattr, self.world, "slow_links", 0.0)

    def late(self) -> None:
        """What one cell says to another takes long for a while; all else is quick."""
        lives = sorted(self.world.cells)
        if len(lives) > 1:
            a, b = self.chance.sample(lives, 2)
            seconds = self.chance.choice((0.05, 0.3, 1.5))
            self.world.note(a, "is heard by {} {} s late", b, seconds)
            self.world.network.delay(a, b, seconds)
            self.later(0.5, 5.0, self.world.network.delay, a, b, DELAY_S)

    def stale_view(self) -> None:
        """A view that was stored long ago arrives."""
        by = self.a_cell()
        if by is not None and self.world.disk.views:
            data = self.chance.choice(self.world.disk.views)
            body = say(ViewFrame(View.decode(data).version, data))
            for cell in self.world.cells.values():
                if cell is not by:
                    cell.clock.soon(cell.member.control, by.life, body)

    def slow_store(self) -> None:
        """A disk is slow for a while."""

        def begin(cell: SimCell) -> None:
            cell.store.slowness = self.chance.choice((10.0, 100.0, 1000.0))
            self.world.note(cell.name, "has a slow disk: {:.0f} x", cell.store.slowness)
            self.later(0.2, 4.0, setattr, cell.store, "slowness", 1.0)

        self._with_cell(begin)

    def store_away(self) -> None:
        """A cell is cut off from its disk."""

        def begin(cell: SimCell) -> None:
            self.world.note(cell.name, "loses its disk")
            cell.store.is_down = True
            self.later(0.1, 5.0, setattr, cell.store, "is_down", False)

        self._with_cell(begin)

    def fail_commit(self) -> None:
        """The next group of commits fails: surely not done, or nobody knows."""

        def begin(cell: SimCell) -> None:
            done = self.chance.random() < 0.5
            unknown = self.chance.random() < 0.7
            self.world.note(cell.name, "next commit: {}", ("unknown, done" if done else "unknown, not done") if unknown else "refused")
            cell.store.failures.append((OutcomeUnknown("planned"), done) if unknown else (StoreUnavailable("planned"), False))

        self._with_cell(begin)

    def jump(self) -> None:
        """Somebody sets a machine's clock."""
        self._with_cell(lambda cell: cell.clock.jump(self.chance.choice((-3600.0, -5.0, 5.0, 3600.0))))

    def crash_actor(self) -> None:
        """A bug in a room, an account, a relay or a session."""

        def begin(cell: SimCell) -> None:
            found = [cell.cell.activation(a) for a in cell.cell.addresses() if a.partition(":")[0] in {"room", "user", "relay", "session"}]
            busy = [activation for activation in found if activation is not None and not activation.quiet]
            activation = self.chance.choice(busy or found) if found and not cell.clock.is_frozen else None
            if activation is not None:
                activation.fail(RuntimeError("planned"))

        self._with_cell(begin)

    def move(self) -> None:
        """A group is to live elsewhere: somebody beside the coordinator changes the view."""

        def begin(cell: SimCell) -> None:
            view = cell.member.core.view
            if view is None or cell.clock.is_frozen:
                return
            group, names = self.chance.randrange(view.groups), sorted(cell.name for cell in view.cells)
            to = self.chance.choice([*names, None])
            self.world.note(cell.name, "wants group {} at {}", group, to)
            cell.member.change(partial(set_override, group=group, name=to))

        self._with_cell(begin)

    def isolate(self) -> None:
        """A room is to have a process and a file of its own, or to lose them; or its process stands still just as somebody posts there."""
        own = [cell for cell in self.world.cells.values() if is_seat(cell.name)]
        if own and self.chance.random() < 0.3:
            self._haunt(self.chance.choice(own))
            return

        def begin(cell: SimCell) -> None:
            view = cell.member.core.view
            if view is None or cell.clock.is_frozen:
                return
            seated = sorted(seat.address for seat in view.seats if seat.is_wanted)
            made = stock()
            rooms = (*made.steady, *made.churning, made.private)
            if seated and (len(seated) > 1 or self.chance.random() < 0.5):
                address = self.chance.choice(seated)
                self.world.note(cell.name, "calls {} back", address)
                cell.member.change(partial(call_back, address=address))
            else:
                address = actor_id("room", self.chance.choice(rooms[: self.chance.choice((2, len(rooms)))]))
                self.world.note(cell.name, "wants a process for {}", address)
                cell.member.change(partial(seat_room, address=address))

        self._with_cell(begin)

    def _haunt(self, cell: SimCell) -> None:
        """It goes on later, with the post that it has by then, when it was taken for dead."""
        room = cell.name.partition(":")[2]
        able = [
            device
            for device in self.world.devices
            if device.is_here and room in device.talk.rooms.infos and device.talk.rooms.infos[room].role != "none"
        ]
        for device in self.chance.sample(able, min(2, len(able))):
            device.post(room)
        self.later(0.001, 0.008, self._freeze_and_accuse, cell.life)

    def lose_answer(self) -> None:
        """The next change of view or lease is done, and whoever made it does not hear so."""

        def begin(cell: SimCell) -> None:
            cell.registry.loses_answer = True

        self._with_cell(begin)

    # --- of devices -----------------------------------------------------------------------------------------------

    def _with_device(self, do: Callable[[SimDevice], None]) -> None:
        awake = [device for device in self.world.devices if device.line is not None]
        if awake:
            do(self.chance.choice(awake))

    def hang_up(self) -> None:
        """A connection breaks; the edge may hear of it much later."""
        late = self.chance.choice((0.0, 0.0, 1.0, 10.0))
        self._with_device(lambda device: device.drop(self.chance.uniform(0.0, late)))

    def unseat(self) -> None:
        """Somebody posts, does not hear the answer, and is removed from the room before the post can be repeated."""
        rooms, owner = (*stock().churning, stock().private), self.device_of("ann")
        able = [
            (device, room)
            for device in self.world.devices
            for room in rooms
            if device.is_here and device.user != "ann" and room in device.talk.rooms.infos and device.talk.rooms.infos[room].role != "none"
        ]
        if able and owner is not None:
            device, room = self.chance.choice(able)
            device.post(room)
            self.later(0.002, 0.006, device.drop, 0.0)
            self.later(0.004, 0.02, owner.ask, lambda q: c.Kick(q, room, device.user))

    def stall(self) -> None:
        """A connection passes nothing for a while."""

        def begin(device: SimDevice) -> None:
            line = device.line
            if line is not None:
                line.stall()
                self.later(0.1, self.chance.choice((1.0, 10.0)), line.flow)

        self._with_device(begin)

    def choke(self) -> None:
        """A device stops reading for a while."""

        def begin(device: SimDevice) -> None:
            line = device.line
            if line is not None:
                line.choke()
                self.later(0.01, self.chance.choice((0.5, 8.0)), line.drain)

        self._with_device(begin)

    def off(self) -> None:
        """A device is switched off, and on again later."""

        def begin(device: SimDevice) -> None:
            self.world.note(device.name, "is switched off")
            device.off(self.chance.choice((0.0, 5.0)))
            self.later(0.5, self.chance.choice((3.0, 10.0)), device.on)

        self._with_device(begin)
