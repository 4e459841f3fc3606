"""Registering and logging in, step by step."""

from __future__ import annotations

from actors.errors import ChatError
from actors.messages.gate import HalfLogin
from actors.messages.user import GetCredentials, LogIn, Profile, Refresh, Register, Rehash
from gateway.api.answers import LoggedIn, NextStep
from gateway.api.questions import Credentials, NewAccount
from gateway.api.services import Services
from gateway.auth.factors import Factor, password_mark
from gateway.auth.tokens import Issued, issue, new_device, parse_refresh
from gateway.logs import event_log

_log = event_log("gateway.api.login")
_JOINTS = str.maketrans("", "", "._-")


async def register(services: Services, wanted: NewAccount, address: str) -> LoggedIn:
    """Make the account and log its first device in. Raises `name_taken` (the account's actor decides who was first), `name_reserved`."""
    if not services.settings.open_registration:
        raise ChatError("forbidden")
    if bare_name(wanted.name) in services.settings.reserved_names:
        raise ChatError("name_reserved")
    await services.budgets.check_register(address)
    password = await services.passwords.hash(wanted.password)
    issued = _issue(services, wanted.name, new_device(), wanted.device_name)
    display = wanted.display or wanted.name
    profile = await services.ask_user(wanted.name, Register(display, password, issued.grant))
    _log.info("account_registered", user=wanted.name, address=address)
    return _logged_in(profile, issued)


def bare_name(name: str) -> str:
    """A name without what could make it look like another one: `ad.min` is `admin`."""
    return name.translate(_JOINTS)


async def log_in(services: Services, given: Credentials, address: str) -> LoggedIn | NextStep:
    """The first step: name and password. Raises `bad_credentials` for both alike, `disabled` only to who knows the password."""
    profile = await checked_password(services, given.name, given.password, address)
    if profile.disabled:
        raise ChatError("disabled")
    wanted = [factor.name for factor in services.factors if await factor.wanted(profile)]
    if not wanted:
        services.budgets.login_succeeded(given.name, address)
        return await _finish(services, profile, given.device_name, address)
    services.budgets.login_undecided(given.name, address)
    return NextStep(next=wanted[0], ticket=await services.tickets.open(profile, given.device_name, wanted))


async def next_step(services: Services, ticket: str, factor: str, value: str, address: str) -> LoggedIn | NextStep:
    """A further step. Raises `bad_ticket`, `not_now` where another factor is wanted, `bad_credentials` for a wrong value."""
    pending = await services.tickets.use(ticket)
    if factor != pending.factors[0]:
        raise ChatError("not_now", next=pending.factors[0])
    await services.budgets.check_login(pending.user, address)
    profile = await _pending_profile(services, pending, ticket)
    if not await _factor(services, factor).accepts(profile, value):
        _log.info("login_failed", user=pending.user, address=address, factor=factor)
        raise ChatError("bad_credentials")
    # From here on the ticket is spent: two right values at once must not log in twice.
    if not await services.tickets.close(ticket):
        raise ChatError("bad_ticket")
    if rest := pending.factors[1:]:
        services.budgets.login_undecided(pending.user, address)
        return NextStep(next=rest[0], ticket=await services.tickets.open(profile, pending.device_name, rest))
    services.budgets.login_succeeded(pending.user, address)
    return await _finish(services, profile, pending.device_name, address)


async def checked_password(services: Services, user: str, password: str, address: str) -> Profile:
    """The account, if the password is its own. Counts as a failed login until the caller says `login_succeeded`.

    An account that does not exist costs the same check. Raises `bad_credentials`.
    """
    await services.budgets.check_login(user, address)
    try:
        profile = await _credentials(services, user)
        verified = await services.passwords.verify(profile.password if profile else None, password)
    except ChatError:
        services.budgets.login_undecided(user, address)
        raise
    if profile is None or not verified.ok:
        _log.info("login_failed", user=user, address=address, factor="password")
        raise ChatError("bad_credentials")
    return await _rehashed(services, profile, password) if verified.stale else profile


async def refresh(services: Services, text: str) -> LoggedIn:
    """A new pair for an old refresh token; the same again where the answer was lost. Raises `bad_token`."""
    claim = parse_refresh(text)
    now, before = services.successors.after(text, claim.user, claim.device, services.clock.wall(), services.settings.lifetimes)
    try:
        is_earlier = await services.ask_user(claim.user, Refresh(claim.digest, now.grant, before.grant))
        profile = await services.ask_user(claim.user, GetCredentials())
    except ChatError as error:
        if error.code in ("no_such_user", "no_such_device"):
            raise ChatError("bad_token") from error
        raise
    return _logged_in(profile, before if is_earlier else now)


async def log_in_again(services: Services, profile: Profile, device: str, name: str) -> LoggedIn:
    """New tokens for a device whose old ones a new password has ended."""
    issued = _issue(services, profile.user, device, name)
    await services.ask_user(profile.user, LogIn(issued.grant))
    return _logged_in(profile, issued)


async def _finish(services: Services, profile: Profile, device_name: str, address: str) -> LoggedIn:
    issued = _issue(services, profile.user, new_device(), device_name)
    await services.ask_user(profile.user, LogIn(issued.grant))
    _log.info("device_logged_in", user=profile.user, device=issued.grant.device, address=address)
    return _logged_in(profile, issued)


async def _credentials(services: Services, user: str) -> Profile | None:
    try:
        return await services.ask_user(user, GetCredentials())
    except ChatError as error:
        if error.code == "no_such_user":
            return None
        raise


async def _pending_profile(services: Services, pending: HalfLogin, ticket: str) -> Profile:
    profile = await _credentials(services, pending.user)
    if profile is None or password_mark(profile) != pending.password:
        await services.tickets.close(ticket)
        raise ChatError("bad_ticket")
    return profile


def _factor(services: Services, name: str) -> Factor:
    return next(factor for factor in services.factors if factor.name == name)


async def _rehashed(services: Services, profile: Profile, password: str) -> Profile:
    try:
        fresh = await services.passwords.hash(password)
        await services.ask_user(profile.user, Rehash(profile.password, fresh))
        return await services.ask_user(profile.user, GetCredentials())
    except ChatError as error:
        # The login is good all the same; the next one tries again.
        _log.warning("rehash_failed", user=profile.user, code=error.code)
        return profile


def _issue(services: Services, user: str, device: str, name: str) -> Issued:
    return issue(user, device, name, services.clock.wall(), services.settings.lifetimes)


def _logged_in(profile: Profile, issued: Issued) -> LoggedIn:
    return LoggedIn(
        user=profile.user,
        device=issued.grant.device,
        display=profile.display,
        token=issued.token,
        refresh=issued.refresh,
        expires_in=issued.expires_in,
    )
