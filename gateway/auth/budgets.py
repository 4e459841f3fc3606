"""Limits that hold for all cells together: asked of the gates, wherever they are.

A gate that cannot be reached (its cell has just died, or is of an older version) shuts nobody out: then this cell's own
tables decide.
"""

from __future__ import annotations

from actors.errors import ChatError, Overloaded, Unavailable, Unknown
from actors.messages.gate import LoginJudged, TryLogin, TryRegister
from actors.ports import Asker
from actors.runtime.actor import Request
from gateway.api.bridge import ask
from gateway.auth.gate import gate_of
from gateway.auth.limits import Limiter, address_key, refuse_for

LIMIT_S = 1.0
"""How long a gate is waited for."""


class Budgets:
    """Tries at logins and registrations. Every `check_` raises `rate_limited` with `retry_after`."""

    def __init__(self, asker: Asker, local: Limiter) -> None:
        """`local`: decides where a gate does not answer."""
        self._asker = asker
        self._local = local

    async def check_register(self, address: str) -> None:
        """One new account from an address."""
        key = address_key(address)
        wait = await self._wait(f"address {key}", TryRegister(key))
        if wait is None:
            self._local.check_register(address)
        else:
            refuse_for(wait)

    async def check_login(self, user: str, address: str) -> None:
        """One try at a password or another factor. It counts as failed until `login_succeeded` or `login_undecided` says otherwise."""
        key = address_key(address)
        wait = await self._wait(f"address {key}", TryLogin(False, key))
        if wait == 0.0:
            wait = await self._wait(f"account {user}", TryLogin(True, user, key))
            if wait:
                self._judge(False, key, LoginJudged(False, key, False))
        if wait is None:
            self._local.check_login(user, address)
        else:
            refuse_for(wait)

    def login_succeeded(self, user: str, address: str) -> None:
        """The try was good."""
        key = address_key(address)
        self._judge(False, key, LoginJudged(False, key, True))
        self._judge(True, user, LoginJudged(True, user, True, key))
        self._local.login_succeeded(user, address)

    def login_undecided(self, user: str, address: str) -> None:
        """The try was not judged (the server was busy, another factor is wanted): it counts for nothing."""
        key = address_key(address)
        self._judge(False, key, LoginJudged(False, key, False))
        self._judge(True, user, LoginJudged(True, user, False))
        self._local.login_undecided(user, address)

    def _judge(self, is_account: bool, key: str, message: LoginJudged) -> None:
        self._asker.tell(gate_of(f"{'account' if is_account else 'address'} {key}"), message)

    async def _wait(self, key: str, request: Request[float]) -> float | None:
        """What the gate says; None where it cannot be reached."""
        try:
            return await ask(self._asker, gate_of(key), request, timeout=LIMIT_S)
        except (Unavailable, Overloaded, Unknown):
            return None
        except ChatError as error:
            if error.code == "internal":
                return None
            raise
