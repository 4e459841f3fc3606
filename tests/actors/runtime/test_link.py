"""Links between cells that are connected: order, batches, bounds, receipts, asks."""

from __future__ import annotations

import pytest

from actors.errors import ChatError, Overloaded, Unavailable, Unknown
from actors.runtime.actor import ActorId
from actors.runtime.codec import Codec, CodecError, Encoded
from actors.runtime.lane import Limits
from actors.runtime.plain import Message
from actors.runtime.view import CellInfo, add_cells
from tests.kit.pair import CODEC, VIEW, A, B, Double, Note, Page, Pair, Unsaid, X, Y, Z, error_of, number_of

# --- order and batches --------------------------------------------------------------------------------------------------


def test_tells_arrive_in_order_and_those_of_one_turn_share_a_frame() -> None:
    pair = Pair()
    for number in range(50):
        pair.tell(number)
    pair.clock.advance(0.1)
    assert pair.numbers() == list(range(50))
    assert pair.frames() == 1
    assert pair.reasons() == {}


def test_one_frame_is_in_flight_and_what_is_told_meanwhile_becomes_the_next() -> None:
    pair = Pair()
    pair.network.delay(A, B, 1.0)
    pair.tell(0)
    pair.clock.advance(0.1)
    for number in range(1, 100):
        pair.tell(number)
        pair.clock.advance(0.001)
    assert (pair.frames(), pair.numbers()) == (1, [])
    pair.clock.advance(5.0)
    assert (pair.frames(), pair.numbers()) == (2, list(range(100)))


def test_one_message_to_many_targets_is_one_item_and_arrives_at_each() -> None:
    pair = Pair()
    pair.links.tell(B, (X, Y, Z), Note(1))
    pair.clock.advance(0.1)
    assert [to for to, _ in pair.there.taken] == [X, Y, Z]
    link = pair.link()
    assert link.counters["items"] == 1


def test_one_message_to_many_lives_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair()
    pair.links.adopt(add_cells(VIEW, [CellInfo("c.1", "c")]))
    encoded = []
    encode = CODEC.encode

    def counting(message: Message) -> tuple[Encoded, int]:
        encoded.append(message)
        return encode(message)

    monkeypatch.setattr(CODEC, "encode", counting)
    note = Note(7)
    pair.links.tell(B, (X,), note)
    pair.links.tell("c.1", (Y,), note)
    pair.links.tell(B, (X,), Note(8))
    assert encoded == [Note(7), Note(8)]


def test_frames_are_bounded_and_a_queue_goes_in_several() -> None:
    pair = Pair(Limits(frame_items=10))
    for number in range(35):
        pair.tell(number)
    pair.clock.advance(1.0)
    assert (pair.frames(), pair.numbers()) == (4, list(range(35)))


def test_frames_are_bounded_in_bytes_and_a_large_item_has_its_own() -> None:
    pair = Pair(Limits(frame_bytes=1000))
    for number, size in enumerate((10, 5000, 10, 400, 700)):
        pair.links.tell(B, (X,), Note(number, "x" * size))
    pair.clock.advance(1.0)
    assert pair.numbers() == [0, 1, 2, 3, 4]
    assert pair.frames() == 4


def test_a_page_on_the_bulk_lane_does_not_hold_up_a_post() -> None:
    pair = Pair(Limits(frame_items=1))
    pages = [pair.ask(Page(10)) for _ in range(20)]
    pair.tell(1)
    pair.clock.advance(0.0015)
    assert pair.numbers() == [1]
    assert len(pair.there.waiting) == 1
    pair.clock.advance(1.0)
    for _, promise in pair.there.waiting:
        promise.resolve("page")
    pair.clock.advance(1.0)
    assert [page.result() for page in pages] == ["page"] * 20


# --- refusals and bounds ------------------------------------------------------------------------------------------------


def test_what_the_receiver_refuses_is_reported_item_by_item() -> None:
    pair = Pair()
    pair.there.refuse = {Y: "not_owner", Z: "overloaded"}
    pair.links.tell(B, (X, Y), Note(1))
    pair.tell(2, Z)
    pair.tell(3)
    pair.clock.advance(0.1)
    assert pair.numbers() == [1, 3]
    assert pair.here.undelivered_items == [(Y, Note(1), "not_owner"), (Z, Note(2), "overloaded")]
    assert pair.here.lost == []


def test_beyond_the_bound_in_items_tells_are_reported_and_heads_are_owed_when_there_is_room() -> None:
    pair = Pair(Limits(items=10))
    for number in range(13):
        pair.tell(number)
    assert pair.here.undelivered_items == []
    pair.clock.run()
    assert pair.reasons() == dict.fromkeys((10, 11, 12), "overloaded")
    assert pair.here.lost == []
    pair.clock.advance(0.1)
    assert pair.here.lost == [B]
    assert pair.numbers() == list(range(10))
    pair.tell(99)
    pair.clock.advance(1.0)
    assert pair.numbers()[-1] == 99
    assert pair.here.lost == [B]


def test_beyond_the_bound_in_bytes_tells_are_reported() -> None:
    pair = Pair(Limits(bytes=1000))
    for number in range(3):
        pair.links.tell(B, (X,), Note(number, "x" * 400))
    pair.links.tell(B, (X,), Note(3, "x" * 2000))
    pair.clock.advance(0.1)
    assert pair.numbers() == [0, 1]
    assert pair.reasons() == {2: "overloaded", 3: "overloaded"}


def test_one_message_to_more_targets_than_the_bound_still_goes() -> None:
    pair = Pair(Limits(items=10))
    pair.links.tell(B, tuple(ActorId(f"s:{number}") for number in range(25)), Note(1))
    pair.clock.advance(0.1)
    assert len(pair.there.taken) == 25


def test_the_lanes_have_bounds_of_their_own() -> None:
    pair = Pair(Limits(items=5))
    pages = [pair.ask(Page(1)) for _ in range(7)]
    for number in range(5):
        pair.tell(number)
    assert [page.settled and error_of(page) for page in pages[4:]] == [False, Overloaded, Overloaded]
    pair.clock.advance(0.1)
    assert pair.numbers() == [0, 1, 2, 3, 4]


def test_asks_without_an_answer_are_bounded() -> None:
    pair = Pair(Limits(asks=3))
    asks = [pair.ask(Double(1)) for _ in range(4)]
    assert error_of(asks[3]) is Overloaded
    pair.clock.advance(0.1)
    pair.there.waiting[0][1].resolve(2)
    pair.clock.advance(0.1)
    assert not pair.ask(Double(1)).settled


def test_a_message_that_is_not_plain_is_an_error_of_the_caller_and_harms_nobody() -> None:
    pair = Pair()
    pair.tell(1)
    with pytest.raises(CodecError):
        pair.links.tell(B, (X,), Note(object()))  # type: ignore[arg-type]
    with pytest.raises(CodecError):
        pair.ask(Double(object()))  # type: ignore[arg-type]
    pair.tell(2)
    pair.clock.advance(0.1)
    assert pair.numbers() == [1, 2]


def test_a_message_that_the_receiver_does_not_know_is_refused_alone() -> None:
    pair = Pair()
    newer = Codec([Note, Unsaid])
    pair.links._codec = newer
    link = pair.link()
    link._codec = newer
    pair.tell(1)
    pair.links.tell(B, (X, Y), Unsaid(2))
    pair.tell(3)
    pair.clock.advance(0.1)
    assert pair.numbers() == [1, 3]
    assert pair.here.undelivered_items == [(X, Unsaid(2), "gone"), (Y, Unsaid(2), "gone")]


# --- asks ---------------------------------------------------------------------------------------------------------------


def test_an_ask_is_answered_with_a_value_or_with_the_error_of_the_handler() -> None:
    pair = Pair()
    pair.there.answer = lambda to, request: 2 * number_of(request) if number_of(request) else ChatError("expected", n=4, retry_after=0.5)
    good, bad = pair.ask(Double(21)), pair.ask(Double(0))
    pair.clock.advance(0.1)
    assert good.result() == 42
    assert isinstance(bad.error, ChatError)
    assert (bad.error.code, bad.error.fields, bad.error.retry_after) == ("expected", {"n": 4}, 0.5)
    assert pair.clock.timers() <= 1


def test_answers_find_their_asks_in_any_order() -> None:
    pair = Pair()
    asks = [pair.ask(Double(number)) for number in range(5)]
    pair.clock.advance(0.1)
    for request, promise in reversed(pair.there.waiting):
        promise.resolve(2 * number_of(request))
        pair.clock.advance(0.01)
    assert [ask.result() for ask in asks] == [0, 2, 4, 6, 8]


def test_an_ask_that_nobody_there_owns_is_unavailable() -> None:
    pair = Pair()
    pair.there.refuse = {X: "not_owner"}
    ask = pair.ask(Double(1))
    pair.clock.advance(0.1)
    assert error_of(ask) is Unavailable


def test_a_sent_ask_that_runs_out_of_time_is_unknown_and_a_late_answer_is_ignored() -> None:
    pair = Pair()
    ask = pair.ask(Double(1), timeout=2.0)
    pair.clock.advance(1.9)
    assert not ask.settled
    pair.clock.advance(0.2)
    assert error_of(ask) is Unknown
    pair.there.waiting[0][1].resolve(2)
    pair.clock.advance(0.1)
    again = pair.ask(Double(2))
    pair.clock.advance(0.1)
    pair.there.waiting[1][1].resolve(4)
    pair.clock.advance(0.1)
    assert again.result() == 4


def test_an_ask_that_runs_out_of_time_before_it_was_sent_is_never_done() -> None:
    pair = Pair()
    pair.network.delay(B, A, 3.0)
    pair.tell(1)
    pair.clock.advance(0.1)
    first, second = pair.ask(Double(1), timeout=1.0), pair.ask(Double(2), timeout=10.0)
    pair.tell(2)
    pair.clock.advance(1.5)
    assert error_of(first) is Unavailable
    pair.clock.advance(3.0)
    assert [number_of(request) for request, _ in pair.there.waiting] == [2]
    assert pair.numbers() == [1, 2]
    pair.there.waiting[0][1].resolve(4)
    pair.clock.advance(5.0)
    assert second.result() == 4
    assert pair.reasons() == {}


def test_a_handler_that_crashed_leaves_an_unknown_outcome() -> None:
    pair = Pair()
    ask = pair.ask(Double(1))
    pair.clock.advance(0.1)
    pair.there.waiting[0][1].reject(KeyError("planted"))
    pair.clock.advance(0.1)
    assert error_of(ask) is Unknown


@pytest.mark.parametrize("value", [object(), "not a number"])
def test_an_answer_that_cannot_be_sent_or_read_leaves_an_unknown_outcome(value: object) -> None:
    pair = Pair()
    ask = pair.ask(Double(1))
    pair.clock.advance(0.1)
    pair.there.waiting[0][1].resolve(value)
    pair.clock.advance(0.1)
    assert error_of(ask) is Unknown
    pair.tell(1)
    pair.clock.advance(0.1)
    assert pair.numbers() == [1]


def test_answers_that_the_asker_does_not_take_shrink_to_unknown() -> None:
    pair = Pair(Limits(bytes=1000))
    pair.network.delay(A, B, 0.5)
    asks = [pair.ask(Page(1)) for _ in range(6)]
    pair.clock.advance(1.0)
    pair.there.waiting[0][1].resolve("first")
    pair.clock.advance(0.01)
    for _, promise in pair.there.waiting[1:]:
        promise.resolve("x" * 400)
    pair.clock.advance(3.0)
    assert asks[0].result() == "first"
    assert [ask.error is None for ask in asks[1:]] == [True, True, False, False, False]
    assert {error_of(ask) for ask in asks[3:]} == {Unknown}
