"""What operators and balancers ask: health, metrics, edges; and who may."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

import pytest

from actors.errors import Unavailable
from gateway.api.settings import ApiSettings
from tests.kit.api import Api, code_of, run


def test_health_is_told_with_its_details() -> None:
    async def story() -> None:
        async def probe() -> Mapping[str, Any]:
            return {"room": "canary", "seq": 7}

        answer = await Api(probe=probe).client().get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"ok": True, "took_ms": 0.0, "room": "canary", "seq": 7})

    run(story())


def test_a_server_that_cannot_deliver_says_so() -> None:
    async def story() -> None:
        async def probe() -> Mapping[str, Any]:
            raise Unavailable

        answer = await Api(probe=probe).client().get("/healthz")
        assert (answer.status_code, answer.json()) == (503, {"ok": False, "took_ms": 0.0, "code": "unavailable"})

    run(story())


def test_edges_are_named_best_first() -> None:
    async def story() -> None:
        answer = await Api().client().get("/connect")
        assert answer.json() == {"edges": ["wss://a.example/ws", "wss://b.example/ws"]}

    run(story())


def test_metrics_are_prometheus_text_and_count_requests_and_refusals() -> None:
    async def story() -> None:
        api = Api()
        await api.client().get("/connect")
        await api.client().get("/api/v1/me")
        answer = await api.client().get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'warbler_http_requests_total{cell="c1",status="2xx"} 1.0' in answer.text
        assert 'warbler_refusals_total{cell="c1",code="bad_token"} 1.0' in answer.text

    run(story())


@pytest.mark.parametrize(
    ("address", "status"),
    [("127.0.0.1", 200), ("127.9.9.9", 200), ("::1", 200), ("192.0.2.1", 403), ("10.1.2.3", 200), ("2001:db8::1", 403)],
)
def test_metrics_are_open_to_the_configured_networks(address: str, status: int) -> None:
    async def story() -> None:
        settings = ApiSettings(metrics_networks=(*ApiSettings().metrics_networks, ip_network("10.0.0.0/8")))
        assert (await Api(settings=settings).client(address=address).get("/metrics")).status_code == status

    run(story())


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_a_proxy_that_is_not_trusted_opens_metrics_to_nobody(header: str) -> None:
    async def story() -> None:
        answer = await Api().client().get("/metrics", headers={header: "127.0.0.1"})
        assert code_of(answer) == (403, "forbidden")

    run(story())


def test_metrics_open_with_their_token_and_with_no_other() -> None:
    async def story() -> None:
        api = Api(settings=ApiSettings(metrics_token="scrape-me-please"))
        admin = await api.registered("root", admin=True)
        for token, status in (("scrape-me-please", 200), ("scrape-me", 403), (admin["token"], 403)):
            assert (await api.client(address="192.0.2.1", token=token).get("/metrics")).status_code == status

    run(story())
