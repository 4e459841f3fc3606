"""Two cells and the links between them: actors find each other by address wherever the view says they live."""

from __future__ import annotations

import pytest

from actors.errors import ChatError, Unavailable, Unknown
from actors.runtime.actor import Actor, ActorId, Context, Request, handles, pinned_id
from actors.runtime.cell import Cell, Returned
from actors.runtime.codec import Codec
from actors.runtime.kinds import Kind
from actors.runtime.plain import Message
from actors.runtime.promise import Promise
from actors.runtime.ring import slot_of
from actors.runtime.view import CellInfo, Move, View, begin_moves, end_moves, first_view, remove_cell
from tests.kit.clock import Clock
from tests.kit.network import Network


class Add(Message, frozen=True, gc=False):
    number: int
    origin: str = ""


class Sum(Request[list[int]], frozen=True, gc=False):
    pass


class Refuse(Request[None], frozen=True, gc=False):
    pass


CODEC = Codec([Add, Sum, Refuse])
A, B = "a.1", "b.1"


class Ledger(Actor):
    """Keeps the numbers that it is told, in order."""

    rank = 1

    def __init__(self, context: Context) -> None:
        self.numbers: list[int] = []

    @handles(Add)
    def on_add(self, message: Add) -> None:
        self.numbers.append(message.number)

    @handles(Sum)
    def on_sum(self, request: Sum) -> list[int]:
        return self.numbers

    @handles(Refuse)
    def on_refuse(self, request: Refuse) -> None:
        raise ChatError("forbidden")


class Origin(Actor):
    """Is given back what did not arrive."""

    def __init__(self, context: Context) -> None:
        self.returned: list[tuple[ActorId, int, str]] = []

    @handles(Returned)
    def on_returned(self, message: Returned) -> None:
        self.returned.append((message.to, message.message.number, message.reason))


class World:
    """Two cells with a stored view."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.network = Network(self.clock, CODEC)
        self.cells: dict[str, Cell] = {}
        self.view = first_view([CellInfo(A, "a"), CellInfo(B, "b")], 64)
        self.newer: list[tuple[str, int]] = []
        kinds = [Kind("ledger", 1, Ledger), Kind("desk", 1, Ledger, pinned=True), Kind("origin", 0, None, pinned=True)]
        self.links = {}
        for life in (A, B):
            cell = Cell(life, self.clock, kinds)
            self.links[life] = self.network.join(life, cell, lambda version, life=life: self.newer.append((life, version)))  # type: ignore[misc]
            cell.connect(self.links[life])
            self.cells[life] = cell
            self.adopt(life, self.view, None)
        self.clock.advance(0.1)

    def adopt(self, life: str, view: View, before: View | None) -> None:
        """What a cell's host does with a stored view."""
        cell = self.cells[life]
        if before is not None:
            cell.close_slots(view.lost(before, life))
        cell.adopt(view)
        cell.open_slots(view.gained(before, life))
        self.links[life].adopt(view)

    def there(self, life: str = B) -> ActorId:
        """An address that lives in a cell."""
        return next(a for a in (ActorId(f"ledger:{n}") for n in range(1000)) if self.view.owner(slot_of(a)) == life)

    def answer(self, promise: Promise[list[int]]) -> list[int]:
        """Let the answer come."""
        self.clock.advance(0.1)
        return promise.result()


def test_tells_and_asks_cross_the_link_in_order_and_an_error_comes_back() -> None:
    world = World()
    here, there = world.cells[A], world.there()
    for number in range(100):
        here.tell(there, Add(number))
    assert world.answer(here.ask(there, Sum())) == list(range(100))
    assert world.cells[A].count() == 0
    refused = here.ask(there, Refuse())
    world.clock.advance(0.1)
    assert isinstance(refused.error, ChatError)
    assert refused.error.code == "forbidden"


def test_one_message_to_many_reaches_those_here_and_there() -> None:
    world = World()
    addresses = [ActorId(f"ledger:{number}") for number in range(40)]
    world.cells[A].tell_many(addresses, Add(7))
    for address in addresses:
        assert world.answer(world.cells[B].ask(address, Sum())) == [7]
    link = world.links[A].link(B)
    assert link is not None
    assert link.counters["items"] == 1
    assert world.cells[A].count() + world.cells[B].count() == 40


def test_an_address_that_names_a_life_goes_to_that_life() -> None:
    world = World()
    desk = pinned_id("desk", B)
    world.cells[A].tell(desk, Add(1))
    assert world.answer(world.cells[A].ask(desk, Sum())) == [1]
    gone = world.cells[A].ask(pinned_id("desk", "c.9"), Sum())
    world.clock.run()
    assert isinstance(gone.error, Unavailable)


def test_a_cell_with_an_older_view_is_refused_hears_of_the_newer_and_gets_its_message_back() -> None:
    world = World()
    there = world.there(B)
    group = slot_of(there) * 64 // 4096
    world.cells[A].start_actor(pinned_id("origin", A, "1"), Origin)
    moved = end_moves(begin_moves(world.view, [Move(group, A)]), {group})
    world.adopt(B, moved, world.view)
    world.cells[A].tell(there, Add(5, origin=pinned_id("origin", A, "1")))
    ask = world.cells[A].ask(there, Sum())
    world.clock.advance(0.1)
    assert isinstance(ask.error, Unavailable)
    origin = world.cells[A].actor(pinned_id("origin", A, "1"))
    assert isinstance(origin, Origin)
    assert origin.returned == [(there, 5, "not_owner")]
    assert (A, moved.version) in world.newer
    world.adopt(A, moved, world.view)
    world.cells[A].tell(there, Add(5))
    assert world.answer(world.cells[A].ask(there, Sum())) == [5]
    assert world.cells[B].count() == 0


def test_when_a_cell_dies_the_other_takes_its_slots_and_nothing_is_silently_gone() -> None:
    world = World()
    there = world.there(B)
    world.cells[A].start_actor(pinned_id("origin", A, "1"), Origin)
    world.cells[A].tell(there, Add(1))
    world.clock.advance(0.1)
    pending = world.cells[A].ask(there, Sum())
    world.clock.run()
    world.network.kill(B)
    with pytest.raises((Unknown, Unavailable)):
        pending.result()
    world.cells[A].tell(there, Add(2, origin=pinned_id("origin", A, "1")))
    world.adopt(A, remove_cell(world.view, B), world.view)
    world.clock.advance(0.1)
    origin = world.cells[A].actor(pinned_id("origin", A, "1"))
    assert isinstance(origin, Origin)
    assert origin.returned == [(there, 2, "no_link")]
    world.cells[A].tell(there, Add(2))
    assert world.answer(world.cells[A].ask(there, Sum())) == [2]
