"""What `warbler accounts` does, over the actor system: one account, or many at once with ready tokens."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from actors.commands import USER_PATTERN
from actors.errors import ChatError
from actors.messages.saga import DeleteAccount
from actors.messages.user import GetProfile, LogIn, Profile, Register, SetProfile
from actors.naming import saga_for
from actors.ports import Asker
from actors.runtime.actor import ActorId, R, Request, actor_id
from cluster.problems import StartProblem
from gateway.api.bridge import ask
from gateway.auth.passwords import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, Passwords
from gateway.auth.tokens import issue_for_service, new_device

AT_ONCE = 256
"""Accounts made at a time: they share group commits."""
MAX_COUNT = 1_000_000
TRIES = 5
"""How often a request that was surely not done is made again."""


class Changes(NamedTuple):
    """What is to change of an account; None: stays."""

    password: str | None = None
    disabled: bool | None = None
    admin: bool | None = None


class Accounts:
    """Speaks to `user:` actors, wherever they are. Raises `StartProblem` with a sentence for people."""

    def __init__(self, asker: Asker, passwords: Passwords) -> None:
        self._asker = asker
        self._passwords = passwords

    async def create(self, user: str, display: str, password: str, *, admin: bool = False) -> Profile:
        """Make an account."""
        check_name(user)
        hashed = await self._passwords.hash(check_password(password))
        return await self._told(user, Register(display or user, hashed, admin=admin))

    async def create_service(self, user: str, display: str) -> str:
        """Make an account for a program; returns its token, which never ends."""
        check_name(user)
        issued = issue_for_service(user, new_device(), "service")
        await self._told(user, Register(display or user, "", issued.grant, service=True))
        return issued.token

    async def change(self, user: str, changes: Changes) -> Profile:
        """Change an account. A new password or disabling it ends all its sessions."""
        check_name(user)
        hashed = await self._passwords.hash(check_password(changes.password)) if changes.password is not None else None
        return await self._told(user, SetProfile(password=hashed, disabled=changes.disabled, admin=changes.admin))

    async def delete(self, user: str) -> None:
        """End an account for good. It has left its rooms when, or soon after, this returns."""
        check_name(user)
        await self._told(user, DeleteAccount(user), actor_id("saga", saga_for("delete", user, "")))

    async def show(self, user: str) -> Profile:
        """The account, without its password."""
        check_name(user)
        return await self._told(user, GetProfile())

    async def create_many(self, names: Sequence[str]) -> list[tuple[str, str]]:
        """Accounts without a password, each with a token that never ends: (user, token). One that is there gets another token."""
        made: list[tuple[str, str]] = []
        for start in range(0, len(names), AT_ONCE):
            made += await asyncio.gather(*(self._with_token(name) for name in names[start : start + AT_ONCE]))
        return made

    async def _with_token(self, user: str) -> tuple[str, str]:
        issued = issue_for_service(user, new_device(), "load test")
        try:
            await self._ask(actor_id("user", user), Register(user, "", issued.grant))
        except ChatError as error:
            if error.code != "name_taken":
                raise StartProblem(f"{user}: {error.text}.") from error
            await self._told(user, LogIn(issued.grant))
        return user, issued.token

    async def _told(self, user: str, request: Request[R], whom: ActorId | None = None) -> R:
        try:
            return await self._ask(whom or actor_id("user", user), request)
        except ChatError as error:
            raise StartProblem(f"{user}: {error.text}.") from error

    async def _ask(self, whom: ActorId, request: Request[R]) -> R:
        for left in range(TRIES, 0, -1):
            try:
                return await ask(self._asker, whom, request, timeout=10.0)
            except ChatError as error:
                if error.code not in ("unavailable", "overloaded", "store_unavailable") or left == 1:
                    raise
                await asyncio.sleep(error.retry_after or 0.2)
        raise AssertionError("the last try returns or raises")


def numbered(prefix: str, count: int) -> list[str]:
    """The names of many accounts: ``prefix0``, ``prefix1``, ... Raises `StartProblem` where they would not be valid."""
    if not 1 <= count <= MAX_COUNT:
        raise StartProblem(f"--count must be 1 to {MAX_COUNT}.")
    names = [f"{prefix}{number}" for number in range(count)]
    check_name(names[-1])
    return names


def check_name(user: str) -> str:
    """Raises `StartProblem` for what can be nobody's name."""
    if not re.fullmatch(USER_PATTERN, user):
        raise StartProblem(f"{user!r} cannot be a name: 2 to 32 of a-z, 0-9, dot, dash and underscore, a letter or digit first.")
    return user


def check_password(password: str) -> str:
    """Raises `StartProblem` for one that is too short or too long."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise StartProblem(f"A password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters.")
    return password


def new_password() -> str:
    """A random one that can be read out."""
    return "-".join(secrets.token_hex(2) for _ in range(4))


def token_lines(accounts: Iterable[tuple[str, str]]) -> str:
    """The tokens file: user, tab, token."""
    return "".join(f"{user}\t{token}\n" for user, token in accounts)


def described(profile: Profile) -> dict[str, object]:
    """An account for people."""
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(profile.created_at / 1000))
    flags = {"admin": profile.admin, "disabled": profile.disabled, "service": profile.service}
    return {"user": profile.user, "display": profile.display, "created": made, **flags}
