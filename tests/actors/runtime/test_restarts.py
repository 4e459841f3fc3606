"""What a crash costs: the instance, never the mailbox; restarts have a limit, and repeat offenders are set aside."""

from __future__ import annotations

from actors.errors import ChatError, Overloaded, Unavailable, Unknown
from actors.runtime.actor import pinned_id
from actors.runtime.restarts import RestartPolicy, Restarts
from tests.kit.stage import HERE, Awake, Fetch, Note, Peek, Player, Stage, X, Y, ending


def test_after_a_crash_a_new_instance_takes_the_mailbox_in_its_order() -> None:
    stage = Stage()
    stage.tell("one", "raise two", "three")
    assert stage.run() == ["start", "one", "raise two", "start", "raise two", "start", "three"]
    assert stage.made == 3


def test_a_message_that_crashes_alone_as_well_is_set_aside_and_reported() -> None:
    stage = Stage()
    stage.tell("raise one")
    stage.run()
    assert stage.whats() == ["crashed", "set_aside", "crashed"]
    assert (stage.cell.counters["crashed_player"], stage.cell.counters["set_aside_player"]) == (2, 1)


def test_of_a_crashed_batch_each_is_run_again_alone() -> None:
    stage = Stage()
    stage.items(1, -2, 3, 4)
    assert stage.run() == ["start", "items 1 -2 3", "start", "items 1", "items -2", "start", "items 3", "items 4"]
    assert stage.whats() == ["crashed", "set_aside", "crashed"]


def test_a_batch_that_crashes_after_its_wait_is_run_again_before_what_came_meanwhile() -> None:
    stage = Stage()
    stage.items(1, 100)
    stage.run()
    stage.items(5)
    stage.gate.reject(RuntimeError("the store"))
    assert stage.run() == ["start", "items 1", "items 100", "start", "items 5"]


def test_who_asked_for_what_crashed_gets_unknown_and_it_is_not_run_again() -> None:
    stage = Stage()
    answer = stage.ask(Fetch("a"))
    stage.run()
    stage.gate.reject(RuntimeError("a bug"))
    stage.tell("two")
    assert stage.run() == ["start", "two"]
    assert ending(answer) == (Unknown, "unknown_outcome")


def test_who_waits_behind_a_crash_is_answered_by_the_next_instance() -> None:
    stage = Stage()
    stage.tell("raise one")
    read = stage.ask(Peek())
    stage.run()
    assert "start" in read.result()


def test_beyond_the_limit_the_address_is_left_alone_and_everybody_is_told_how_long() -> None:
    stage = Stage()
    stage.tell("raise 1", "raise 2", "raise 3")
    answer = stage.ask(Fetch("behind"))
    stage.run()
    assert ending(answer) == (Unavailable, "unavailable")
    assert answer.error is not None and answer.error.retry_after == 60.0  # type: ignore[attr-defined]
    assert stage.cell.activation(X) is None
    assert ending(stage.ask(Fetch("later"))) == (Unavailable, "unavailable")
    assert stage.cell.take(X, Note("told")) == "gone"
    stage.run(60.0)
    stage.tell("again")
    assert stage.run() == ["start", "again"]


def test_crashes_of_one_actor_do_not_count_for_another() -> None:
    stage = Stage()
    stage.tell("raise 1", "raise 2", "raise 3")
    stage.tell("mine", to=Y)
    assert "mine" in stage.run()


def test_reload_discards_the_instance_and_is_no_crash() -> None:
    stage = Stage()
    stage.tell("reload", "two")
    assert stage.run() == ["start", "reload", "start", "two"]
    assert stage.reports == []


def test_who_asked_for_what_ended_in_a_reload_gets_its_answer() -> None:
    stage = Stage()
    answer = stage.ask(Fetch("reload"))
    stage.run()
    assert ending(answer) == (ChatError, "unavailable")


def test_lost_ownership_lets_the_actor_go_refuses_who_waits_and_is_told_of() -> None:
    stage = Stage()
    stage.tell("hello", to=Y)
    stage.tell("lose")
    stage.cell.tell(X, Note("behind", origin=Y))
    answer = stage.ask(Fetch("a"))
    assert stage.run() == ["start", "hello", "start", "lose", "returned behind unavailable"]
    assert ending(answer) == (Unavailable, "unavailable")
    assert stage.lost == [X]
    assert stage.cell.activation(X) is None


def test_a_start_that_refuses_answers_everybody_and_leaves_nothing_behind() -> None:
    stage = Stage()
    stage.start_error = ChatError("no_such_room")
    answer = stage.ask(Fetch("a"))
    stage.run()
    assert ending(answer) == (ChatError, "no_such_room")
    assert stage.cell.count() == 0
    assert stage.reports == []


def test_a_start_that_crashes_counts_and_is_tried_again_by_the_next_message() -> None:
    stage = Stage()
    stage.start_error = RuntimeError("a bug")
    answer = stage.ask(Fetch("a"))
    stage.run()
    assert ending(answer) == (Unavailable, "unavailable")
    assert stage.whats() == ["crashed"]
    stage.start_error = None
    stage.tell("one")
    assert stage.run() == ["start", "one"]


def test_an_instance_started_by_hand_has_last_words_and_no_successor() -> None:
    stage = Stage()
    hand = pinned_id("hand", HERE, "1")
    stage.cell.start_actor(hand, lambda ctx: Player(ctx, stage))
    stage.tell("raise one", to=hand)
    behind = stage.cell.ask(hand, Fetch("a"))
    assert stage.run() == ["raise one", "last words"]
    assert ending(behind) == (Unavailable, "unavailable")
    assert stage.cell.take(hand, Note("late")) == "gone"
    assert stage.cell.counters["live_hand"] == 0


def test_only_so_many_are_started_by_hand() -> None:
    stage = Stage()
    stage.cell.start_actor(pinned_id("hand", HERE, "1"), stage.play, limit=1)
    try:
        stage.cell.start_actor(pinned_id("hand", HERE, "2"), stage.play, limit=1)
    except Overloaded as error:
        assert error.retry_after == 2.0
    else:
        raise AssertionError("a second one was started")


def test_a_failure_in_a_call_beside_the_mailbox_is_a_crash_like_any_other() -> None:
    stage = Stage()
    stage.tell("one")
    stage.run()
    activation = stage.cell.activation(X)
    assert activation is not None
    activation.fail(RuntimeError("a bug"))
    stage.tell("two")
    assert stage.run() == ["start", "two"]
    assert stage.whats() == ["crashed"]


def test_an_actor_that_owes_something_starts_again_without_a_message() -> None:
    stage = Stage(wake=Awake())
    stage.tell("reload")
    assert stage.run() == ["start", "reload", "start", "awake"]


def test_an_actor_that_owes_something_is_tried_until_it_can_start() -> None:
    stage = Stage(wake=Awake())
    stage.tell("one")
    stage.run()
    stage.start_error = ChatError("store_unavailable", retry_after=1.0)
    stage.tell("reload")
    assert stage.run(3.5) == ["reload"]
    stage.start_error = None
    assert stage.run(1.0) == ["start", "awake"]


def test_an_actor_that_owes_something_is_tried_again_after_its_quarantine() -> None:
    stage = Stage(wake=Awake())
    stage.tell("raise 1", "raise 2", "raise 3")
    stage.run()
    assert stage.run(59.0) == []
    assert stage.run(2.0) == ["start", "awake"]


def test_an_actor_that_owes_something_is_not_tried_where_its_slot_is_no_longer_here() -> None:
    stage = Stage(wake=Awake())
    stage.tell("one")
    stage.run()
    stage.start_error = ChatError("store_unavailable", retry_after=1.0)
    stage.tell("reload")
    stage.run()
    activation = stage.cell.activation(X)
    stage.cell.drop_slots(range(4096))
    stage.start_error = None
    assert stage.run(5.0) == []
    assert activation is None or activation.actor is None


def test_timers_of_a_discarded_instance_do_not_reach_its_successor() -> None:
    stage = Stage()
    stage.tell("after 1", "reload", "two")
    stage.run()
    assert stage.run(2.0) == []


def test_a_stop_asked_for_by_a_discarded_instance_does_not_stop_its_successor() -> None:
    stage = Stage()
    answer = stage.ask(Fetch("a"))
    stage.run()
    first = stage.cell.actor(X)
    assert isinstance(first, Player)
    stage.gate.reject(RuntimeError("a bug"))
    stage.tell("two")
    stage.run()
    first.ctx.stop()
    assert stage.run() == []
    assert answer.settled


def test_restarts_forget_what_is_long_past() -> None:
    restarts = Restarts(RestartPolicy(crashes=1, window_s=10.0, quarantine_s=5.0))
    assert not restarts.crashed("x", 0.0)
    assert restarts.crashed("x", 9.0)
    assert restarts.quarantined_s("x", 10.0) == 4.0
    assert restarts.quarantined_s("x", 14.0) == 0.0
    restarts.forget_old(100.0)
    assert not restarts.crashed("x", 100.0)


def test_a_kind_may_have_a_limit_of_its_own() -> None:
    restarts = Restarts(RestartPolicy(crashes=5), {"room": RestartPolicy(crashes=1, window_s=100.0, quarantine_s=7.0)})
    assert [restarts.crashed("user:x", 0.0) for _ in range(2)] == [False, False]
    assert [restarts.crashed("room:x", at) for at in (0.0, 99.0)] == [False, True]
    assert restarts.quarantined_s("room:x", 99.0) == 7.0


def test_a_cell_goes_by_the_limits_that_it_is_given() -> None:
    stage = Stage()
    stage.cell.limit_restarts({X.partition(":")[0]: RestartPolicy(crashes=0, quarantine_s=9.0)})
    stage.tell("raise one")
    stage.run()
    assert stage.cell.quarantined_s(X) == 9.0
