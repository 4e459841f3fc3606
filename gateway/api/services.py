"""All that the routes work with, handed in once and reached through the request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from actors.naming import saga_for
from actors.ports import Asker
from actors.runtime.actor import R, actor_id
from actors.runtime.actor import Request as Question
from gateway.all_cells import AllCells
from gateway.api.bridge import ask
from gateway.api.settings import ApiSettings
from gateway.auth.budgets import Budgets
from gateway.auth.factors import Factor
from gateway.auth.limits import Limiter
from gateway.auth.login_tickets import LoginTickets
from gateway.auth.passwords import Passwords
from gateway.auth.successors import Successors
from gateway.clock import Clock
from gateway.metrics import HttpCounters
from gateway.proxies import Proxies


@dataclass(frozen=True, slots=True)
class Services:
    """One for each app."""

    asker: Asker
    settings: ApiSettings
    clock: Clock
    passwords: Passwords
    limiter: Limiter
    """Requests in general, as this cell counts them."""
    budgets: Budgets
    """Logins and registrations, counted once for all cells."""
    tickets: LoginTickets
    successors: Successors
    """What follows a refresh token."""
    factors: Sequence[Factor]
    """What follows the password, in order."""
    cells: AllCells
    counters: HttpCounters
    proxies: Proxies
    """Whose forwarding headers are believed."""
    edges: Callable[[], Sequence[str]]
    """The edges that a client should try, best first."""

    async def ask_user(self, user: str, question: Question[R]) -> R:
        """Ask an account's actor."""
        return await ask(self.asker, actor_id("user", user), question)

    async def ask_saga(self, what: str, user: str, key: str, question: Question[R]) -> R:
        """Begin an operation of several steps, or find it where it stands."""
        return await ask(self.asker, actor_id("saga", saga_for(what, user, key)), question)

    async def ask_room(self, room: str, question: Question[R]) -> R:
        """Ask a room's actor."""
        return await ask(self.asker, actor_id("room", room), question)


def services_of(request: Request) -> Services:
    """The services of the app that got the request."""
    return cast(Services, request.app.state.services)


async def _services(request: Request) -> Services:
    # A coroutine, since plain functions would be run in a thread.
    return services_of(request)


WithServices = Annotated[Services, Depends(_services)]
"""The parameter type by which a route gets the services."""


def address_of(request: Request) -> str:
    """The client's address; behind a trusted proxy the true one, which the guard has put into the scope."""
    return request.client.host if request.client is not None else "local"
