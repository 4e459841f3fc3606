"""Whole cells over the fake of Cassandra, one fault of the fence each: nothing acknowledged is lost, nothing stale is taken."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from actors import commands as c
from actors.store.cassandra.schema import DRAINED
from actors.store.cassandra.steps import Ask, Rows
from actors.store.store import OutcomeUnknown
from cluster.bench.judge import explain
from tests.simulation.cassandra import SimCassandra, cassandra_limits
from tests.simulation.cell import SimCell
from tests.simulation.database import CassandraDisk
from tests.simulation.device import SimDevice
from tests.simulation.limits import small_limits
from tests.simulation.seed import ended
from tests.simulation.stock import stock
from tests.simulation.world import World

FROZEN_S = 7.0
STEP_S = 0.01


@pytest.fixture(autouse=True)
def no_logs() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Scene:
    """Three cells, and everybody is there."""

    def __init__(self, seed: int) -> None:
        self.world = world = World(seed, on_cassandra=True)
        world.reaches_processes = False  # a process that stands still cannot be killed: its life can be sealed
        for name in ("a", "b", "c"):
            world.start(name)
        world.clock.advance(1.5)
        for device in world.devices:
            device.on()
        world.clock.advance(1.0)
        assert isinstance(world.disk, CassandraDisk)
        self.database = world.disk.database
        self.carried_out: list[tuple[Ask, Rows]] = []
        carry_out = self.database.carry_out

        def noted(ask: Ask) -> Rows:
            rows = carry_out(ask)
            self.carried_out.append((ask, rows))
            return rows

        self.database.carry_out = noted  # type: ignore[method-assign]

    @property
    def owner(self) -> SimCell:
        """The cell that owns the room of everybody."""
        rooms = [cell for cell in self.world.cells.values() if store_of(cell).owned()]
        return max(rooms, key=lambda cell: len(store_of(cell).owned()))

    def post(self, times: int = 1) -> None:
        """Everybody says something in all their rooms."""
        for _ in range(times):
            for device in self.world.devices:
                for room, info in device.talk.rooms.infos.items():
                    if device.is_here and info.role != "none":
                        device.post(room)
            self.world.clock.advance(0.05)

    def device(self, user: str) -> SimDevice:
        """One of that user's."""
        return next(device for device in self.world.devices if device.user == user and device.is_here)

    def freeze_at(self, cell: SimCell, is_it: Callable[[Ask], bool], then: Callable[[], None] = lambda: None) -> None:
        """The cell stands still in the instant in which it would send such a request."""
        wire = store_of(cell).wire

        def before(ask: Ask) -> bool:
            if not cell.clock.is_frozen and is_it(ask):
                wire.before = before_others
                self.world.freeze(cell, FROZEN_S)
                then()
                return True
            return cell.clock.is_frozen

        def before_others(ask: Ask) -> bool:
            return cell.clock.is_frozen

        wire.before = before

    def accuse(self, life: str) -> None:
        """All others take it for dead."""
        for cell in list(self.world.cells.values()):
            if cell.life != life:
                cell.clock.soon(cell.member.report_death, life, "planned")

    def until(self, what: Callable[[], bool]) -> None:
        """Let time pass until it is so."""
        for _ in range(2000):
            if what():
                return
            self.world.clock.advance(STEP_S)
        raise AssertionError("it did not come to that")

    def is_drained(self, life: str) -> bool:
        """Whether all that it committed is in the tables."""
        return self.database.ledgers.lives.get(life) == DRAINED

    def end(self) -> None:
        """Everything comes to rest, and nothing is broken."""
        found = ended(self.world)
        assert not found, explain(found)


def store_of(cell: SimCell) -> SimCassandra:
    assert isinstance(cell.store, SimCassandra)
    return cell.store


@contextmanager
def playing(seed: int) -> Iterator[Scene]:
    with small_limits(), cassandra_limits():
        scene = Scene(seed)
        try:
            yield scene
        finally:
            for cell in scene.world.cells.values():
                cell.die()


def rolls(statement: str) -> Callable[[Ask], bool]:
    """Whether a request is this one of a roll; the first ledger of a life is opened without one."""
    return lambda ask: ask.statement == statement and (statement != "OPEN LEDGER" or ask.values[1] > 0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("statement", ["ROLL", "OPEN LEDGER", "APPEND"])
def test_a_cell_that_stands_still_while_it_rolls_commits_nothing_when_it_goes_on(statement: str, seed: int) -> None:
    with playing(seed) as scene:
        cell = scene.owner
        scene.freeze_at(cell, rolls(statement))
        scene.post(6)
        scene.until(lambda: cell.clock.is_frozen)
        scene.accuse(cell.life)
        scene.until(lambda: scene.is_drained(cell.life))
        scene.post(2)
        scene.carried_out.clear()
        scene.until(lambda: not cell.clock.is_frozen)
        scene.until(lambda: not cell.is_alive)
        mine = [
            rows[0][0] for ask, rows in scene.carried_out if ask.statement in ("APPEND", "ROLL", "OPEN LEDGER") and cell.life in ask.values
        ]
        assert mine and not any(mine)
        scene.end()


@pytest.mark.parametrize("seed", range(5))
def test_two_coordinators_that_seal_and_drain_the_same_life_at_once_lose_nothing(seed: int) -> None:
    with playing(seed) as scene:
        cell = scene.owner
        scene.post(2)
        others = [other for other in scene.world.cells.values() if other is not cell]
        for device in scene.world.devices:
            for room in device.talk.rooms.infos:
                device.post(room)
        for other in others:
            other.registry.end_life(cell.life).when_settled(lambda _, other=other: other.registry.drain(cell.life))  # type: ignore[misc]
        scene.until(lambda: scene.is_drained(cell.life))
        seals = [ask for ask, rows in scene.carried_out if ask.statement == "SEAL" and cell.life in ask.values]
        assert len(seals) >= len(others)
        scene.post()
        scene.end()


@pytest.mark.parametrize("seed", range(5))
def test_an_append_that_times_out_is_repeated_and_its_late_first_copy_changes_nothing(seed: int) -> None:
    with playing(seed) as scene:
        for cell in scene.world.cells.values():
            store_of(cell).failures.append((OutcomeUnknown("planned"), False))
        scene.post()
        scene.world.clock.advance(6.0)
        copies: dict[Ask, list[bool]] = {}
        for ask, rows in scene.carried_out:
            if ask.statement == "APPEND":
                copies.setdefault(ask, []).append(bool(rows[0][0]))
        assert [True, False] in copies.values()
        scene.post()
        scene.end()


@pytest.mark.parametrize("seed", range(5))
def test_a_taker_that_dies_as_it_drains_leaves_both_lives_to_the_next_one(seed: int) -> None:
    with playing(seed) as scene:
        world, first = scene.world, scene.owner
        died: list[str] = []

        def dies_at(cell: SimCell) -> Callable[[Ask], bool]:
            def before(ask: Ask) -> bool:
                if ask.statement == "LEDGER ROWS" and first.life in ask.values and not died:
                    died.append(cell.life)
                    world.clock.soon(lambda: world.crash(cell, power=False, why="as it drained"))
                return False

            return before

        for cell in world.cells.values():
            store_of(cell).wire.before = dies_at(cell)
        scene.post(2)
        world.crash(first, power=False, why="killed")
        scene.accuse(first.life)
        scene.until(lambda: bool(died))
        scene.accuse(died[0])
        scene.until(lambda: scene.is_drained(first.life) and scene.is_drained(died[0]))
        scene.post()
        scene.end()


@pytest.mark.parametrize("minute", [-60.0, 60.0])
@pytest.mark.parametrize("seed", range(3))
def test_somebody_kicked_after_the_takeover_stays_out_however_wrong_the_clocks_are(seed: int, minute: float) -> None:
    with playing(seed) as scene:
        world, room = scene.world, stock().churning[0]
        cell = next(cell for cell in world.cells.values() if cell.cell.owns(f"room:{room}"))
        cell.clock.jump(minute)
        for other in world.cells.values():
            if other is not cell:
                other.clock.jump(-minute)
        scene.device("gus").ask(lambda q: c.Join(q, room))
        # It freezes with the row of the member who has just joined in hand, on its way into the tables.
        scene.freeze_at(cell, lambda ask: ask.statement == "PUT MEMBERS" and ask.values[:2] == (room, "gus"))
        scene.until(lambda: cell.clock.is_frozen)
        scene.accuse(cell.life)
        scene.until(lambda: scene.is_drained(cell.life))
        scene.until(lambda: any(other.cell.owns(f"room:{room}") for other in world.cells.values() if other is not cell))
        scene.until(lambda: any(device.user == "ann" and device.is_here for device in world.devices))
        scene.device("ann").ask(lambda q: c.Kick(q, room, "gus"))
        scene.until(lambda: not cell.is_alive)
        world.clock.advance(3.0)
        late = [ask for ask, _ in scene.carried_out if ask.statement == "PUT MEMBERS" and ask.values[:2] == (room, "gus")]
        assert len(late) >= 2
        scene.end()
