"""Which addresses a client tries, and in which order."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import uvloop
from fastapi import FastAPI
from fastapi.responses import Response

from gateway.client_edges import MAX_EDGES, edges_of, sorted_out, told_to_wait_s
from tests.kit.http_server import serving


def answering(text: str, status: int = 200) -> list[str]:
    """What a client makes of this answer to `GET /connect`; HOST stands for the server's own address."""
    app = FastAPI()

    @app.get("/connect")
    async def connect() -> Response:
        return Response(text, status, media_type="application/json")

    async def main() -> list[str]:
        async with serving(app) as port:
            found = await asyncio.to_thread(edges_of, f"ws://127.0.0.1:{port}/ws", None)
            return [url.replace(f"127.0.0.1:{port}", "HOST") for url in found]

    return uvloop.run(main())


def test_the_named_edges_come_first_and_the_given_address_last() -> None:
    assert answering(json.dumps({"edges": ["ws://a/ws", "ws://b/ws"]})) == ["ws://a/ws", "ws://b/ws", "ws://HOST/ws"]


@pytest.mark.parametrize(
    ("text", "status"), [("", 200), ("[]", 200), ('{"edges": 1}', 200), ('{"edges": [1]}', 200), ('{"edges": ["ws://a/ws"]}', 404)]
)
def test_an_answer_that_is_none_leaves_the_given_address(text: str, status: int) -> None:
    assert answering(text, status) == ["ws://HOST/ws"]


def test_a_server_that_cannot_be_asked_leaves_the_given_address() -> None:
    for url in ("ws://127.0.0.1:1/ws", "ws://127.0.0.1:port/ws", "nonsense"):
        assert edges_of(url, None) == [url]


def test_a_token_that_came_over_tls_is_taken_to_no_edge_without() -> None:
    assert sorted_out(["ws://a/ws", "wss://b/ws", "https://c"], "wss://x/ws") == ["wss://b/ws", "wss://x/ws"]
    assert sorted_out(["ws://a/ws", "wss://b/ws"], "ws://x/ws") == ["ws://a/ws", "wss://b/ws", "ws://x/ws"]


def test_not_all_of_many_edges_are_tried() -> None:
    named: list[Any] = [f"ws://{number}/ws" for number in range(20)]
    assert len(sorted_out(named, "ws://x/ws")) == MAX_EDGES + 1


@pytest.mark.parametrize(
    ("headers", "seconds"), [({"Retry-After": "7"}, 7.0), ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.0), ({}, 0.0)]
)
def test_a_refusal_says_when_to_come_again_in_seconds(headers: dict[str, str], seconds: float) -> None:
    assert told_to_wait_s(headers) == seconds
