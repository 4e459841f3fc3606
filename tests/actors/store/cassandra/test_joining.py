"""Reads that ask the same while it is on its way: one query, and nobody is answered from before what it must see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.store.cassandra.joining import Joining
from actors.store.cassandra.steps import Answers, Ask, Asks, Rows
from actors.store.store import StoreUnavailable

HEAD, OTHER = Ask("HEAD", ("r1",)), Ask("HEAD", ("r2",))
WRITE = Ask("PUT HEAD", ("r1", 1, 1, 1))
APPEND = Ask("APPEND", (1, b"", b"", "a", 0, 0, 0, b""))
ROWS: Rows = [("r1", 1, 1)]


class HandPort:
    """A port that answers when it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[Asks, Callable[[Any], None]]] = []

    def send(self, asks: Asks, done: Callable[[Answers | Exception], None]) -> None:
        self.sent.append((asks, done))

    def write(self, asks: Asks, done: Callable[[Exception | None], None]) -> None:
        self.sent.append((asks, done))

    def answer(self, number: int, value: Any) -> None:
        self.sent[number][1](value)


def test_the_same_read_that_is_under_way_is_joined_and_all_get_its_answer() -> None:
    port, got = HandPort(), []
    joining = Joining(port)
    for _ in range(1000):
        joining.send([HEAD], got.append)
    assert [asks for asks, _ in port.sent] == [(HEAD,)]
    port.answer(0, [ROWS])
    assert got == [[ROWS]] * 1000
    assert joining.counts == {"read": 1, "joined": 999}


def test_a_read_after_the_answer_is_a_query_of_its_own() -> None:
    port, got = HandPort(), []
    joining = Joining(port)
    joining.send([HEAD], got.append)
    port.answer(0, [[]])
    joining.send([HEAD], got.append)
    port.answer(1, [ROWS])
    assert got == [[[]], [ROWS]]


def test_reads_of_other_values_are_not_joined_and_parts_of_several_are() -> None:
    port, first, second = HandPort(), [], []
    joining = Joining(port)
    joining.send([HEAD, OTHER], first.append)
    joining.send([OTHER], second.append)
    assert [asks for asks, _ in port.sent] == [(HEAD,), (OTHER,)]
    port.answer(1, [[]])
    assert second == [[[]]] and first == []
    port.answer(0, [ROWS])
    assert first == [[ROWS, []]]


def test_what_was_sent_before_a_write_to_the_tables_ended_is_not_joined() -> None:
    for write in ("write", "send"):
        port, got, done = HandPort(), [], []
        joining = Joining(port)
        joining.send([HEAD], got.append)
        getattr(joining, write)([WRITE], done.append)
        port.answer(1, None)  # it is in the tables: who reads from here on must see it
        joining.send([HEAD], got.append)
        assert len(port.sent) == 3 and done == [None]
        port.answer(0, [[]])  # the old one hears late, and takes nothing from the new one
        joining.send([HEAD], got.append)
        assert len(port.sent) == 3
        port.answer(2, [ROWS])
        assert got == [[[]], [ROWS], [ROWS]]


def test_an_append_changes_no_table_and_hinders_no_joining() -> None:
    port, got, done = HandPort(), [], []
    joining = Joining(port)
    joining.send([HEAD], got.append)
    joining.send([APPEND], done.append)
    port.answer(1, [[(True,)]])
    joining.send([HEAD], got.append)
    assert len(port.sent) == 2 and joining.counts == {"read": 1, "joined": 1, "append": 1}


def test_who_joined_a_read_that_fails_hears_of_it_once() -> None:
    port, one, several = HandPort(), [], []
    joining = Joining(port)
    joining.send([HEAD], one.append)
    joining.send([HEAD, OTHER], several.append)
    failure = StoreUnavailable("timed out")
    port.answer(0, failure)
    port.answer(1, [[]])
    assert one == [failure] and several == [failure]


def test_nothing_asked_is_answered_at_once() -> None:
    got: list[Any] = []
    Joining(HandPort()).send([], got.append)
    assert got == [[]]
