"""The HTTP app, put together: everything it works with is handed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from actors.errors import ChatError
from actors.ports import Asker
from gateway.all_cells import AllCells
from gateway.api import accounts, admin, operations, rooms
from gateway.api.docs import add_docs
from gateway.api.errors import ErrorBody, on_chat_error, on_http_error, on_invalid
from gateway.api.guard import Guard
from gateway.api.services import Services
from gateway.api.settings import ApiSettings
from gateway.api.static import WebFiles
from gateway.auth.budgets import Budgets
from gateway.auth.factors import Factor
from gateway.auth.limits import Limiter
from gateway.auth.login_tickets import LoginTickets
from gateway.auth.passwords import Passwords
from gateway.auth.successors import Successors
from gateway.clock import Clock
from gateway.metrics import HttpCounters
from gateway.proxies import Proxies

DESCRIPTION = """Accounts, rooms, history and posts over HTTP. Chat itself goes over the WebSocket at `/ws`.

Show the `token` of a login as `Authorization: Bearer ...`, never in a URL. Every refusal has the shape of `ErrorBody`."""


def create_app(
    *,
    asker: Asker,
    clock: Clock,
    passwords: Passwords,
    limiter: Limiter,
    cells: AllCells,
    counters: HttpCounters,
    secret: bytes,
    settings: ApiSettings = ApiSettings(),  # noqa: B008 - frozen
    proxies: Proxies | None = None,
    edges: Callable[[], Sequence[str]] = list,
    web_dist: Path | None = None,
    page_sources: Callable[[], Sequence[str]] = list,
    factors: Sequence[Factor] = (),
    version: str = "1",
) -> FastAPI:
    """The app. It owns nothing that was handed in: who made it also closes it. `secret`: what all edges share.
    `page_sources`: where the page may connect besides here."""
    services = Services(
        asker=asker,
        settings=settings,
        clock=clock,
        passwords=passwords,
        limiter=limiter,
        budgets=Budgets(asker, limiter),
        tickets=LoginTickets(asker),
        successors=Successors(secret),
        factors=tuple(factors),
        cells=cells,
        counters=counters,
        proxies=Proxies() if proxies is None else proxies,
        edges=edges,
    )
    app = _bare_app(version)
    app.state.services = services
    for router in (accounts.router, rooms.router, admin.router, operations.router):
        app.include_router(router)
    add_docs(app)
    app.add_route("/{path:path}", WebFiles(web_dist, page_sources).answer, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_middleware(Guard, services=services)
    if settings.origins:
        _allow_origins(app, settings.origins)
    return app


def _bare_app(version: str) -> FastAPI:
    refusals: dict[int | str, dict[str, Any]] = {"default": {"model": ErrorBody, "description": "Refused"}}
    return FastAPI(
        title="Warbler",
        version=version,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        # A redirect would be built from the client's `Host`.
        redirect_slashes=False,
        responses=refusals,
        exception_handlers={ChatError: on_chat_error, RequestValidationError: on_invalid, HTTPException: on_http_error},
    )


def _allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
        expose_headers=["Retry-After"],
        max_age=600,
    )
