"""The HTTP side over scripted actors, a hand-moved clock and a cheap hasher: what its tests start from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from gateway.all_cells import AllCells, Other
from gateway.api.app import create_app
from gateway.api.settings import ApiSettings
from gateway.auth.factors import Factor
from gateway.auth.limits import Limiter, Limits
from gateway.auth.passwords import Passwords
from gateway.health import Health
from gateway.metrics import HttpCounters, Metrics
from gateway.proxies import Proxies
from tests.kit.clock import Clock
from tests.kit.scripted_actors import ScriptedActors

T = TypeVar("T")
KEY = "key-000001"
PASSWORD = "correct horse"


class CheapHasher:
    """Marks the password as hashed; counts what was asked of it."""

    def __init__(self, mark: str = "v1") -> None:
        self.mark = mark
        self.checked: list[str] = []

    def hash(self, password: str) -> str:
        """``mark:password``."""
        return f"{self.mark}:{password}"

    def matches(self, stored: str, password: str) -> bool:
        """Whether they are the same behind the mark."""
        self.checked.append(stored)
        return stored.partition(":")[2] == password

    def is_stale(self, stored: str) -> bool:
        """Whether another mark was used."""
        return not stored.startswith(f"{self.mark}:")

    def decoy(self) -> str:
        """Matches nothing."""
        return "decoy:\0"


async def _well() -> Mapping[str, Any]:
    return {"seq": 1}


class Api:
    """One app and all that it was given."""

    def __init__(
        self,
        *,
        settings: ApiSettings | None = None,
        limits: Limits | None = None,
        web_dist: Path | None = None,
        page_sources: Callable[[], Sequence[str]] = list,
        factors: tuple[Factor, ...] = (),
        probe: Callable[[], Awaitable[Mapping[str, Any]]] = _well,
        queue: int = 64,
        proxies: Proxies | None = None,
        beside: Api | None = None,
    ) -> None:
        """`beside`: another cell of the same cluster."""
        self.clock = beside.clock if beside is not None else Clock()
        self.actors = beside.actors if beside is not None else ScriptedActors(self.clock, limits or Limits())
        self.hasher = CheapHasher()
        self.passwords = Passwords(self.hasher, queue=queue)
        self.counters = HttpCounters()
        self.others: list[Other] = []
        """The other cells."""
        self.health = Health(probe, self.clock.now)
        self.metrics = Metrics("c1", {"http_requests": lambda: self.counters.by_status, "refusals": lambda: self.counters.refusals})
        self.app: FastAPI = create_app(
            asker=self.actors,
            clock=self.clock,
            passwords=self.passwords,
            limiter=Limiter(self.clock.now, limits or Limits()),
            cells=AllCells("c1", self.actors, lambda: self.others, self.metrics, self.health, self.clock.now),
            counters=self.counters,
            secret=b"what all edges share",
            settings=settings or ApiSettings(),
            proxies=proxies,
            edges=lambda: ["wss://a.example/ws", "wss://b.example/ws"],
            web_dist=web_dist,
            page_sources=page_sources,
            factors=factors,
        )

    def client(self, *, address: str = "127.0.0.1", token: str = "") -> httpx.AsyncClient:
        """A client that calls the app in this process."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True, client=(address, 40_000))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(transport=transport, base_url="http://chat.example", headers=headers)

    async def registered(self, name: str, *, admin: bool = False, address: str = "127.0.0.1") -> dict[str, Any]:
        """A new account's first login."""
        async with self.client(address=address) as client:
            answer = await client.post("/api/v1/accounts", json={"name": name, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        self.actors.accounts[name].admin = admin
        login: dict[str, Any] = answer.json()
        return login

    async def signed_in(self, name: str, *, admin: bool = False) -> httpx.AsyncClient:
        """A client that shows the token of a new account."""
        return self.client(token=(await self.registered(name, admin=admin))["token"])


def run(story: Awaitable[T]) -> T:
    """Run an async test to its end, in a loop of its own."""

    async def told() -> T:
        return await story

    return asyncio.run(told())


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal; checks that it has the one shape of all refusals."""
    body = answer.json()
    assert set(body) == {"code", "text", "retry", "retry_after", "fields"}
    assert "Traceback" not in answer.text
    return answer.status_code, body["code"]
