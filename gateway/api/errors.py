"""Errors on the wire: one JSON shape, one function that makes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from actors.commands import MAX_BODY_BYTES
from actors.errors import CODES, ChatError
from gateway.api.questions import BODY_TOO_LONG
from gateway.api.services import services_of

MAX_PROBLEMS = 10
"""Of the mistakes in one request, so many are told."""
MAX_WHERE_CHARS = 100


class ErrorBody(BaseModel):
    """What every refusal looks like. `code` is stable; `text` is English and may change."""

    code: str = Field(description="Stable code", examples=["rate_limited"])
    text: str = Field(description="English text for people")
    retry: bool = Field(description="Whether the same request can succeed later")
    retry_after: float | None = Field(default=None, description="Seconds to wait before a repeat")
    fields: dict[str, Any] = Field(default_factory=dict, description="Values that belong to the code")


def answer_to(error: ChatError, status: int | None = None) -> JSONResponse:
    """The response for an error. `status` overrides that of its code."""
    body = ErrorBody(code=error.code, text=error.text, retry=error.retry, retry_after=error.retry_after, fields=error.fields)
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.row.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body.model_dump(), status_code=status or error.row.status, headers=headers)


async def on_chat_error(request: Request, error: Exception) -> JSONResponse:
    """A refusal by an actor or by a route."""
    if not isinstance(error, ChatError):
        raise error
    services_of(request).counters.refused(error.code if error.code in CODES else "internal")
    return answer_to(error)


_TOO_LONG = frozenset({"string_too_long", BODY_TOO_LONG})
"""Kinds of problem that a message's text above its limit has: by characters, or only by bytes."""


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """A request that its model refuses. What was sent is not repeated in the answer."""
    if not isinstance(error, RequestValidationError):
        raise error
    return await on_chat_error(request, _invalid(error.errors()))


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses by itself: unknown paths and methods, bodies that are no JSON."""
    if not isinstance(error, HTTPException):
        raise error
    codes = {404: "not_found", 405: "bad_method", 413: "too_large"}
    known = codes.get(error.status_code)
    return await on_chat_error(request, ChatError(known) if known else ChatError("invalid", reason="the request cannot be read"))


def _invalid(problems: Sequence[Any]) -> ChatError:
    if any(tuple(problem["loc"]) == ("body", "body") and problem["type"] in _TOO_LONG for problem in problems):
        return ChatError("too_large", limit=f"{MAX_BODY_BYTES} bytes")
    told = [{"where": _where(problem["loc"]), "problem": _problem(problem)} for problem in problems[:MAX_PROBLEMS]]
    reason = "; ".join(f"{problem['where']}: {problem['problem']}" for problem in told)
    return ChatError("invalid", reason=reason, problems=told)


def _where(location: Sequence[str | int]) -> str:
    return ascii(".".join(map(str, location)))[1:-1][:MAX_WHERE_CHARS]


def _problem(problem: dict[str, Any]) -> str:
    # Texts of the library's own kinds hold limits and patterns only; those of `value_error` are written by our models.
    return str(problem["msg"]).removeprefix("Value error, ")
