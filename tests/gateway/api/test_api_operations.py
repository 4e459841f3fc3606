"""What operators and balancers ask: health, metrics, edges; and who may."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

import pytest

from actors.errors import Unavailable
from actors.messages.cells import ReadFigures, ReadHealth
from gateway.all_cells import Other
from gateway.api.settings import ApiSettings
from tests.kit.api import Api, code_of, run


def test_health_is_told_with_its_details() -> None:
    async def story() -> None:
        async def probe() -> Mapping[str, Any]:
            return {"room": "canary", "seq": 7}

        own = {"ok": True, "took_ms": 0.0}
        answer = await Api(probe=probe).client().get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {**own, "room": "canary", "seq": 7, "cells": {"c1": own}})

    run(story())


def test_a_server_that_cannot_deliver_says_so() -> None:
    async def story() -> None:
        async def probe() -> Mapping[str, Any]:
            raise Unavailable

        own = {"ok": False, "took_ms": 0.0, "code": "unavailable"}
        answer = await Api(probe=probe).client().get("/healthz")
        assert (answer.status_code, answer.json()) == (503, {**own, "cells": {"c1": own}})

    run(story())


def test_the_status_tells_of_this_cell_or_where_that_is_asked_of_all() -> None:
    async def story() -> None:
        api = Api()
        api.others.append(Other("c2", "c2.1"))
        api.actors.fail_next(ReadHealth, Unavailable())
        for path, status in (("/healthz", 200), ("/healthz?scope=cell", 200), ("/healthz?scope=all", 503)):
            answer = await api.client().get(path)
            assert (answer.status_code, answer.json()["cells"]["c2"]) == (status, {"ok": False, "code": "no_answer"})
        assert code_of(await api.client().get("/healthz?scope=nothing")) == (400, "invalid")

    run(story())


def test_metrics_name_the_cells_that_do_not_answer_unless_one_alone_is_asked_for() -> None:
    async def story() -> None:
        api = Api()
        api.others.append(Other("c2", "c2.1"))
        api.actors.fail_next(ReadFigures, Unavailable())
        assert 'warbler_cell_up{cell="c2"} 0.0' in (await api.client().get("/metrics")).text
        assert "warbler_cell_up" not in (await api.client().get("/metrics?scope=cell")).text

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
