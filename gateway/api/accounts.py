"""Routes: registering, logging in and out, oneself, one's devices, other users."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from actors.errors import ChatError
from actors.messages.saga import DeleteAccount
from actors.messages.user import GetProfile, Identity, ListDevices, LogOut, SetProfile
from gateway.api.answers import DevicesTold, DeviceTold, LoggedIn, Me, MyChanged, NextStep, UserTold
from gateway.api.caller import Caller
from gateway.api.login import checked_password, log_in, log_in_again, next_step, refresh, register
from gateway.api.questions import Credentials, DeviceText, FactorValue, MyChanges, MyEnd, NewAccount, OldPair, UserText
from gateway.api.services import Services, WithServices, address_of
from gateway.logs import event_log

router = APIRouter(prefix="/api/v1", tags=["accounts"])
_log = event_log("gateway.api")

TicketText = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


@router.post("/accounts", status_code=201)
async def make_account(wanted: NewAccount, request: Request, services: WithServices) -> LoggedIn:
    """Register, and log this device in."""
    return await register(services, wanted, address_of(request))


@router.post("/login")
async def begin_login(given: Credentials, request: Request, services: WithServices) -> LoggedIn | NextStep:
    """Log in with name and password. The answer is a token, or the next factor wanted."""
    return await log_in(services, given, address_of(request))


@router.post("/login/{ticket}")
async def go_on_with_login(ticket: TicketText, shown: FactorValue, request: Request, services: WithServices) -> LoggedIn | NextStep:
    """Show the next factor of a login that is half way."""
    return await next_step(services, ticket, shown.factor, shown.value, address_of(request))


@router.post("/refresh")
async def replace_tokens(old: OldPair, services: WithServices) -> LoggedIn:
    """New tokens for a refresh token; the old ones end at once. Where the answer was lost, ask again within two minutes: the answer
    is the same until one of the new tokens is used. A refresh token that is shown later than that logs its device out."""
    return await refresh(services, old.refresh)


@router.post("/logout", status_code=204)
async def log_out(caller: Caller, services: WithServices) -> None:
    """Log this device out: its tokens end, its connection is closed."""
    await services.ask_user(caller.user, LogOut(caller.device))


@router.get("/me")
async def get_me(caller: Caller) -> Me:
    """Who this token belongs to."""
    return Me.model_validate(caller)


@router.patch("/me")
async def change_me(changes: MyChanges, caller: Caller, request: Request, services: WithServices) -> MyChanged:
    """Change how I am shown, or my password. A new password logs all my other devices out."""
    if changes.password is None or changes.old_password is None:
        profile = await services.ask_user(caller.user, SetProfile(display=changes.display))
        return MyChanged(user=profile.user, display=profile.display)
    return await _change_password(services, caller, changes.old_password, changes.password, changes.display, address_of(request))


async def _change_password(services: Services, caller: Identity, old: str, new: str, display: str | None, address: str) -> MyChanged:
    await checked_password(services, caller.user, old, address)
    services.budgets.login_succeeded(caller.user, address)
    name = await _device_name(services, caller)
    hashed = await services.passwords.hash(new)
    profile = await services.ask_user(caller.user, SetProfile(display=display, password=hashed))
    _log.info("password_changed", user=caller.user, by=caller.user, address=address)
    login = await log_in_again(services, profile, caller.device, name)
    return MyChanged(user=profile.user, display=profile.display, login=login)


async def _device_name(services: Services, caller: Identity) -> str:
    answer = await services.ask_user(caller.user, ListDevices())
    return next((device.name for device in answer.devices if device.device == caller.device), "")


@router.post("/me/delete", status_code=204)
async def delete_me(shown: MyEnd, caller: Caller, request: Request, services: WithServices) -> None:
    """End my account, for good: all devices are logged out, I leave all rooms and direct chats, and nobody can take the name again.
    What I wrote stays where it is."""
    address = address_of(request)
    await checked_password(services, caller.user, shown.password, address)
    services.budgets.login_succeeded(caller.user, address)
    await services.ask_saga("delete", caller.user, "", DeleteAccount(caller.user))
    _log.info("account_deleted", user=caller.user, by=caller.user, address=address)


@router.get("/devices")
async def list_devices(caller: Caller, services: WithServices) -> DevicesTold:
    """All devices that are logged in to my account."""
    answer = await services.ask_user(caller.user, ListDevices())
    shown = [DeviceTold.model_validate(device) for device in answer.devices]
    return DevicesTold(devices=[device.model_copy(update={"current": device.device == caller.device}) for device in shown])


@router.delete("/devices/{device}", status_code=204)
async def remove_device(device: DeviceText, caller: Caller, services: WithServices) -> None:
    """Log one of my devices out."""
    await services.ask_user(caller.user, LogOut(device))


@router.get("/users/{user}")
async def get_user(user: UserText, caller: Caller, services: WithServices) -> UserTold:
    """Look a user up by exact name."""
    profile = await services.ask_user(user, GetProfile())
    if profile.disabled and not caller.admin:
        raise ChatError("no_such_user")
    return UserTold.model_validate(profile)
