"""Broken connections: an exact account of everything that is or may be lost."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.errors import Unavailable, Unknown
from actors.runtime.lane import Limits
from actors.runtime.link import PATIENCE_S
from actors.runtime.view import remove_cell
from tests.kit.network import DEAD_AFTER_S
from tests.kit.pair import VIEW, A, B, Double, Pair, error_of

# --- broken connections -------------------------------------------------------------------------------------------------


def test_a_broken_connection_reports_what_was_sent_as_lost_and_what_waited_as_not_sent() -> None:
    pair = Pair()
    pair.network.delay(A, B, 1.0)
    pair.tell(1)
    sent = pair.ask(Double(1))
    pair.clock.advance(0.1)
    pair.tell(2)
    unsent = pair.ask(Double(2))
    pair.network.drop(A, B)
    assert pair.reasons() == {1: "lost", 2: "no_link"}
    assert (error_of(sent), error_of(unsent)) == (Unknown, Unavailable)
    assert pair.here.lost == [B]
    pair.clock.advance(10.0)
    assert pair.numbers() == []
    assert pair.there.waiting == []


def test_a_frame_that_arrived_but_whose_receipt_was_lost_may_be_lost_and_is_not_sent_again() -> None:
    pair = Pair()
    pair.network.delay(B, A, 1.0)
    pair.tell(1)
    pair.clock.advance(0.5)
    assert pair.numbers() == [1]
    pair.network.drop(A, B)
    pair.clock.advance(10.0)
    assert pair.reasons() == {1: "lost"}
    assert pair.numbers() == [1]


def test_an_answer_on_its_way_when_the_connection_breaks_leaves_an_unknown_outcome() -> None:
    pair = Pair()
    ask = pair.ask(Double(1))
    pair.clock.advance(0.1)
    pair.network.delay(B, A, 1.0)
    pair.there.waiting[0][1].resolve(2)
    pair.clock.advance(0.5)
    pair.network.drop(A, B)
    assert error_of(ask) is Unknown


def test_an_answer_after_the_connection_broke_goes_nowhere() -> None:
    pair = Pair()
    ask = pair.ask(Double(1))
    pair.clock.advance(0.1)
    pair.network.drop(A, B)
    pair.clock.advance(1.0)
    pair.there.waiting[0][1].resolve(2)
    pair.clock.advance(1.0)
    assert error_of(ask) is Unknown


def test_after_a_break_the_link_comes_back_and_order_starts_anew() -> None:
    pair = Pair()
    for number in range(3):
        pair.tell(number)
        pair.clock.advance(0.1)
        pair.network.drop(A, B)
        pair.clock.advance(0.2)
    pair.tell(3)
    pair.clock.advance(0.1)
    assert pair.numbers() == [0, 1, 2, 3]
    assert pair.here.lost == [B] * 3
    assert pair.reasons() == {}


def test_what_the_cell_tells_when_it_hears_of_the_break_goes_with_the_next_connection() -> None:
    pair = Pair()
    pair.here.on_lost = lambda life: pair.tell(100)
    pair.network.drop(A, B)
    pair.clock.advance(0.5)
    assert pair.numbers() == [100]
    assert pair.here.lost == [B]


def test_what_was_dropped_unsent_does_not_confuse_what_is_sent_later() -> None:
    pair = Pair()
    pair.network.delay(A, B, 1.0)
    pair.tell(1)
    pair.clock.advance(0.1)
    pair.tell(2)
    pair.network.drop(A, B)
    pair.network.delay(A, B, 0.001)
    pair.clock.advance(2.0)
    ask = pair.ask(Double(1), timeout=1.0)
    pair.clock.advance(2.0)
    assert error_of(ask) is Unknown


def test_items_wait_for_the_first_connection() -> None:
    pair = Pair(connect=False)
    pair.tell(1)
    ask = pair.ask(Double(1))
    pair.clock.advance(PATIENCE_S / 2)
    pair.start_other()
    pair.there.answer = lambda to, request: 2
    pair.clock.advance(PATIENCE_S)
    assert pair.numbers() == [1]
    assert ask.result() == 2


def test_without_a_connection_patience_ends_and_later_tells_fail_at_once() -> None:
    pair = Pair(connect=False)
    pair.tell(1)
    ask = pair.ask(Double(1), timeout=60.0)
    pair.clock.advance(PATIENCE_S - 0.01)
    assert (pair.reasons(), ask.settled) == ({}, False)
    pair.clock.advance(0.02)
    assert pair.reasons() == {1: "no_link"}
    assert error_of(ask) is Unavailable
    pair.tell(2)
    assert error_of(pair.ask(Double(2))) is Unavailable
    pair.clock.run()
    assert pair.reasons() == {1: "no_link", 2: "no_link"}
    assert pair.here.lost == []
    pair.start_other()
    pair.clock.advance(5.0)
    assert pair.here.lost == [B]
    pair.tell(3)
    pair.clock.advance(0.1)
    assert pair.numbers() == [3]


def test_a_silent_cut_ends_the_link_after_a_while_both_ways_and_one_way() -> None:
    for one_way in ((A, B), (B, A), None):
        pair = Pair()
        if one_way:
            pair.network.cut_one_way(*one_way)
        else:
            pair.network.cut(A, B)
        pair.tell(1)
        pair.clock.advance(DEAD_AFTER_S - 0.1)
        assert pair.reasons() == {}
        pair.clock.advance(0.2)
        assert pair.reasons() == {1: "lost"}
        assert pair.here.lost == [B]
        assert pair.numbers() == ([1] if one_way == (B, A) else [])
        pair.network.heal(A, B)
        pair.clock.advance(5.0)
        pair.tell(2)
        pair.clock.advance(0.1)
        assert pair.numbers()[-1] == 2


def test_a_short_cut_loses_nothing() -> None:
    pair = Pair()
    pair.network.cut(A, B)
    for number in range(10):
        pair.tell(number)
        pair.clock.advance(0.1)
    pair.network.heal(A, B)
    pair.clock.advance(DEAD_AFTER_S)
    assert pair.numbers() == list(range(10))
    assert (pair.here.lost, pair.reasons()) == ([], {})


def test_a_killed_life_breaks_the_link_and_its_removal_from_the_view_closes_it() -> None:
    pair = Pair()
    pair.network.kill(B)
    assert pair.here.lost == [B]
    pair.tell(1)
    ask = pair.ask(Double(1))
    pair.clock.advance(0.2)
    assert pair.reasons() == {}
    pair.links.adopt(remove_cell(VIEW, B))
    assert pair.reasons() == {1: "no_link"}
    assert error_of(ask) is Unavailable
    pair.tell(2)
    assert error_of(pair.ask(Double(1))) is Unavailable
    pair.clock.run()
    assert pair.reasons() == {1: "no_link", 2: "no_link"}
    assert pair.links.link(B) is None
    pair.clock.advance(10.0)
    assert pair.clock.timers() == 0


def test_closing_ends_every_connection_and_reports_what_was_on_its_way() -> None:
    pair = Pair()
    pair.network.delay(A, B, 1.0)
    pair.tell(1)
    ask = pair.ask(Double(1))
    pair.clock.advance(0.1)
    pair.links.close()
    assert pair.reasons() == {1: "lost"}
    assert error_of(ask) is Unknown
    pair.tell(2)
    pair.clock.advance(1.0)
    assert pair.reasons() == {1: "lost", 2: "no_link"}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("tell"), st.integers(1, 30)),
            st.tuples(st.just("advance"), st.sampled_from([0.0, 0.001, 0.01, 0.3])),
            st.tuples(st.sampled_from(["drop", "cut", "heal"]), st.just(0)),
        ),
        max_size=40,
    )
)
def test_whatever_breaks_nothing_comes_twice_order_holds_and_every_loss_is_reported(steps: list[tuple[str, Any]]) -> None:
    pair = Pair(Limits(items=40, frame_items=7))
    told = 0
    for action, value in steps:
        if action == "tell":
            for _ in range(value):
                pair.tell(told)
                told += 1
        elif action == "advance":
            pair.clock.advance(value)
        else:
            getattr(pair.network, action)(A, B)
    pair.network.heal(A, B)
    pair.clock.advance(30.0)
    arrived, reported = pair.numbers(), pair.reasons()
    assert arrived == sorted(set(arrived))
    assert set(arrived) | set(reported) == set(range(told))
    # Only what may be lost may also have arrived.
    assert all(reported[number] == "lost" for number in set(arrived) & set(reported))
    assert len(reported) == len(pair.here.undelivered_items)
