"""Links between cells of other views and versions, and with peers that do what they must not."""

from __future__ import annotations

import pytest

from actors.runtime.codec import Answers, Batch, CodecError, Receipt
from actors.runtime.inbound import Inbound
from actors.runtime.lane import BULK, LOADED, MAIN, OutOfStep
from actors.runtime.link import LINK_VERSION, agree_version
from actors.runtime.links import Links
from actors.runtime.view import CellInfo, add_cells
from tests.kit.clock import Clock
from tests.kit.local import RecordingLocal
from tests.kit.pair import CODEC, VIEW, A, B, Double, Note, Pair, X, Y

# --- views and versions -------------------------------------------------------------------------------------------------


def test_both_ends_hear_of_a_newer_view_from_each_other() -> None:
    pair = Pair()
    newer = add_cells(VIEW, [CellInfo("c.1", "c")])
    pair.other.adopt(newer)
    pair.tell(1)
    pair.clock.advance(0.1)
    assert pair.newer == [(A, 2)]
    pair.newer.clear()
    pair.links.adopt(add_cells(newer, [CellInfo("d.1", "d")]))
    pair.tell(2)
    pair.clock.advance(0.1)
    assert pair.newer == [(B, 3)]
    pair.links.adopt(VIEW)
    assert pair.links.version == 3


def test_an_answer_names_the_newer_view_too() -> None:
    pair = Pair()
    pair.ask(Double(1))
    pair.clock.advance(0.1)
    pair.other.adopt(add_cells(VIEW, [CellInfo("c.1", "c")]))
    pair.there.waiting[0][1].resolve(2)
    pair.clock.advance(0.1)
    assert pair.newer == [(A, 2)]


@pytest.mark.parametrize(
    ("theirs", "mine", "agreed"), [(1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 2), (3, 1, None), (1, 3, None), (0, 1, None), (-1, 1, None)]
)
def test_neighbouring_versions_understand_each_other(theirs: int, mine: int, agreed: int | None) -> None:
    assert agree_version(theirs, mine) == agreed


def test_cells_of_neighbouring_versions_connect_and_others_do_not() -> None:
    for version, connects in ((LINK_VERSION + 1, True), (LINK_VERSION + 2, False)):
        pair = Pair(connect=False)
        pair.network.join(B, pair.there, link_version=version).adopt(VIEW)
        pair.tell(1)
        pair.clock.advance(5.0)
        assert pair.numbers() == ([1] if connects else [])


# --- wrong peers --------------------------------------------------------------------------------------------------------


class SilentWire:
    """A connection that goes nowhere."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)

    def close(self) -> None:
        self.closed = True


def accepted(life: str = B) -> tuple[Inbound, SilentWire, Clock]:
    """The receiving end of a connection from a life."""
    clock, wire = Clock(), SilentWire()
    links = Links(A, CODEC, clock, RecordingLocal(), lambda cell, link: wire, lambda version: None)
    return links.accept(life, wire), wire, clock


@pytest.mark.parametrize(
    ("lane", "seq", "life"),
    [(MAIN, 2, B), (MAIN, 0, B), (MAIN, -1, B), (2, 1, B), (-1, 1, B), (BULK, 1, "c.1")],
)
def test_a_batch_out_of_step_ends_the_connection(lane: int, seq: int, life: str) -> None:
    inbound, _, _ = accepted()
    with pytest.raises(OutOfStep):
        inbound.received(CODEC.batch(lane, seq, 1, life, []))


def test_a_repeated_batch_is_not_taken_twice() -> None:
    inbound, wire, _ = accepted()
    frame = CODEC.batch(MAIN, 1, 1, B, [(X, 0, CODEC.encode(Note(1))[0])])
    inbound.received(frame)
    assert len(wire.sent) == 1
    with pytest.raises(OutOfStep):
        inbound.received(frame)
    assert inbound.counters["items"] == 1


def test_receipts_and_answers_that_belong_to_nothing_end_the_connection() -> None:
    inbound, _, _ = accepted()
    for frame in (Receipt(MAIN, 1, 1), Receipt(7, 1, 1), Answers(MAIN, 1, 1, [])):
        with pytest.raises(OutOfStep):
            inbound.received(CODEC.encode_frame(frame))
    pair = Pair()
    link = pair.link()
    wire = SilentWire()
    link.connected(wire)
    link.tell((X,), Note(1), *CODEC.encode(Note(1)))
    pair.clock.run()
    sent = CODEC.frame(wire.sent[0])
    assert isinstance(sent, Batch)
    for wrong in (
        Receipt(MAIN, 9, 1),
        Receipt(BULK, 1, 1),
        Receipt(5, 1, 1),
        Answers(5, 1, 1, []),
    ):
        with pytest.raises(OutOfStep):
            link.received(wire, CODEC.encode_frame(wrong))
    with pytest.raises(OutOfStep):
        link.received(wire, wire.sent[0])
    with pytest.raises(CodecError):
        link.received(wire, b"\xc1garbage")


@pytest.mark.parametrize("refusal", [(1, 0, "gone"), (0, 1, "gone"), (-1, 0, "gone"), (0, -1, "gone")])
def test_a_receipt_that_refuses_what_was_not_there_ends_the_connection(refusal: tuple[int, int, str]) -> None:
    pair = Pair()
    link = pair.link()
    wire = SilentWire()
    link.connected(wire)
    link.tell((X,), Note(1), *CODEC.encode(Note(1)))
    pair.clock.run()
    with pytest.raises(OutOfStep):
        link.received(wire, CODEC.encode_frame(Receipt(MAIN, 1, 1, [refusal])))


def test_a_second_connection_of_a_life_replaces_the_first() -> None:
    _, wire, clock = accepted()
    links = Links(A, CODEC, clock, RecordingLocal(), lambda cell, link: wire, lambda version: None)
    first, second = SilentWire(), SilentWire()
    old = links.accept(B, first)
    new = links.accept(B, second)
    assert (first.closed, second.closed) == (True, False)
    old.received(CODEC.batch(MAIN, 1, 1, B, [(X, 0, CODEC.encode(Note(1))[0])]))
    assert first.sent == []
    links.hung_up(old)
    new.received(CODEC.batch(MAIN, 1, 1, B, [(X, 0, CODEC.encode(Note(1))[0])]))
    assert len(second.sent) == 1
    assert links.info()[B]["in_items"] == 1


def test_a_link_to_a_replaced_connection_ignores_what_the_old_one_says() -> None:
    pair = Pair()
    link = pair.link()
    first, second = SilentWire(), SilentWire()
    link.connected(first)
    link.tell((X,), Note(1), *CODEC.encode(Note(1)))
    pair.clock.run()
    link.connected(second)
    assert first.closed
    assert pair.reasons() == {1: "lost"}
    link.received(first, CODEC.encode_frame(Receipt(MAIN, 1, 1)))
    link.disconnected(first)
    assert link.connected_now
    link.close()
    assert second.closed
    late = SilentWire()
    link.connected(late)
    assert late.closed


def test_the_figures_for_people_name_both_ends() -> None:
    pair = Pair()
    pair.other.tell(A, (Y,), Note(5))
    pair.tell(1)
    pair.clock.advance(0.1)
    info = pair.links.info()[B]
    assert (info["items"], info["in_items"], info["connected"], info["waiting"]) == (1, 1, 1, 0)


def test_totals_keep_what_links_that_have_ended_had_counted() -> None:
    pair = Pair()
    pair.other.tell(A, (Y,), Note(5))
    pair.tell(1)
    pair.clock.advance(0.1)
    before = pair.links.totals()
    assert (before["items"], before["in_items"], before["in_frames"]) == (1, 1, 1)
    pair.links.close()
    after = pair.links.totals()
    assert {name: after[name] for name in before if name != "breaks"} == {name: before[name] for name in before if name != "breaks"}


# --- under load both ends gather ----------------------------------------------------------------------------------------


def sent_items(wire: SilentWire) -> list[int]:
    """How many items each frame had."""
    frames = [CODEC.frame(frame) for frame in wire.sent]
    return [len(CODEC.items(frame)) for frame in frames if isinstance(frame, Batch)]


@pytest.mark.parametrize(("load", "frames"), [(LOADED, [LOADED, 2]), (LOADED - 1, [LOADED - 1, 1])])
def test_behind_a_large_frame_the_next_one_gathers_what_the_following_turns_bring(load: int, frames: list[int]) -> None:
    pair = Pair()
    link, wire = pair.link(), SilentWire()
    link.connected(wire)
    for number in range(load):
        pair.tell(number)
    pair.clock.run()
    pair.tell(100)
    link.received(wire, CODEC.encode_frame(Receipt(MAIN, 1, 1)))
    pair.clock.soon(pair.tell, 101)
    pair.clock.run()
    assert sent_items(wire) == frames


@pytest.mark.parametrize(("load", "at_once"), [(LOADED, 0), (LOADED - 1, 1)])
def test_the_receipt_of_a_large_frame_comes_a_few_turns_later(load: int, at_once: int) -> None:
    inbound, wire, clock = accepted()
    inbound.received(CODEC.batch(MAIN, 1, 1, B, [(X, 0, CODEC.encode(Note(number))[0]) for number in range(load)]))
    assert len(wire.sent) == at_once
    clock.run()
    assert [CODEC.frame(frame) for frame in wire.sent] == [Receipt(MAIN, 1, 0)]


def test_a_receipt_that_waits_is_not_sent_on_a_connection_that_has_ended() -> None:
    inbound, wire, clock = accepted()
    inbound.received(CODEC.batch(MAIN, 1, 1, B, [(X, 0, CODEC.encode(Note(number))[0]) for number in range(LOADED)]))
    inbound.disconnected()
    clock.run()
    assert wire.sent == []
