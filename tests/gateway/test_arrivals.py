"""The rate at which sessions are let in, under a hand-moved clock."""

from __future__ import annotations

import heapq
import random

import pytest

from actors.commands import Hello
from actors.errors import ChatError, Overloaded
from gateway.arrivals import JITTER, MAX_WAIT_S, Arrivals, Doorkeeper
from gateway.tickets import EdgeTickets


def storm(devices: int, per_s: float, burst: float, *, known: bool) -> list[float]:
    """All come at once and again when they are told to; when each was let in."""
    arrivals = Arrivals(per_s, burst, random.Random(7))
    coming = [(0.0, number) for number in range(devices)]
    came: list[float] = []
    while coming:
        at, number = heapq.heappop(coming)
        wait = arrivals.wait_s(at, known=known)
        if wait:
            heapq.heappush(coming, (at + wait, number))
        else:
            came.append(at)
    return came


def test_a_storm_is_let_in_at_the_rate_and_nobody_waits_much_longer_than_needed() -> None:
    came = storm(2_000, 200.0, 200.0, known=True)
    assert len(came) == 2_000
    assert came[199] == 0.0 < came[200]
    assert 9.0 <= came[-1] <= 20.0
    for second in range(int(came[-1])):
        assert sum(second <= at < second + 1 for at in came) <= 400


def test_new_devices_leave_a_part_of_the_budget_to_those_who_come_back() -> None:
    arrivals = Arrivals(10.0, 100.0)
    let_in = sum(arrivals.wait_s(0.0, known=False) == 0.0 for _ in range(100))
    assert let_in == 50
    assert sum(arrivals.wait_s(0.0, known=True) == 0.0 for _ in range(100)) == 50


def test_whoever_is_turned_away_is_told_a_time_that_grows_with_the_crowd_up_to_a_bound() -> None:
    arrivals = Arrivals(10.0, 1.0, random.Random(1))
    assert arrivals.wait_s(0.0, known=True) == 0.0
    waits = [arrivals.wait_s(0.0, known=True) for _ in range(1_000)]
    assert waits[0] < waits[50] < waits[250]
    assert max(waits) <= MAX_WAIT_S * (1 + JITTER)
    assert len(set(waits[-100:])) == 100


def test_the_budget_refills_up_to_its_bound() -> None:
    arrivals = Arrivals(10.0, 20.0)
    assert sum(arrivals.wait_s(1_000.0, known=True) == 0.0 for _ in range(30)) == 20
    assert sum(arrivals.wait_s(1_001.0, known=True) == 0.0 for _ in range(30)) == 10


def doorkeeper(tickets: EdgeTickets) -> Doorkeeper:
    """One with room for those who come back only."""

    def user_of(token: str) -> str:
        user, slash, _ = token.partition("/")
        if not slash:
            raise ChatError("bad_token")
        return user

    return Doorkeeper(Arrivals(0.001, 1.0, random.Random(1)), user_of, tickets, lambda: 0.0)


@pytest.mark.parametrize(
    ("hello", "is_let_in"),
    [
        (Hello(2, "ann/phone"), False),
        (Hello(2, "ann/phone", 7), True),
        (Hello(2, "ann/phone", ticket="nonsense"), False),
        (Hello(2, "no token", ticket="TICKET"), False),
        (Hello(2, "bob/phone", ticket="TICKET"), False),
        (Hello(2, "ann/phone", ticket="TICKET"), True),
    ],
)
def test_who_moves_or_comes_back_is_known(hello: Hello, is_let_in: bool) -> None:
    tickets = EdgeTickets(b"the secret of the test", lambda: 0.0)
    if hello.ticket == "TICKET":
        hello = Hello(hello.v, hello.token, ticket=tickets.issue("ann", "ann-phone"))
    if is_let_in:
        doorkeeper(tickets).admit(hello)
        return
    with pytest.raises(Overloaded) as told:
        doorkeeper(tickets).admit(hello)
    assert told.value.retry_after
