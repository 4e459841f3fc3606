"""What the load generator counts: deliveries and answers, and none of the other frames that a server sends between them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.events import Done, Entry, Event, Head, Move, Notice, Page, Pong, ReadMark, RoomChanged, RoomInfo, Sent
from cluster.bench.dialect import Account, Member
from cluster.bench.hall import Hall, Listener
from cluster.bench.pairs import Talker
from cluster.bench.side import Side
from gateway.wire import encode

ENTRY = Entry("r", 7, 1, "bob", n=2)
ANSWER = Sent("r", 2, 7, 1)
BETWEEN = [
    Move(["ws://elsewhere/ws"], "ticket", 4.0),
    Head("r", 7),
    Page(0, "r", [ENTRY], 7),
    Notice("maintenance", 1),
    Pong(1, 1),
    Done(1),
    ReadMark("r", "bob", 7),
    RoomChanged(RoomInfo("r", "direct"), 1),
]
"""Every kind that may come beside posts and spoils no measurement."""


class Line:
    """A connection that takes what is written; the tests say what comes back."""

    on_frame: Any = None

    def write(self, data: bytes) -> None:
        """Taken."""

    def comes(self, event: Event) -> None:
        """A frame in the middle of a stream."""
        text = encode(event)
        self.on_frame(b"before" + text + b"after", 6, 6 + len(text))


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def talker(line: Line) -> Talker:
    made = Talker(Member(line, Account("ann", "token")), b"post", "r", b"x")  # type: ignore[arg-type]
    asyncio.run(made.begin(firsts=0))
    made.post()
    return made


def test_a_talker_counts_deliveries_and_answers(line: Line, talker: Talker) -> None:
    line.comes(ENTRY)
    line.comes(ANSWER)
    assert (talker.received, talker.acked, talker.other) == (1, 1, {})


@pytest.mark.parametrize("event", BETWEEN, ids=lambda event: type(event).__name__)
def test_a_talker_takes_no_other_frame_for_a_delivery_or_an_answer(line: Line, talker: Talker, event: Event) -> None:
    line.comes(event)
    assert (talker.received, talker.acked) == (0, 0)
    assert list(talker.other.values()) == [1]


@pytest.mark.parametrize("event", [*BETWEEN, ENTRY, ANSWER], ids=lambda event: type(event).__name__)
def test_a_member_of_a_hall_has_a_post_by_its_delivery_or_its_answer_and_by_nothing_else(line: Line, event: Event) -> None:
    hall = Hall(Side(None, None), members=2)  # type: ignore[arg-type]
    line.on_frame = Listener(hall).frame
    line.comes(event)
    assert hall.deliveries == (1 if event in (ENTRY, ANSWER) else 0)
