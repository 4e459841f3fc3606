"""Handing slots over, losing them, and the end of the cell: nobody waits for ever, and nothing starts where it may not."""

from __future__ import annotations

import pytest

from actors.errors import Overloaded, Unavailable, Unknown
from actors.runtime.actor import pinned_id
from actors.runtime.promise import Promise
from actors.runtime.ring import SLOTS, slot_of
from tests.kit.stage import HERE, Fetch, Note, Peek, Stage, X, Y, ending


def test_closing_slots_lets_what_is_queued_be_done_first() -> None:
    stage = Stage()
    stage.tell("wait a", "two")
    stage.run()
    done = stage.cell.close_slots([slot_of(X)])
    stage.run()
    too_early = done.settled
    stage.gate.resolve(None)
    assert stage.run() == ["waited a", "two", "stop moved"]
    assert (too_early, done.settled) == (False, True)
    assert stage.cell.activation(X) is None


def test_closing_slots_leaves_the_others_alone() -> None:
    stage = Stage()
    stage.tell("one")
    stage.tell("one", to=Y)
    stage.run()
    assert stage.cell.close_slots([slot_of(X)]).settled is False
    stage.run()
    assert stage.cell.activation(Y) is not None


def test_while_slots_close_new_messages_are_refused_as_not_owned() -> None:
    stage = Stage()
    stage.tell("hello", to=Y)
    stage.tell("wait a")
    stage.run()
    stage.cell.close_slots([slot_of(X)])
    stage.cell.tell(X, Note("late", origin=Y))
    assert stage.cell.take(X, Note("late")) == "not_owner"
    assert ending(stage.ask(Fetch())) == (Unavailable, "unavailable")
    assert stage.run() == ["returned late not_owner"]


def test_closing_slots_where_nobody_is_active_is_done_at_once() -> None:
    stage = Stage()
    assert stage.cell.close_slots([slot_of(X)]).settled
    assert stage.cell.take(X, Note("late")) == "not_owner"


def test_closing_slots_waits_for_an_instance_that_is_starting_with_nothing_to_do() -> None:
    stage = Stage()
    stage.start_gate = Promise()
    stage.cell.activate(X)
    done = stage.cell.close_slots([slot_of(X)])
    stage.run()
    assert not done.settled
    stage.start_gate.resolve(None)
    assert stage.run() == ["start", "stop moved"]
    assert done.settled


def test_closing_slots_waits_for_the_stop_hook() -> None:
    stage = Stage()
    stage.tell("one")
    stage.run()
    stage.stop_gate = Promise()
    done = stage.cell.close_slots([slot_of(X)])
    stage.run()
    assert not done.settled
    stage.stop_gate.resolve(None)
    assert done.settled


def test_an_actor_that_crashes_while_its_slot_closes_gets_no_new_instance() -> None:
    stage = Stage()
    stage.tell("wait raise x", "two")
    behind = stage.ask(Fetch("b"))
    stage.run()
    done = stage.cell.close_slots([slot_of(X)])
    stage.gate.resolve(None)
    assert stage.run() == ["waited raise x"]
    assert done.settled
    assert ending(behind) == (Unavailable, "unavailable")


def test_a_hand_over_that_is_withdrawn_lets_the_actor_live_again() -> None:
    stage = Stage()
    stage.tell("one")
    stage.run()
    stage.cell.close_slots([slot_of(X)])
    stage.run()
    stage.cell.open_slots([slot_of(X)])
    stage.tell("two")
    assert stage.run() == ["start", "two"]


def test_dropping_slots_forgets_the_actor_at_once_and_refuses_who_waits() -> None:
    stage = Stage()
    stage.tell("hello", to=Y)
    stage.tell("wait a")
    stage.cell.tell(X, Note("behind", origin=Y))
    stage.run()
    behind = stage.ask(Fetch("b"))
    stage.cell.drop_slots([slot_of(X)])
    assert ending(behind) == (Unavailable, "unavailable")
    assert stage.run() == ["returned behind unavailable"]
    assert stage.cell.activation(X) is None
    stage.gate.resolve(None)
    stage.run()
    assert stage.cell.activation(X) is None


def test_who_asked_what_was_under_way_when_slots_were_dropped_is_answered_when_it_is_done() -> None:
    stage = Stage()
    answer = stage.ask(Fetch("a"))
    stage.run()
    stage.cell.drop_slots([slot_of(X)])
    stage.gate.resolve("done all the same")
    assert answer.result() == "done all the same"


def test_an_instance_whose_slot_is_dropped_while_it_starts_never_begins() -> None:
    stage = Stage()
    stage.start_gate = Promise()
    stage.tell("one")
    stage.run()
    stage.cell.drop_slots([slot_of(X)])
    stage.start_gate.resolve(None)
    stage.run()
    assert stage.cell.actor(X) is None
    stage.cell.open_slots([slot_of(X)])
    stage.tell("two")
    assert stage.run() == ["start", "two"]


def test_shutdown_stops_everybody_and_is_done_when_all_are_gone() -> None:
    stage = Stage()
    stage.tell("one")
    stage.tell("one", to=pinned_id("pinned", HERE, "1"))
    stage.run()
    done = stage.cell.shutdown()
    assert stage.run() == ["stop shutdown", "stop shutdown"]
    assert done.settled
    assert stage.cell.count() == 0


def test_what_comes_during_shutdown_starts_nothing_and_is_answered() -> None:
    stage = Stage()
    pinned = pinned_id("pinned", HERE, "1")
    stage.tell("one", to=pinned)
    stage.run()
    stage.stop_gate = Promise()
    done = stage.cell.shutdown()
    stage.run()
    late = stage.cell.ask(pinned, Peek())
    stage.tell("late", to=pinned)
    stage.stop_gate.resolve(None)
    assert stage.run() == []
    assert done.settled
    assert ending(late) == (Unavailable, "unavailable")
    assert ending(stage.cell.ask(pinned, Peek())) == (Unavailable, "unavailable")
    with pytest.raises(Overloaded):
        stage.cell.start_actor(pinned_id("hand", HERE, "1"), stage.play)


def test_an_actor_may_stop_itself_and_is_made_anew_by_the_next_message() -> None:
    stage = Stage()
    stage.tell("stop", "two")
    assert stage.run() == ["start", "stop", "two", "stop asked"]
    stage.tell("three")
    assert stage.run() == ["start", "three"]


def test_what_comes_during_the_stop_hook_waits_for_the_next_instance() -> None:
    stage = Stage()
    stage.stop_gate = Promise()
    stage.tell("stop")
    stage.run()
    stage.tell("two")
    assert stage.run() == []
    stage.stop_gate.resolve(None)
    assert stage.run() == ["start", "two"]


def test_an_ask_that_is_not_answered_in_time_ends_unknown_and_may_still_be_done() -> None:
    stage = Stage()
    answer = stage.ask(Fetch("a"), timeout=2.0)
    stage.run(1.9)
    assert not answer.settled
    stage.run(0.2)
    assert ending(answer) == (Unknown, "unknown_outcome")
    stage.gate.resolve("late")
    assert stage.run() == ["fetched a"]


def test_an_answered_ask_leaves_no_timer() -> None:
    stage = Stage()
    before = stage.clock.timers()
    answer = stage.ask(Fetch("a"))
    stage.run()
    stage.gate.resolve("v")
    assert answer.result() == "v"
    assert stage.clock.timers() == before


def test_nobody_owns_slots_that_were_never_opened() -> None:
    stage = Stage()
    stage.cell.close_slots(range(SLOTS))
    assert not stage.cell.owns(X)
    stage.cell.open_slots([slot_of(X)])
    assert stage.cell.owns(X)
