"""Limits hold for all cells together; a gate that does not answer shuts nobody out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from actors.errors import ChatError, Unavailable
from actors.messages.gate import LoginJudged
from actors.runtime.actor import ActorId, Request
from actors.runtime.promise import Promise, rejected, resolved
from gateway.auth.budgets import Budgets
from gateway.auth.gate import Gate
from gateway.auth.limits import Growth, Limiter, Limits, Rate
from tests.kit.clock import Clock

LIMITS = Limits(register=Rate(0.1, 2.0), login_address=Growth(3, 900.0), login_account=Growth(2, 60.0))


class Gates:
    """All gates in one memory, as the cells reach them; some time they cannot be reached."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._gates: dict[ActorId, Gate] = {}
        self.are_gone = False

    def _gate(self, to: ActorId) -> Gate:
        return self._gates.setdefault(to, Gate(self.clock, LIMITS))  # type: ignore[arg-type]

    def ask(self, to: ActorId, request: Request[Any], *, timeout: float = 5.0) -> Promise[Any]:
        gate = self._gate(to)
        return rejected(Unavailable()) if self.are_gone else resolved(gate.handlers[type(request)].function(gate, request))

    def tell(self, to: ActorId, message: LoginJudged) -> None:
        if not self.are_gone:
            self._gate(to).on_judged(message)

    def cell(self) -> Budgets:
        """One more cell."""
        return Budgets(self, Limiter(self.clock.now, LIMITS))  # type: ignore[arg-type]


async def passes(check: Awaitable[None]) -> bool:
    """Whether it was let through."""
    try:
        await check
    except ChatError as error:
        assert error.code == "rate_limited" and error.retry_after
        return False
    return True


def test_whoever_tries_at_several_cells_gets_no_more_than_at_one() -> None:
    async def story() -> None:
        gates = Gates()
        cells = [gates.cell() for _ in range(4)]
        assert [await passes(cell.check_register("192.0.2.1")) for cell in cells] == [True, True, False, False]
        names = [await passes(cells[number % 4].check_login(f"user{number}", "192.0.2.2")) for number in range(6)]
        assert names == [True] * 4 + [False] * 2
        at_ann = [await passes(cells[number % 4].check_login("ann", f"198.51.100.{number}")) for number in range(5)]
        assert at_ann == [True] * 3 + [False] * 2

    asyncio.run(story())


def test_a_login_at_one_cell_is_known_at_the_others() -> None:
    async def story() -> None:
        gates = Gates()
        one, two = gates.cell(), gates.cell()
        await one.check_login("ann", "192.0.2.7")
        one.login_succeeded("ann", "192.0.2.7")
        while await passes(two.check_login("ann", "198.51.100.1")):
            two.login_undecided("nobody", "198.51.100.1")  # only the account's count is to be met
        assert await passes(two.check_login("ann", "192.0.2.7"))

    asyncio.run(story())


def test_a_try_that_the_account_may_not_make_is_not_counted_against_the_address() -> None:
    async def story() -> None:
        cell = Gates().cell()
        while await passes(cell.check_login("ann", "198.51.100.1")):
            pass
        refused = [await passes(cell.check_login("ann", "192.0.2.1")) for _ in range(10)]
        assert not any(refused)
        assert await passes(cell.check_login("bob", "192.0.2.1"))

    asyncio.run(story())


def test_where_gates_cannot_be_reached_the_cell_counts_by_itself() -> None:
    async def story() -> None:
        gates = Gates()
        gates.are_gone = True
        cell = gates.cell()
        assert [await passes(cell.check_register("192.0.2.1")) for _ in range(3)] == [True, True, False]
        assert [await passes(cell.check_login("ann", "192.0.2.1")) for _ in range(4)] == [True] * 3 + [False]
        cell.login_succeeded("ann", "192.0.2.1")
        assert await passes(cell.check_login("ann", "192.0.2.1"))

    asyncio.run(story())
