"""Who decides what happens in a seed: people who post, come and go, and faults, each seed with a mix of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import NamedTuple

from actors import commands as c
from actors.runtime.view import View, set_override
from actors.store.rows import EntryRow
from actors.store.store import Commit, OutcomeUnknown, StoreUnavailable
from cluster.beats import ViewFrame, say
from tests.simulation.cell import SimCell
from tests.simulation.device import SimDevice
from tests.simulation.stock import USERS, stock
from tests.simulation.world import DELAY_S, World

THEMES = (
    ("late", "off", "off", "clock"),
    ("late", "hang up", "off", "slow links"),
    ("cut", "trap", "crash"),
    ("trap", "hang up"),
    ("one way", "late", "crash", "move"),
    ("freeze", "accuse", "fail"),
    ("drop", "hang up", "stall", "bug"),
    ("move", "store away", "slow store", "fail"),
)
"""Faults that are worst together."""
THEMED = 0.5
"""How many seeds have one of these; the others draw from all."""


class Mix(NamedTuple):
    """How a seed is drawn."""

    posts_s: float
    """Seconds between posts, on average."""
    faults_s: float
    """Seconds between faults, on average."""
    churn_s: float
    """Seconds between changes of membership, on average."""
    kinds: tuple[str, ...]
    """The faults of this seed."""


class Director:
    """Draws and does."""

    def __init__(self, world: World, chance: Random) -> None:
        self.world = world
        self.chance = chance
        self.faults: dict[str, Callable[[], None]] = {
            "crash": self.crash, "power": self.power, "freeze": self.freeze, "accuse": self.accuse,
            "trap": self.trap, "cut": self.cut, "one way": self.cut_one_way, "drop": self.drop_link, "slow links": self.slow_links, "late": self.late,
            "stale view": self.stale_view, "slow store": self.slow_store, "store away": self.store_away, "fail": self.fail_commit,
            "clock": self.jump, "bug": self.crash_actor, "move": self.move, "lost answer": self.lose_answer, "hang up": self.hang_up, "stall": self.stall,
            "choke": self.choke, "off": self.off,
        }  # fmt: skip
        some = list(chance.choice(THEMES)) if chance.random() < THEMED else chance.sample(sorted(self.faults), chance.randint(2, 7))
        self.mix = Mix(chance.uniform(0.08, 0.5), chance.uniform(0.15, 1.2), chance.choice((0.3, 1.0, 5.0)), tuple(some))
        self.sleepers = [device for device in world.devices if chance.random() < 0.15]
        """Devices that are off until everything is over."""
        self._over = False

    # --- the course of a seed ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """People come, and things begin to happen."""
        world, chance = self.world, self.chance
        world.note("director", "mix: {}", ", ".join(self.mix.kinds))
        for device in world.devices:
            device.doubles = 0.05
            if device not in self.sleepers:
                world.clock.later(chance.uniform(0.0, 0.5), device.on)
        self._again(self.mix.posts_s, self.post)
        self._again(self.mix.churn_s, self.churn)
        self._again(self.mix.faults_s, self.fault)

    def no_more_posts(self) -> None:
        """Nobody posts from here on; what is broken is broken on."""
        self.mix = self.mix._replace(posts_s=0.0)

    def mend(self) -> None:
        """No more faults: everything works again."""
        world = self.world
        self._over = True
        world.history.fault("the last one")
        world.note("director", "everything is mended")
        world.disk.on_write = None
        world.slow_links = 0.0
        for a, b in list(world.cuts):
            world.heal(a, b)
        for cell in world.cells.values():
            cell.store.slowness, cell.store.is_down = 1.0, False
            cell.store.failures.clear()
            cell.registry.loses_answer = False
            world.thaw(cell)
        for device in world.devices:
            line = device.line
            if line is not None:
                line.flow()
                line.drain()
            if device not in self.sleepers:
                device.on()

    def _again(self, every_s: float, do: Callable[[], None]) -> None:
        self.world.clock.later(self.chance.expovariate(1.0 / every_s), self._do, every_s, do)

    def _do(self, every_s: float, do: Callable[[], None]) -> None:
        if not self._over:
            do()
            self._again(every_s, do)

    def later(self, least_s: float, most_s: float, do: Callable[..., None], *args: object) -> None:
        """Undo a fault some time from now."""
        self.world.clock.later(self.chance.uniform(least_s, most_s), do, *args)

    # --- people --------------------------------------------------------------------------------------------------------

    def post(self) -> None:
        """Somebody writes, now and then several at once."""
        if not self.mix.posts_s:
            return
        here = [device for device in self.world.devices if device.is_here]
        if not here:
            return
        device = self.chance.choice(here)
        rooms = [room for room, info in device.talk.rooms.infos.items() if info.role != "none"]
        if rooms:
            room = self.chance.choice(rooms)
            for _ in range(self.chance.choice((1, 1, 1, 1, 6))):
                device.post(room)

    def churn(self) -> None:
        """Somebody joins, leaves, is invited or removed, or a room gets another name."""
        made, chance = stock(), self.chance
        room, user = chance.choice(made.churning), chance.choice(USERS)
        anybody, owner = self._device_of(user), self._device_of("ann")
        ways: list[tuple[SimDevice | None, Callable[[int], c.Command]]] = [
            (anybody, lambda q: c.Join(q, room)),
            (anybody, lambda q: c.Join(q, room)),
            (anybody if user != "ann" else None, lambda q: c.Leave(q, room)),
            (owner if user != "ann" else None, lambda q: c.Kick(q, room, user)),
            (owner, lambda q: c.Invite(q, made.private, user)),
            (owner if user != "ann" else None, lambda q: c.Kick(q, made.private, user)),
            (owner, lambda q: c.Edit(q, made.private, f"Name {q}", None, None)),
        ]
        device, make = chance.choice(ways)
        if device is not None:
            device.ask(make)

    def _device_of(self, user: str) -> SimDevice | None:
        return next((device for device in self.world.devices if device.user == user and device.is_here), None)

    # --- faults --------------------------------------------------------------------------------------------------------

    def fault(self) -> None:
        """One of this seed's faults."""
        self.faults[self.chance.choice(self.mix.kinds)]()

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
        if others and not self._over:
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
            addresses = [a for a in cell.cell.addresses() if a.partition(":")[0] in {"room", "user", "relay", "session"}]
            activation = cell.cell.activation(self.chance.choice(addresses)) if addresses and not cell.clock.is_frozen else None
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

    def lose_answer(self) -> None:
        """The next change of view or lease is done, and whoever made it does not hear so."""

        def begin(cell: SimCell) -> None:
            cell.registry.loses_answer = True

        self._with_cell(begin)

    # --- faults of devices -----------------------------------------------------------------------------------------------

    def _with_device(self, do: Callable[[SimDevice], None]) -> None:
        awake = [device for device in self.world.devices if device.line is not None]
        if awake:
            do(self.chance.choice(awake))

    def hang_up(self) -> None:
        """A connection breaks; the edge may hear of it much later."""
        late = self.chance.choice((0.0, 0.0, 1.0, 10.0))
        self._with_device(lambda device: device.drop(self.chance.uniform(0.0, late)))

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
            self.later(0.5, 10.0, device.on)

        self._with_device(begin)
