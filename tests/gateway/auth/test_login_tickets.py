"""A ticket of a login that is half way is good at every cell."""

from __future__ import annotations

import asyncio

import pytest

from actors.errors import ChatError, Overloaded, Unavailable
from actors.messages.gate import OpenLogin
from actors.messages.user import Profile
from gateway.auth.factors import password_mark
from gateway.auth.login_tickets import LoginTickets
from tests.kit.clock import Clock
from tests.kit.scripted_actors import ScriptedActors

ANN = Profile("ann", "Ann", 0, False, False, False, "v1:secret")


def test_what_one_cell_opened_another_uses_and_closes_once() -> None:
    async def story() -> None:
        actors = ScriptedActors(Clock())
        one, two, three = (LoginTickets(actors) for _ in range(3))
        ticket = await one.open(ANN, "Phone", ["code"])
        half = await two.use(ticket)
        assert (half.user, half.device_name, half.factors, half.password) == ("ann", "Phone", ["code"], password_mark(ANN))
        assert [await three.close(ticket), await two.close(ticket)] == [True, False]

    asyncio.run(story())


def test_a_gate_that_cannot_be_reached_is_passed_over_for_a_new_ticket() -> None:
    async def story() -> None:
        actors = ScriptedActors(Clock())
        actors.fail_next(OpenLogin, Unavailable())
        ticket = await LoginTickets(actors).open(ANN, "", ["code"])
        assert (await LoginTickets(actors).use(ticket)).user == "ann"
        asked = [to for to, request in actors.asked if isinstance(request, OpenLogin)]
        assert len(set(asked)) == 2

    asyncio.run(story())


def test_where_all_gates_are_full_that_is_told() -> None:
    async def story() -> None:
        tickets = LoginTickets(ScriptedActors(Clock()))
        for _ in range(3):
            await tickets.open(ANN, "", ["code"])
        with pytest.raises(Overloaded):
            await tickets.open(ANN, "", ["code"])

    asyncio.run(story())


@pytest.mark.parametrize("ticket", ["", "nonsense", "64-" + "a" * 43, "7-short", "-1-" + "a" * 43, "7-" + "a" * 43])
def test_what_is_no_ticket_opens_nothing(ticket: str) -> None:
    with pytest.raises(ChatError, match="bad_ticket"):
        asyncio.run(LoginTickets(ScriptedActors(Clock())).use(ticket))
