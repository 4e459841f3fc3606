"""Where newcomers wait, under a hand-moved clock: who is next, who is refused, and that nobody is forgotten."""

from __future__ import annotations

import random

import pytest

from actors.commands import Hello, Ping
from gateway.entrance import BACK, HANDSHAKE, NEW, REQUEST, RETRY_S, UPGRADE, Entrance, kind_of
from gateway.pace import BURST, TICK_S
from tests.kit.clock import Clock


class Door:
    """An entrance, and who came in."""

    def __init__(self, most_waiting: int = 1000) -> None:
        self.clock = Clock()
        self.cpu_s = 0.0
        self.came: list[str] = []
        self.crowds: list[bool] = []
        self.entrance = Entrance(
            self.clock,
            share=0.6,
            most_waiting=most_waiting,
            cpu_s=lambda: self.cpu_s,
            chance=random.Random(3),
            on_crowd=self.crowds.append,
        )

    def let_in(self, name: str) -> bool:
        self.came.append(name)
        return True

    def wait(self, kind: int, *names: str) -> list[bool]:
        return [self.entrance.wait(kind, self.let_in, name) for name in names]


@pytest.fixture
def crowded() -> Door:
    """A burst has just been let in."""
    door = Door()
    while door.entrance.takes():
        pass
    return door


def test_who_comes_while_nobody_waits_comes_in_at_once_up_to_a_burst() -> None:
    door = Door()
    assert sum(door.entrance.takes() for _ in range(50)) == BURST
    assert door.clock.timers() == 0


def test_it_tells_when_somebody_begins_to_wait_and_when_nobody_does_any_more(crowded: Door) -> None:
    assert crowded.crowds == []
    crowded.wait(REQUEST, "one", "two")
    assert crowded.crowds == [True]
    crowded.clock.advance(1.0)
    assert crowded.came == ["one", "two"]
    assert crowded.crowds == [True, False]
    while crowded.entrance.takes():
        pass
    crowded.wait(REQUEST, "three")
    assert crowded.crowds == [True, False, True]


def test_nobody_passes_those_who_wait(crowded: Door) -> None:
    crowded.wait(REQUEST, *map(str, range(200)))
    crowded.clock.advance(10 * TICK_S)
    assert crowded.entrance.waiting
    assert not crowded.entrance.takes()


def test_those_come_first_who_are_furthest_and_those_who_come_back_before_new_ones(crowded: Door) -> None:
    crowded.wait(HANDSHAKE, "handshake")
    crowded.wait(REQUEST, "request", "request 2")
    crowded.wait(UPGRADE, "upgrade")
    crowded.wait(NEW, "new")
    crowded.wait(BACK, "back")
    crowded.clock.advance(1.0)
    assert crowded.came == ["back", "new", "upgrade", "request", "request 2", "handshake"]
    assert crowded.entrance.waiting == 0
    assert crowded.clock.timers() == 0


def test_a_crowd_comes_in_tick_by_tick(crowded: Door) -> None:
    crowded.wait(REQUEST, *map(str, range(500)))
    crowded.clock.advance(TICK_S * 1.5)
    first = len(crowded.came)
    assert 0 < first <= BURST
    crowded.clock.advance(TICK_S)
    assert first < len(crowded.came) <= 2 * BURST
    crowded.clock.advance(10.0)
    assert crowded.came == list(map(str, range(500)))


def test_beyond_the_bound_nobody_waits_and_the_time_to_come_again_grows_with_the_crowd() -> None:
    door = Door(most_waiting=2_000)
    short = door.entrance.retry_after_s()
    assert sum(door.wait(REQUEST, *map(str, range(2_500)))) == 2_000
    long = door.entrance.retry_after_s()
    assert RETRY_S[0] <= short <= 2 * RETRY_S[0] < long <= 2 * RETRY_S[1]
    assert long != door.entrance.retry_after_s()


def test_who_has_gone_takes_no_turn(crowded: Door) -> None:
    gone: list[str] = []

    def leave(name: str) -> bool:
        gone.append(name)
        return False

    for number in range(500):
        crowded.entrance.wait(REQUEST, leave, str(number))
    crowded.wait(REQUEST, "here")
    crowded.clock.advance(2 * TICK_S)
    assert (len(gone), crowded.came) == (500, ["here"])


def test_a_step_that_fails_keeps_nobody_waiting(crowded: Door, caplog: pytest.LogCaptureFixture) -> None:
    def fail(name: str) -> bool:
        raise RuntimeError(name)

    crowded.entrance.wait(REQUEST, fail, "no")
    crowded.wait(REQUEST, "yes")
    crowded.clock.advance(1.0)
    assert crowded.came == ["yes"]
    assert [record.message for record in caplog.records] == ["a step at the entrance failed"]


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (Hello(1, "token", since=4), BACK),
        (Hello(1, "token", ticket="moved"), BACK),
        (Hello(1, "token"), NEW),
        (Ping(1), NEW),
    ],
)
def test_a_device_that_tells_of_its_past_comes_back(command: Hello | Ping, kind: int) -> None:
    assert kind_of(command) == kind
