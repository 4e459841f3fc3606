"""Login in steps: which factors an account must show after its password, and who is half way in.

A half-way login is a ticket: random, bounded in number, in time and in tries. Tickets are in memory; losing them costs people
a second try at their password.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from actors.errors import ChatError, Overloaded
from actors.messages.user import Profile


class Factor(Protocol):
    """One more thing that an account may have to show after its password."""

    @property
    def name(self) -> str:
        """How clients know it: the `next` of a login's answer."""

    async def wanted(self, profile: Profile) -> bool:
        """Whether this account must show it."""

    async def accepts(self, profile: Profile, value: str) -> bool:
        """Whether the value shown is right."""


@dataclass(slots=True)
class Pending:
    """Somebody whose password was right and who must show more."""

    user: str
    device_name: str
    factors: list[str]
    """What is still to be shown, in order."""
    password: bytes
    """SHA-256 of the password text that was checked: a login begun under an old password ends with it."""
    tries_left: int
    ends_at: float


class Tickets:
    """The half-way logins at one place.

    At most `size`; beyond that a login is refused as `overloaded` until the oldest end. Nobody else's is pushed out.
    """

    def __init__(self, now: Callable[[], float], *, size: int = 10_000, life_s: float = 300.0, tries: int = 5) -> None:
        self._now = now
        self._size = size
        self._life_s = life_s
        self._tries = tries
        # In the order of their ends, since all live equally long.
        self._table: OrderedDict[str, Pending] = OrderedDict()

    def __len__(self) -> int:
        return len(self._table)

    def open(self, user: str, device_name: str, factors: Sequence[str], password: bytes) -> str:
        """A new ticket; `password`: see `Pending`. Raises `Overloaded` where all are in use."""
        now = self._now()
        self._forget_ended(now)
        if len(self._table) >= self._size:
            oldest = next(iter(self._table.values()))
            raise Overloaded(retry_after=round(oldest.ends_at - now + 0.1, 1))
        ticket = secrets.token_urlsafe(32)
        self._table[ticket] = Pending(user, device_name, list(factors), password, self._tries, now + self._life_s)
        return ticket

    def use(self, ticket: str) -> Pending:
        """The login behind a ticket, with one try less. Raises `bad_ticket` where there is none, or no longer."""
        self._forget_ended(self._now())
        pending = self._table.get(ticket)
        if pending is None:
            raise ChatError("bad_ticket")
        if pending.tries_left <= 0:
            del self._table[ticket]
            raise ChatError("bad_ticket")
        pending.tries_left -= 1
        return pending

    def close(self, ticket: str) -> bool:
        """Forget a ticket; False where somebody else was faster (or it ended): then it logs nobody in twice."""
        return self._table.pop(ticket, None) is not None

    def _forget_ended(self, now: float) -> None:
        while self._table:
            ticket, oldest = next(iter(self._table.items()))
            if oldest.ends_at > now:
                return
            del self._table[ticket]


def password_mark(profile: Profile) -> bytes:
    """A digest that changes when the account's password text does."""
    return sha256(profile.password.encode()).digest()
