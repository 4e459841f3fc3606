"""Tickets of half-way logins are bounded in number, time and tries."""

from __future__ import annotations

import pytest

from actors.errors import ChatError, Overloaded
from actors.messages.user import Profile
from gateway.auth.factors import Tickets, password_mark
from tests.kit.clock import Clock

ANN = Profile("ann", "Ann", 0, False, False, False, "v1:secret")
MARK = password_mark(ANN)


def test_a_ticket_carries_what_is_still_to_be_shown() -> None:
    pending = (tickets := Tickets(Clock().now)).use(tickets.open("ann", "Phone", ["code", "key"], MARK))
    assert (pending.user, pending.device_name, pending.factors) == ("ann", "Phone", ["code", "key"])
    assert pending.password == password_mark(ANN)


def test_a_ticket_ends_with_its_time() -> None:
    clock = Clock()
    tickets = Tickets(clock.now, life_s=60.0)
    ticket = tickets.open("ann", "", ["code"], MARK)
    clock.advance(59.0)
    tickets.use(ticket)
    clock.advance(1.0)
    with pytest.raises(ChatError, match="bad_ticket"):
        tickets.use(ticket)
    assert len(tickets) == 0


def test_a_ticket_ends_with_its_tries_and_its_last_try_counts() -> None:
    tickets = Tickets(Clock().now, tries=2)
    first, second = (tickets.open("ann", "", ["code"], MARK) for _ in range(2))
    for ticket in (first, second):
        tickets.use(ticket)
        tickets.use(ticket)
    assert tickets.close(first)
    with pytest.raises(ChatError, match="bad_ticket"):
        tickets.use(second)
    assert len(tickets) == 0


def test_a_ticket_is_spent_once() -> None:
    tickets = Tickets(Clock().now)
    ticket = tickets.open("ann", "", ["code"], MARK)
    tickets.use(ticket)
    tickets.use(ticket)
    assert [tickets.close(ticket), tickets.close(ticket)] == [True, False]


def test_a_full_table_refuses_and_pushes_nobody_out() -> None:
    clock = Clock()
    tickets = Tickets(clock.now, size=2, life_s=60.0)
    first = tickets.open("ann", "", ["code"], MARK)
    clock.advance(10.0)
    tickets.open("ann", "", ["code"], MARK)
    with pytest.raises(Overloaded) as refused:
        tickets.open("ann", "", ["code"], MARK)
    assert refused.value.retry_after == 50.1
    tickets.use(first)
    clock.advance(50.0)
    tickets.open("ann", "", ["code"], MARK)
    assert len(tickets) == 2
