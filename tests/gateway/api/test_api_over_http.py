"""The app under a real HTTP server: what in-process calls cannot show."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from gateway.api import guard
from gateway.api.settings import ApiSettings
from tests.kit.api import KEY, PASSWORD, Api, code_of, run
from tests.kit.http_server import exchange, serving

END = b"Connection: close\r\n\r\n"


def test_two_people_chat_by_http(tmp_path: Path) -> None:
    async def story() -> None:
        (tmp_path / "index.html").write_text("<title>Warbler</title>")
        api = Api(web_dist=tmp_path)
        async with serving(api.app) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            tokens = {}
            for name in ("ann", "bob"):
                made = await client.post("/api/v1/accounts", json={"name": name, "password": PASSWORD})
                tokens[name] = {"Authorization": f"Bearer {made.json()['token']}", "Idempotency-Key": KEY}
            room = (await client.post("/api/v1/direct", json={"user": "bob"}, headers=tokens["ann"])).json()["room"]
            path = f"/api/v1/rooms/{room}/messages"
            await client.post(path, json={"body": "hello 安"}, headers=tokens["ann"])
            page = (await client.get(path, headers=tokens["bob"])).json()
            assert [(entry["user"], entry["body"]) for entry in page["entries"]] == [("ann", "hello 安")]
            assert "Warbler" in (await client.get("/")).text
            assert code_of(await client.get("/api/v1/me", headers={"Authorization": "Bearer x"})) == (401, "bad_token")

    run(story())


def test_a_body_above_the_bound_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LINGER_S", 0.05)

    async def story() -> None:
        async with serving(Api().app) as port:
            head = b"POST /api/v1/accounts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            announced = await exchange(port, head + b"Content-Length: 1000000000\r\n\r\n{")
            assert announced.startswith(b"HTTP/1.1 413 ") and b'"too_large"' in announced
            chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
            chunked = await exchange(port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 2)
            assert chunked.startswith(b"HTTP/1.1 413 ") and b'"too_large"' in chunked

    run(story())


def test_broken_http_gets_no_traceback() -> None:
    async def story() -> None:
        async with serving(Api().app) as port:
            for request in (
                b"GET /api/v1/me HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n" + END,
                b"POST /api/v1/accounts HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n" + END,
                b"POST /api/v1/accounts HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n" + END + b"12345",
                b"GET /%ff%fe%00 HTTP/1.1\r\nHost: a\r\n" + END,
                b"GET /..%2f..%2fetc/passwd HTTP/1.1\r\nHost: a\r\n" + END,
                b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n" + END,
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            ):
                answer = await exchange(port, request)
                assert b"Traceback" not in answer and b"root:" not in answer and b"evil" not in answer
                assert answer[9:10] in (b"4", b"5", b""), answer

    run(story())


def test_answers_do_not_name_the_software() -> None:
    async def story() -> None:
        async with serving(Api(settings=ApiSettings()).app) as port, httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{port}/connect")
            assert "server" not in answer.headers and "uvicorn" not in str(answer.headers)

    run(story())
