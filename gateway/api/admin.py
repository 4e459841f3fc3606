"""Routes for administrators: accounts of people and of programs."""

from __future__ import annotations

from fastapi import APIRouter

from actors.errors import ChatError
from actors.messages.saga import DeleteAccount
from actors.messages.user import Register, SetProfile
from gateway.api.answers import AdminMade, AdminProfile
from gateway.api.caller import AdminCaller
from gateway.api.questions import AdminAccount, AdminChanges, UserText
from gateway.api.services import WithServices
from gateway.auth.tokens import issue_for_service, new_device
from gateway.logs import event_log

router = APIRouter(prefix="/api/v1/admin", tags=["administration"])
_log = event_log("gateway.api.admin")


@router.post("/accounts", status_code=201)
async def make_account(wanted: AdminAccount, caller: AdminCaller, services: WithServices) -> AdminMade:
    """Make an account: for a person, with a first password; or for a program, whose token is in the answer."""
    display = wanted.display or wanted.name
    if wanted.password is not None:
        password, issued = await services.passwords.hash(wanted.password), None
    else:
        password, issued = "", issue_for_service(wanted.name, new_device(), display)
    request = Register(display, password, issued.grant if issued else None, wanted.admin, wanted.service)
    profile = await services.ask_user(wanted.name, request)
    _log.info("account_made", user=wanted.name, by=caller.user, service=wanted.service, admin=wanted.admin)
    return AdminMade(
        user=profile.user,
        display=profile.display,
        admin=profile.admin,
        service=profile.service,
        device=issued.grant.device if issued else None,
        token=issued.token if issued else None,
    )


@router.patch("/accounts/{user}")
async def change_account(user: UserText, changes: AdminChanges, caller: AdminCaller, services: WithServices) -> AdminProfile:
    """Disable or enable an account, reset its password, make it an administrator or not. A reset logs it out everywhere."""
    if user == caller.user and (changes.disabled or changes.admin is False):
        # The last administrator must not be able to lock everybody out by a slip.
        raise ChatError("forbidden")
    password = await services.passwords.hash(changes.password) if changes.password is not None else None
    request = SetProfile(password=password, disabled=changes.disabled, admin=changes.admin)
    profile = await services.ask_user(user, request)
    _log.info("account_changed", user=user, by=caller.user, changed=sorted(changes.model_fields_set))
    return AdminProfile.model_validate(profile)


@router.delete("/accounts/{user}", status_code=204)
async def delete_account(user: UserText, caller: AdminCaller, services: WithServices) -> None:
    """End an account for good; what it wrote stays where it is. One's own is ended with `POST /me/delete`."""
    if user == caller.user:
        raise ChatError("forbidden")
    await services.ask_saga("delete", user, "", DeleteAccount(user))
    _log.info("account_deleted", user=user, by=caller.user)
