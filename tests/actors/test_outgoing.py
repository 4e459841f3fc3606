"""When a session repeats a post that is without an answer."""

from __future__ import annotations

from actors.messages.delivery import Submit
from actors.outgoing import HURRY_S, REPEAT_S, Outgoing
from actors.runtime.actor import ActorId

ROOM = "rabcdefghijklmnopqrst"


def one_post(now: float) -> Outgoing:
    """A post that went out now."""
    out = Outgoing()
    out.add(out.window(ROOM), Submit(ActorId("session:c-1~1"), "ann", "d1", 1, "id-1", "text"), now)
    return out


def test_a_lost_post_is_due_when_the_timer_that_was_asked_for_fires_whatever_millisecond_it_is() -> None:
    for first_ms in range(5_000):
        out = one_post(first_ms / 1000)
        pause = out.hurry(ROOM, first_ms / 1000)
        assert pause == HURRY_S
        fires_ms = first_ms + round(1000 * pause)
        assert out.due(fires_ms / 1000) == [ROOM], f"lost at {first_ms} ms"


def test_a_timer_that_rounds_the_wait_that_was_asked_for_down_is_late_enough() -> None:
    out = one_post(7.0)
    assert out.hurry(ROOM, 7.0, wait=0.1004) == 0.1004
    assert out.due(7.1) == [ROOM]


def test_a_post_that_is_not_known_to_be_lost_is_not_due_before_its_time() -> None:
    out = one_post(7.0)
    assert out.due(7.0 + REPEAT_S - 0.01) == []
    assert out.due(7.0 + REPEAT_S) == [ROOM]


def test_many_losses_are_one_repeat_and_the_pauses_double() -> None:
    out, now, pauses = one_post(0.0), 0.0, []
    for _ in range(6):
        pause = out.hurry(ROOM, now)
        assert pause is not None
        assert out.hurry(ROOM, now) is None
        pauses.append(pause)
        now += pause
        assert [submit.n for submit in out.resend(ROOM, now)] == [1]
    assert pauses == [HURRY_S * 2**tries for tries in range(6)]
    assert out.hurry(ROOM, now) is None, "it is repeated by then anyway"
