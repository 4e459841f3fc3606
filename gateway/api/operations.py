"""Routes for operators and balancers: health, metrics, which edge to connect to.

`/metrics` is open to clients whose address lies in a configured network (loopback by default), unless the request came
through a proxy (it carries a forwarding header: a proxy on loopback must not open it to the world), and to whoever
shows the metrics token. An account's token, an administrator's included, does not open it.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from ipaddress import ip_address
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from actors.errors import ChatError
from gateway.api.answers import EdgesTold, HealthTold
from gateway.api.caller import bearer_of
from gateway.api.services import Services, WithServices, address_of
from gateway.metrics import CONTENT_TYPE

router = APIRouter(tags=["operations"])
FORWARDING = ("forwarded", "x-forwarded-for", "x-real-ip")


@router.get("/connect")
async def connect(services: WithServices) -> EdgesTold:
    """Where to open a connection: edges to try, best first. An empty list means: here."""
    return EdgesTold(edges=list(services.edges()))


@router.get("/healthz", response_model=HealthTold, responses={503: {"model": HealthTold, "description": "Delivery does not work"}})
async def healthz(services: WithServices, scope: Literal["cell", "all"] = "cell") -> JSONResponse:
    """Whether a post goes from a session through room, store and fan-out to another session; known for two seconds. The status
    tells of the cell that answers, with `scope=all` of every cell; `cells` in the answer names them all."""
    is_well, are_all_well, details = await services.cells.health()
    return JSONResponse(details, status_code=200 if (are_all_well if scope == "all" else is_well) else 503)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, services: WithServices, scope: Literal["cell", "all"] = "all") -> Response:
    """Metrics of all cells, or of the one that answers, for Prometheus. From the configured networks, or with the metrics token."""
    if not (_from_network(request, services) or _has_token(request, services)):
        raise ChatError("forbidden")
    return Response(await services.cells.figures(alone=scope == "cell"), media_type=CONTENT_TYPE)


def _from_network(request: Request, services: Services) -> bool:
    if any(name in request.headers for name in FORWARDING):
        return False
    try:
        address = ip_address(address_of(request).partition("%")[0])
    except ValueError:
        return False
    return any(address in network for network in services.settings.metrics_networks)


def _has_token(request: Request, services: Services) -> bool:
    expected = services.settings.metrics_token
    if not expected or "authorization" not in request.headers:
        return False
    given = bearer_of(request)
    return hmac.compare_digest(sha256(given.encode()).digest(), sha256(expected.encode()).digest())
