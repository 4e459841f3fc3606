"""Intake: activation on first use, bounds and what is beyond them, one message at a time, batches, reads."""

from __future__ import annotations

import pytest

from actors.errors import ChatError, Overloaded, Unavailable
from actors.runtime.actor import pinned_id
from actors.runtime.promise import Promise, resolved
from tests.kit.stage import HERE, Fetch, Note, Owners, Peek, Stage, Sum, X, Y, ending


def test_the_first_message_makes_the_instance_and_the_next_find_it() -> None:
    stage = Stage()
    stage.tell("one", "two")
    assert stage.run() == ["start", "one", "two"]
    stage.tell("three")
    assert stage.run() == ["three"]
    assert stage.cell.counters["live_player"] == 1


def test_a_handler_that_waits_holds_up_what_is_behind_it() -> None:
    stage = Stage()
    stage.tell("wait a", "two")
    assert stage.run() == ["start", "wait a"]
    stage.gate.resolve(None)
    assert stage.run() == ["waited a", "two"]


def test_a_coroutine_holds_up_what_is_behind_it_and_its_value_is_the_answer() -> None:
    stage = Stage()
    answer = stage.ask(Fetch("a"))
    stage.tell("two")
    assert stage.run() == ["start", "fetch a"]
    stage.gate.resolve("value")
    assert answer.result() == "value"
    assert stage.run() == ["fetched a", "two"]


def test_other_actors_go_on_while_one_waits() -> None:
    stage = Stage()
    stage.tell("wait a")
    stage.tell("mine", to=Y)
    assert stage.run() == ["start", "wait a", "start", "mine"]


def test_a_wait_that_is_over_at_once_keeps_the_order() -> None:
    stage = Stage()
    stage.gate = resolved(None)
    stage.tell("wait a", "wait b", "three")
    assert stage.run() == ["start", "wait a", "waited a", "wait b", "waited b", "three"]


def test_a_wait_that_is_over_at_once_and_stops_the_actor_loses_nothing_behind_it() -> None:
    stage = Stage()
    stage.gate = resolved(None)
    stage.tell("wait stop", "two")
    assert stage.run() == ["start", "wait stop", "waited stop", "two", "stop asked"]


def test_a_batch_handler_gets_contiguous_runs_up_to_its_limit() -> None:
    stage = Stage()
    stage.items(1, 2, 3, 4)
    stage.tell("between")
    stage.items(5, 6)
    assert stage.run() == ["start", "items 1 2 3", "items 4", "between", "items 5 6"]


def test_a_batch_that_waits_holds_up_the_next_batch() -> None:
    stage = Stage()
    stage.items(1, 100, 3, 4)
    assert stage.run() == ["start", "items 1 100 3"]
    stage.gate.resolve(None)
    assert stage.run() == ["waited items", "items 4"]


def test_a_request_to_a_batch_handler_is_answered_and_may_wait_once() -> None:
    stage = Stage()
    first, second = stage.ask(Sum(1)), stage.ask(Sum(100))
    stage.run()
    assert first.result() == 2
    assert not second.settled
    stage.gate.resolve("7")
    assert second.result() == 7


def test_reads_run_beside_a_handler_that_waits() -> None:
    stage = Stage()
    stage.tell("wait a")
    stage.run()
    read = stage.ask(Peek())
    stage.run()
    assert read.settled


def test_a_read_that_came_before_the_instance_was_there_is_answered_in_its_place() -> None:
    stage = Stage()
    read = stage.ask(Peek())
    stage.run()
    assert read.result() == ["start"]


def test_reads_beyond_their_bound_are_refused_and_those_under_way_end_well() -> None:
    stage = Stage(reads=2)
    stage.tell("one")
    stage.run()
    stage.read_gate = Promise()
    answers = [stage.ask(Peek()) for _ in range(3)]
    stage.run()
    assert ending(answers[2]) == (Overloaded, "overloaded")
    assert not answers[0].settled
    stage.read_gate.resolve(None)
    assert [a.settled for a in answers[:2]] == [True, True]
    later = stage.ask(Peek())
    stage.run()
    assert later.settled


def test_a_read_that_crashes_costs_only_its_own_answer() -> None:
    stage = Stage()
    stage.tell("one")
    stage.run()
    stage.read_error = RuntimeError("a bug")
    read = stage.ask(Peek())
    stage.tell("two")
    assert stage.run() == ["two"]
    assert ending(read) == (ChatError, "internal")
    assert stage.whats() == ["crashed"]


def test_a_read_may_refuse() -> None:
    stage = Stage()
    stage.read_error = ChatError("no_such_room")
    read = stage.ask(Peek())
    stage.run()
    assert ending(read) == (ChatError, "no_such_room")
    assert stage.reports == []


def full(stage: Stage) -> Stage:
    """Its player waits, and two messages wait behind it: the mailbox is full."""
    stage.tell("wait a")
    stage.run()
    stage.tell("two", "three")
    return stage


def test_an_ask_beyond_the_bound_is_refused_as_overloaded() -> None:
    stage = full(Stage(mailbox=2))
    assert ending(stage.ask(Fetch("x"))) == (Overloaded, "overloaded")
    stage.gate.resolve("v")
    assert stage.run() == ["waited a", "two", "three"]


def test_a_tell_beyond_the_bound_comes_back_to_its_origin() -> None:
    stage = full(Stage(mailbox=2))
    stage.tell("hello", to=Y)
    stage.run()
    stage.cell.tell(X, Note("mine", origin=Y))
    assert stage.run() == ["returned mine overloaded"]


def test_a_tell_beyond_the_bound_without_origin_is_dropped_and_counted() -> None:
    stage = full(Stage(mailbox=2))
    stage.tell("dropped")
    stage.gate.resolve(None)
    assert stage.run() == ["waited a", "two", "three"]
    assert stage.cell.counters["undelivered_overloaded"] == 1


def test_what_a_full_mailbox_refuses_is_counted_by_kind() -> None:
    stage = full(Stage(mailbox=2))
    stage.tell("dropped")
    stage.ask(Fetch("x"))
    assert stage.cell.counters["refused_overloaded_player"] == 2


def test_a_message_that_nobody_handles_is_reported() -> None:
    stage = Stage()
    stage.cell.tell(X, Unheard("?"))
    stage.run()
    assert stage.whats() == ["unhandled"]


def test_a_request_that_nobody_handles_is_refused() -> None:
    stage = Stage()
    promise = stage.ask(Unanswered())
    stage.run()
    assert ending(promise) == (ChatError, "invalid")


def test_telling_many_reaches_each_once() -> None:
    stage = Stage()
    stage.cell.tell_many([X, Y], Note("both"))
    assert stage.run() == ["start", "both", "start", "both"]


def test_what_lives_nowhere_is_refused_or_counted() -> None:
    stage = Stage()
    stage.cell.adopt(Owners(life=None))  # type: ignore[arg-type]
    assert ending(stage.ask(Fetch())) == (Unavailable, "unavailable")
    stage.tell("lost")
    assert stage.cell.counters["undelivered_no_owner"] == 1


def test_what_lives_elsewhere_and_has_no_link_is_refused_or_counted() -> None:
    stage = Stage()
    stage.cell.adopt(Owners("b.1"))
    assert ending(stage.ask(Fetch())) == (Unavailable, "unavailable")
    stage.tell("lost")
    assert stage.cell.counters["undelivered_no_link"] == 1


def test_a_pinned_address_lives_with_its_life_alone() -> None:
    stage = Stage()
    stage.tell("mine", to=pinned_id("pinned", HERE, "1"))
    assert stage.run() == ["start", "mine"]
    assert stage.cell.take(pinned_id("pinned", "b.1", "1"), Note("not mine")) == "not_owner"


def test_what_was_started_by_hand_and_is_gone_is_not_made_anew() -> None:
    stage = Stage()
    assert stage.cell.take(pinned_id("hand", HERE, "1"), Note("late")) == "gone"


def test_asks_go_only_to_a_higher_rank() -> None:
    stage = Stage()
    with pytest.raises(RuntimeError, match="rank"):
        stage.cell.ask(X, Fetch(), rank=1)


def test_a_handler_at_hand_runs_at_once_where_nothing_waits() -> None:
    stage = Stage()
    stage.tell("one")
    stage.run()
    activation = stage.cell.activation(X)
    assert activation is not None
    assert activation.offer(Note("now"))
    assert stage.log == ["now"]
    activation.offer(Note("wait a"))
    activation.offer(Note("later"))
    assert stage.log == ["now", "wait a"]
    stage.gate.resolve(None)
    assert stage.run() == ["now", "wait a", "waited a", "later"]


def test_one_cell_with_a_mistake_of_its_own_still_gives_the_others_their_turn() -> None:
    stage = Stage()
    stage.tell("one")
    stage.tell("one", to=Y)
    stage.run()

    def report(*what: object) -> None:
        raise ValueError("the reporter is broken")

    stage.cell._report = report
    stage.tell("raise x")
    stage.tell("mine", to=Y)
    with pytest.raises(ValueError, match="reporter"):
        stage.clock.run()
    assert "mine" in stage.run()


class Unheard(Note, frozen=True, gc=False):
    """Handled by nobody."""


class Unanswered(Fetch, frozen=True, gc=False):
    """Handled by nobody."""
