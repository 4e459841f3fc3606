"""Tickets of logins that are half way, good at every cell: a ticket names the gate that keeps the login, and a secret there."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from actors.errors import ChatError, Overloaded, Unavailable
from actors.messages.gate import CloseLogin, HalfLogin, OpenLogin, UseLogin
from actors.messages.user import Profile
from actors.ports import Asker
from actors.runtime.actor import ActorId
from gateway.api.bridge import ask
from gateway.auth.factors import password_mark
from gateway.auth.gate import GATES, numbered_gate

TRIES = 3
"""Gates that are tried for a new ticket."""
_TICKET = re.compile(r"([0-9]{1,3})-([A-Za-z0-9_-]{10,90})")


class LoginTickets:
    """Asks the gates."""

    def __init__(self, asker: Asker, chance: random.Random | None = None) -> None:
        self._asker = asker
        self._chance = chance or random.Random()

    async def open(self, profile: Profile, device_name: str, factors: Sequence[str]) -> str:
        """A new ticket, at a gate drawn at random. Raises `Overloaded` where all are in use, `Unavailable`."""
        request = OpenLogin(profile.user, device_name, list(factors), password_mark(profile))
        numbers = self._chance.sample(range(GATES), TRIES)
        for number in numbers[:-1]:
            try:
                return await self._open_at(number, request)
            except (Overloaded, Unavailable):
                continue
        return await self._open_at(numbers[-1], request)

    async def _open_at(self, number: int, request: OpenLogin) -> str:
        secret: str = await ask(self._asker, numbered_gate(number), request)
        return f"{number}-{secret}"

    async def use(self, ticket: str) -> HalfLogin:
        """The login behind a ticket, with one try less. Raises `bad_ticket` where there is none, or no longer."""
        gate, secret = _parse(ticket)
        return await ask(self._asker, gate, UseLogin(secret))

    async def close(self, ticket: str) -> bool:
        """Forget a ticket; False where somebody else was faster (or it ended): then it logs nobody in twice."""
        gate, secret = _parse(ticket)
        return await ask(self._asker, gate, CloseLogin(secret))


def _parse(ticket: str) -> tuple[ActorId, str]:
    match = _TICKET.fullmatch(ticket)
    if match is None or int(match[1]) >= GATES:
        raise ChatError("bad_ticket")
    return numbered_gate(int(match[1])), match[2]
