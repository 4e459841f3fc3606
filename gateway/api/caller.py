"""Who calls: the bearer token of a request, checked by its user's actor; and the key that makes a repeat harmless."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import HTTPBearer

from actors.errors import ChatError
from actors.messages.user import CheckToken, Identity
from gateway.api.questions import KEY_PATTERN
from gateway.api.services import WithServices
from gateway.auth.tokens import parse_token

_scheme = HTTPBearer(auto_error=False, description="The `token` of a login", scheme_name="token")
"""Only for the OpenAPI page: the header is read below, where two of them are refused."""


def bearer_of(request: Request) -> str:
    """The token in the one `Authorization: Bearer` header. Raises `bad_token` where there is none, or more than one."""
    headers = request.headers.getlist("authorization")
    if len(headers) != 1:
        raise ChatError("bad_token")
    scheme, _, token = headers[0].partition(" ")
    if scheme.lower() != "bearer":
        raise ChatError("bad_token")
    return token.strip()


async def _identity(request: Request, services: WithServices, _: Annotated[object, Depends(_scheme)]) -> Identity:
    claim = parse_token(bearer_of(request))
    try:
        identity = await services.ask_user(claim.user, CheckToken(claim.digest))
    except ChatError as error:
        if error.code == "no_such_user":
            # Whether the name exists is nobody's business here.
            raise ChatError("bad_token") from error
        raise
    services.limiter.check_account(identity.user)
    return identity


Caller = Annotated[Identity, Depends(_identity)]
"""The parameter type by which a route demands a good token."""


async def _admin(caller: Caller) -> Identity:
    if not caller.admin:
        raise ChatError("forbidden")
    return caller


AdminCaller = Annotated[Identity, Depends(_admin)]
"""The parameter type by which a route demands an administrator's token."""


async def _key(
    request: Request,
    key: Annotated[
        str,
        Header(alias="Idempotency-Key", pattern=KEY_PATTERN, description="Chosen by the client; repeat it with the same request"),
    ],
) -> str:
    if len(request.headers.getlist("idempotency-key")) != 1:
        raise ChatError("invalid", reason="more than one Idempotency-Key")
    return key


IdempotencyKey = Annotated[str, Depends(_key)]
"""The parameter type by which a route demands exactly one `Idempotency-Key`."""
