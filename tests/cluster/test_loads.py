"""The board of loads."""

from __future__ import annotations

from actors.runtime.codec import pack, unpack
from cluster.loads import HEARD_S, MANY, Load, LoadBoard


def test_cells_heard_of_lately_are_listed_by_name() -> None:
    board = LoadBoard()
    board.note(Load("b.1", "b", connections=3), 10.0)
    board.note(Load("a.1", "a"), 10.5)
    assert [load.name for load in board.living(11.0)] == ["a", "b"]


def test_a_cell_that_says_nothing_is_listed_no_more() -> None:
    board = LoadBoard()
    board.note(Load("a.1", "a"), 10.0)
    assert board.living(10.0 + HEARD_S) != []
    assert board.living(10.1 + HEARD_S) == []


def test_a_life_that_is_emptied_and_its_successor_are_both_listed() -> None:
    board = LoadBoard()
    board.note(Load("a.1", "a"), 10.0)
    board.note(Load("a.2", "a"), 10.2)
    assert [load.life for load in board.living(10.3)] == ["a.1", "a.2"]


def test_lives_that_are_silent_are_forgotten_when_there_are_many() -> None:
    board = LoadBoard()
    for number in range(5 * MANY):
        board.note(Load(f"a.{number}", "a"), float(number))
    assert board.known <= MANY + 1


def test_a_dead_life_is_forgotten_and_its_successor_is_not() -> None:
    board = LoadBoard()
    board.note(Load("a.1", "a"), 10.0)
    board.note(Load("b.2", "b"), 10.0)
    board.forget("a.1")
    board.forget("b.1")
    assert [load.life for load in board.living(10.1)] == ["b.2"]


def test_a_load_of_a_version_with_fewer_or_more_fields_is_read() -> None:
    full = Load("a.1", "a", "https://a.example", 5, 2.0, 0.1, 0.5, 7, True, ((3, 90.0),))
    assert unpack(Load, pack(full)) == full
    assert unpack(Load, pack(["a.1", "a", "https://a.example", 5])) == Load("a.1", "a", "https://a.example", 5)
    assert unpack(Load, pack([*unpack(list[object], pack(full)), "of a later version"])) == full
