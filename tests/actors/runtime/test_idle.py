"""Idle retirement and timers."""

from __future__ import annotations

from actors.runtime.actor import actor_id
from actors.runtime.promise import Promise
from tests.kit.stage import Peek, Stage, X


def test_an_actor_that_nobody_uses_is_let_go() -> None:
    stage = Stage(idle_s=10.0)
    stage.tell("one")
    stage.run()
    assert stage.run(9.0) == []
    assert stage.run(15.0) == ["stop idle"]
    assert stage.cell.count() == 0
    assert stage.cell.counters["live_player"] == 0


def test_use_starts_the_idle_time_anew() -> None:
    stage = Stage(idle_s=10.0)
    for _ in range(5):
        stage.tell("one")
        assert "stop idle" not in stage.run(8.0)


def test_who_still_owes_something_stays() -> None:
    stage = Stage(idle_s=10.0)
    stage.stays = True
    stage.tell("one")
    assert "stop idle" not in stage.run(100.0)
    stage.stays = False
    assert stage.run(20.0) == ["stop idle"]


def test_who_waits_or_reads_is_not_idle() -> None:
    stage = Stage(idle_s=10.0)
    stage.tell("wait a")
    assert stage.run(100.0) == ["start", "wait a"]
    stage.gate.resolve(None)
    stage.run()
    stage.read_gate = Promise()
    stage.ask(Peek(), timeout=1000.0)
    assert stage.run(100.0) == []
    stage.read_gate.resolve(None)
    assert stage.run(30.0) == ["stop idle"]


def test_a_kind_without_an_idle_time_stays_for_ever() -> None:
    stage = Stage()
    stage.tell("one")
    stage.run()
    assert stage.run(10_000.0) == []


def test_many_are_let_go_a_few_at_a_time() -> None:
    stage = Stage(idle_s=5.0)
    for number in range(100):
        stage.tell("one", to=actor_id("player", str(number)))
    stage.run(5.5)
    most = 0
    while stage.cell.count():
        before = stage.cell.count()
        stage.run(1.0)
        most = max(most, before - stage.cell.count())
    assert most <= 12


def test_a_timer_is_a_message_to_myself() -> None:
    stage = Stage()
    stage.tell("after 2")
    stage.run()
    assert stage.run(1.9) == []
    assert stage.run(0.2) == ["tick"]


def test_timers_end_with_their_instance_and_wake_nobody() -> None:
    stage = Stage()
    stage.tell("after 2", "stop")
    stage.run()
    assert stage.run(5.0) == []
    assert stage.cell.activation(X) is None


def test_a_timer_that_is_due_during_the_stop_hook_does_not_bring_the_actor_back() -> None:
    stage = Stage()
    stage.stop_gate = Promise()
    stage.tell("after 2", "stop")
    stage.run(5.0)
    stage.stop_gate.resolve(None)
    assert stage.run(1.0) == []
    assert stage.cell.activation(X) is None


def test_the_sweep_ends_with_the_cell() -> None:
    stage = Stage(idle_s=5.0)
    stage.tell("one")
    stage.run()
    stage.cell.shutdown()
    stage.run(3.0)
    assert stage.clock.timers() == 0
