"""How a cell follows the views: what it takes, lets go and opens, and when. Real actors, a scripted store, a hand-moved clock."""

from __future__ import annotations

from collections.abc import Callable, Collection

from actors.chat_cell import ChatCell, Edges
from actors.ports import AllowAll
from actors.runtime.promise import Promise
from actors.runtime.ring import slots_of
from actors.runtime.view import CellInfo, Move, View, add_cells, begin_moves, end_moves, first_view, remove_cell, withdraw_moves
from actors.store.shards import NotReleased
from actors.store.store import Sealed, StoreError, StoreUnavailable
from cluster.ownership import Ownership
from tests.kit.chat import GENEROUS, encode, frame, read_token
from tests.kit.clock import Clock
from tests.kit.memory import MemoryDisk, MemoryStore

GROUPS = 4
A, B = CellInfo("a.1", "a"), CellInfo("b.1", "b")
ALONE = first_view([A], GROUPS)
BOTH = add_cells(ALONE, [B])


class Shelf:
    """Groups of a store that can be held back. Implements `GroupStore`."""

    def __init__(self, clock: Clock) -> None:
        self.held: set[int] = set()
        self.log: list[str] = []
        self.errors: dict[int, StoreError] = {}
        self._clock = clock

    def take_shard(self, shard: int) -> Promise[None]:
        return self._later("take", shard)

    def release_shard(self, shard: int) -> Promise[None]:
        return self._later("release", shard)

    def copy_seat(self, number: int, room: str, since: int) -> Promise[bool]:
        raise AssertionError("no room has a seat here")

    def fill_seat(self, number: int, room: str, since: int) -> Promise[None]:
        raise AssertionError("no room has a seat here")

    def tidy_seat(self, number: int, room: str, since: int) -> Promise[bool]:
        raise AssertionError("no room has a seat here")

    def empty_seats(self, shard: int, taken: Collection[tuple[int, int]]) -> Promise[bool]:
        raise AssertionError("no room has a seat here")

    def _later(self, what: str, shard: int) -> Promise[None]:
        done: Promise[None] = Promise()
        self._clock.later(0.001, self._work, what, shard, done)
        return done

    def _work(self, what: str, shard: int, done: Promise[None]) -> None:
        if shard in self.errors:
            done.reject(self.errors[shard])
            return
        self.log.append(f"{what} {shard}")
        (self.held.add if what == "take" else self.held.discard)(shard)
        done.resolve(None)


class Scene:
    """The cell `a.1`."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.shelf = Shelf(self.clock)
        edges = Edges(encode, frame, read_token, AllowAll(), GENEROUS, 100)
        self.chat = ChatCell("a.1", self.clock, MemoryStore(MemoryDisk(), "a.1", self.clock.soon), edges)
        self.progress = 0
        self.sealed = 0
        self.ownership = Ownership(self.chat, self.shelf, self.clock, self._change, self._progress, self._sealed)

    def _change(self, step: Callable[[View], View]) -> Promise[View]:
        raise AssertionError("no room has a seat here")

    def _progress(self) -> None:
        self.progress += 1

    def _sealed(self) -> None:
        self.sealed += 1

    def adopt(self, view: View) -> View:
        """Act on a view, and let all be done."""
        self.ownership.adopt(view)
        self.clock.advance(0.02)
        return view

    def open_groups(self) -> set[int]:
        """Groups whose slots take messages."""
        return {group for group in range(GROUPS) if all(self.chat.cell.slots.is_open(slot) for slot in slots_of(group, GROUPS))}


def test_groups_are_taken_first_and_open_then() -> None:
    scene = Scene()
    scene.ownership.adopt(ALONE)
    assert scene.open_groups() == set()
    scene.clock.advance(0.02)
    assert scene.open_groups() == scene.shelf.held == {0, 1, 2, 3}


def test_a_group_that_cannot_be_had_yet_keeps_no_other_waiting() -> None:
    scene = Scene()
    scene.shelf.errors = {1: NotReleased("another life owns it"), 2: StoreUnavailable("a slow disk")}
    scene.adopt(ALONE)
    assert scene.open_groups() == {0, 3}
    scene.shelf.errors.clear()
    scene.clock.advance(5.0)
    assert scene.open_groups() == {0, 1, 2, 3}


def test_what_moves_is_let_go_and_told_and_nothing_else_is_touched() -> None:
    scene = Scene()
    scene.adopt(ALONE)
    moving = scene.adopt(begin_moves(scene.adopt(BOTH), [Move(2, "b.1")]))
    assert scene.open_groups() == scene.shelf.held == {0, 1, 3}
    assert scene.ownership.released == ((2, moving.version),)
    assert scene.progress >= 1
    scene.adopt(end_moves(moving, {2}))
    assert scene.ownership.released == ()
    assert scene.shelf.log.count("release 2") == 1


def test_a_group_that_the_store_did_not_take_back_is_given_back_again_and_not_let_go_before() -> None:
    scene = Scene()
    scene.adopt(ALONE)
    both = scene.adopt(BOTH)
    scene.shelf.errors = {2: StoreUnavailable("the disk is away")}
    moving = scene.adopt(begin_moves(both, [Move(2, "b.1")]))
    scene.clock.advance(3.0)
    assert scene.ownership.released == ()
    assert 2 in scene.shelf.held
    scene.shelf.errors.clear()
    scene.clock.advance(3.0)
    assert scene.ownership.released == ((2, moving.version),)
    assert scene.open_groups() == scene.shelf.held == {0, 1, 3}


def test_a_withdrawn_move_opens_the_group_again() -> None:
    scene = Scene()
    scene.adopt(ALONE)
    moving = scene.adopt(begin_moves(scene.adopt(BOTH), [Move(2, "b.1")]))
    scene.adopt(withdraw_moves(moving, {2}))
    assert scene.open_groups() == scene.shelf.held == {0, 1, 2, 3}
    assert scene.ownership.released == ()


def test_a_move_that_is_begun_and_withdrawn_while_it_is_let_go_ends_open() -> None:
    scene = Scene()
    scene.adopt(ALONE)
    both = scene.adopt(BOTH)
    moving = begin_moves(both, [Move(2, "b.1")])
    scene.ownership.adopt(moving)
    scene.ownership.adopt(withdraw_moves(moving, {2}))
    scene.clock.advance(0.1)
    assert scene.open_groups() == scene.shelf.held == {0, 1, 2, 3}


def test_a_group_let_go_for_an_earlier_move_is_told_by_the_version_of_the_present_one() -> None:
    scene = Scene()
    scene.adopt(ALONE)
    moving = begin_moves(scene.adopt(BOTH), [Move(2, "b.1")])
    scene.ownership.adopt(moving)
    withdrawn = withdraw_moves(moving, {2})
    again = begin_moves(withdrawn, [Move(2, "b.1")])
    scene.ownership.adopt(withdrawn)
    scene.ownership.adopt(again)
    scene.clock.advance(0.1)
    assert scene.ownership.released == ((2, again.version),)
    assert scene.open_groups() == {0, 1, 3}


def test_what_a_view_takes_away_is_closed_at_once_and_given_back() -> None:
    scene = Scene()
    scene.adopt(ALONE)
    scene.ownership.adopt(remove_cell(BOTH, "a.1"))
    assert scene.open_groups() == set()
    scene.clock.advance(0.1)
    assert scene.shelf.held == set()


def test_a_group_that_was_lost_and_regained_between_two_views_is_taken_anew() -> None:
    scene = Scene()
    scene.adopt(ALONE)
    there = end_moves(begin_moves(BOTH, [Move(2, "b.1")]), {2})
    back = end_moves(begin_moves(there, [Move(2, "a.1")]), {2})
    scene.shelf.log.clear()
    scene.adopt(back)
    assert scene.shelf.log == ["release 2", "take 2"]
    assert scene.open_groups() == {0, 1, 2, 3}


def test_an_older_view_is_ignored() -> None:
    scene = Scene()
    scene.adopt(BOTH)
    scene.adopt(ALONE)
    assert scene.ownership.view == BOTH


def test_a_sealed_life_opens_nothing_and_says_so() -> None:
    scene = Scene()
    scene.shelf.errors = dict.fromkeys(range(GROUPS), Sealed("life a.1 is sealed"))
    scene.adopt(ALONE)
    scene.clock.advance(10.0)
    assert scene.open_groups() == set()
    assert scene.sealed >= 1
    assert scene.clock.timers() < 20


def test_it_says_when_nothing_is_under_way() -> None:
    scene = Scene()
    scene.ownership.adopt(ALONE)
    idle = scene.ownership.idle()
    assert not idle.settled
    scene.clock.advance(0.02)
    assert idle.settled
    assert scene.ownership.idle().settled


def test_once_closed_it_follows_no_view() -> None:
    scene = Scene()
    scene.adopt(ALONE)
    scene.ownership.close()
    scene.adopt(remove_cell(BOTH, "a.1"))
    assert scene.ownership.view == ALONE
