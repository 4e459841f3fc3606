"""Who decides what happens in a seed: people who post, come and go, and faults, each seed with a mix of its own."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from actors import commands as c
from tests.simulation.device import SimDevice
from tests.simulation.faults import Faults
from tests.simulation.operations import Operations
from tests.simulation.program import KeyedText
from tests.simulation.stock import USERS, stock
from tests.simulation.world import World

THEMES = (
    ("late", "off", "off", "clock"),
    ("late", "hang up", "off", "slow links"),
    ("cut", "trap", "crash"),
    ("trap", "hang up"),
    ("one way", "late", "crash", "move"),
    ("freeze", "accuse", "fail"),
    ("drop", "hang up", "stall", "bug"),
    ("move", "store away", "slow store", "fail"),
    ("bug", "slow store", "fail"),
    ("off",),
    ("unseat", "hang up"),
)
"""Faults that are worst together."""
THEMED = 0.5
"""How many seeds have one of these; the others draw from all."""
SEATED = 0.3
"""In how many seeds rooms move into processes of their own and out of them, beside the other faults."""
PROGRAMS = 0.3
"""In how many seeds programs post by key, beside people."""
OPERATIONS = 0.3
"""In how many seeds there are operations of several steps, beside what else people do."""
KEYED_S = 0.4
"""Seconds between such posts, on average."""


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
        self.faults = Faults(world, chance)
        some = (
            list(chance.choice(THEMES))
            if chance.random() < THEMED
            else chance.sample(sorted(self.faults.table.keys() - {"isolate"}), chance.randint(2, 7))
        )
        # Drawn apart, so that a seed without it is what it was before there were seats.
        if Random(world.seed + 1).random() < SEATED:
            some += ["isolate"] * max(1, len(some) // 2)
        posts_s = chance.uniform(0.08, 0.5) if chance.random() < 0.7 else chance.uniform(0.5, 1.5)
        self.mix = Mix(posts_s, chance.uniform(0.15, 1.2), chance.choice((0.3, 1.0, 5.0)), tuple(some))
        programs = Random(world.seed + 2)  # drawn apart as well
        self._programs = programs if programs.random() < PROGRAMS else None
        several = Random(world.seed + 3)
        if several.random() < OPERATIONS:
            world.operations = Operations(world, several)
        sleepy = chance.choice((0.05, 0.15, 0.5))
        self.sleepers = [device for device in world.devices if chance.random() < sleepy]
        """Devices that are off until everything is over."""

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
        if self._programs is not None:
            self._program(self._programs)
        if world.operations is not None:
            world.operations.act()

    def no_more_posts(self) -> None:
        """Nobody posts from here on; what is broken is broken on."""
        self.mix = self.mix._replace(posts_s=0.0)

    def mend(self) -> None:
        """No more faults: everything works again."""
        world = self.world
        self.faults.are_over = world.is_mended = True
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
                line.drain()  # who was switched off comes back by and by

    def _again(self, every_s: float, do: Callable[[], None]) -> None:
        self.world.clock.later(self.chance.expovariate(1.0 / every_s), self._do, every_s, do)

    def _do(self, every_s: float, do: Callable[[], None]) -> None:
        if not self.faults.are_over:
            do()
            self._again(every_s, do)

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

    def _program(self, chance: Random) -> None:
        """A program posts by key, again and again, until people post no more."""
        if not self.mix.posts_s:
            return
        device = self.faults.device_of(chance.choice(USERS))
        rooms = [room for room, info in device.talk.rooms.infos.items() if info.role != "none"] if device is not None else []
        if device is not None and rooms:
            text = KeyedText(self.world, chance.choice(rooms), device.user, len(self.world.texts), chance)
            self.world.texts.append(text)
            text.ask()
        self.world.clock.later(chance.expovariate(1.0 / KEYED_S), self._program, chance)

    def churn(self) -> None:
        """Somebody joins, leaves, is invited or removed, or a room gets another name."""
        made, chance = stock(), self.chance
        room, user = chance.choice(made.churning), chance.choice(USERS)
        anybody, owner = self.faults.device_of(user), self.faults.device_of("ann")
        ways: list[tuple[SimDevice | None, Callable[[int], c.Command]]] = [
            (anybody, lambda q: c.Join(q, room)),
            (owner, lambda q: c.Invite(q, room, user)),  # who was kicked comes back in no other way
            (anybody if user != "ann" else None, lambda q: c.Leave(q, room)),
            (owner if user != "ann" else None, lambda q: c.Kick(q, room, user)),
            (owner, lambda q: c.Invite(q, made.private, user)),
            (owner if user != "ann" else None, lambda q: c.Kick(q, made.private, user)),
            (owner, lambda q: c.Edit(q, made.private, f"Name {q}", None, None)),
        ]
        device, make = chance.choice(ways)
        if device is not None:
            device.ask(make)

    def fault(self) -> None:
        """One of this seed's faults."""
        self.faults.table[self.chance.choice(self.mix.kinds)]()
