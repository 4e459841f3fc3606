"""Bounds before parsing, headers on every answer, and nothing of the inside for anybody outside."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from actors.messages.user import CheckToken, GetProfile, Register
from gateway.api.guard import LINGER_BYTES
from gateway.api.settings import ApiSettings
from gateway.auth.limits import Limits, Rate
from gateway.proxies import Proxies
from tests.kit.api import KEY, PASSWORD, Api, code_of, run

ACCOUNT = {"name": "ann", "password": PASSWORD}


async def register(api: Api, content: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Response:
    async with api.client() as client:
        return await client.post("/api/v1/accounts", content=content, headers={"Content-Type": "application/json", **headers})


def test_a_body_above_the_bound_is_refused_before_it_is_read() -> None:
    async def story() -> None:
        api = Api()
        taken = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal taken
            while True:
                taken += 1
                yield b" " * 16_384

        announced = await register(api, b"x" * 70_000)
        assert code_of(announced) == (413, "too_large") and announced.headers["Connection"] == "close"
        assert code_of(await register(api, endless())) == (413, "too_large")
        # The bound, and what is thrown away so that the sender sees the answer.
        assert taken * 16_384 <= 64 * 1024 + LINGER_BYTES + 2 * 16_384
        assert api.actors.asked == []

    run(story())


def test_a_body_at_the_bound_is_read() -> None:
    async def story() -> None:
        api = Api()
        body = json.dumps(ACCOUNT).encode()
        assert (await register(api, body + b" " * (64 * 1024 - len(body)))).status_code == 201

    run(story())


def test_a_body_that_does_not_come_is_given_up() -> None:
    async def story() -> None:
        api = Api(settings=ApiSettings(body_timeout_s=0.0))
        never = asyncio.Event()

        async def stuck() -> AsyncIterator[bytes]:
            yield b"{"
            await never.wait()

        answer = await register(api, stuck())
        assert code_of(answer) == (400, "invalid") and answer.headers["Connection"] == "close"

    run(story())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[" * 60_000,
        b'{"a":' * 12_000,
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"NaN",
        b'"' + b"x" * 60_000,
        b'{"name": NaN, "password": Infinity}',
        b'{"name": "ann", "password": 12345678}',
        b'{"name": "ann", "password": "\\ud800\\ud800\\ud800\\ud800\\ud800\\ud800\\ud800\\ud800"}',
        b'{"name": ["ann"], "password": {"a": 1}}',
        b'{"name": "ann", "password": "correct horse", "admin": true}',
        b'{"name": "ann", "password": "correct horse", "__proto__": {}}',
        b'{"name": "ann", "password": "short"}',
        b'{"name": "ann", "password": "correct horse", "display": "two\\nlines"}',
        b'{"name": "ann", "password": "correct horse", "display": "\\u202eturned"}',
        b'{"name": "ann", "password": "correct horse", "display": "nul\\u0000"}',
        b'{"name": "ann", "password": "correct horse", "display": "   "}',
    ],
)
def test_a_body_that_is_not_what_was_asked_for_is_refused_and_not_repeated(content: bytes) -> None:
    async def story() -> None:
        api = Api()
        answer = await register(api, content)
        assert code_of(answer) == (400, "invalid")
        assert len(answer.content) < 2_000
        assert "correct horse" not in answer.text and "12345678" not in answer.text
        assert api.actors.asked == []

    run(story())


@pytest.mark.parametrize(
    "name",
    [
        "'; DROP TABLE users; --",
        '" OR ""="',
        "ann\u0000",
        "ann\n",
        "Ann",
        "änn",
        "аnn",  # the first letter is Cyrillic
        "安",
        "a",
        "a" * 33,
        "../etc/passwd",
        "ann:bob",
        "user:ann",
        "-ann",
        "ann%00",
        "a\u200bnn",
        "<script>",
        "",
    ],
)
def test_odd_names_are_refused_everywhere(name: str) -> None:
    async def story() -> None:
        api = Api()
        async with api.client() as client:
            for path, body in (("accounts", {"name": name, "password": PASSWORD}), ("login", {"name": name, "password": PASSWORD})):
                assert code_of(await client.post(f"/api/v1/{path}", json=body)) == (400, "invalid")
        assert api.actors.asked == []
        ann = await api.signed_in("ann")
        answer = await ann.get("/api/v1/users/" + quote(name, safe=""))
        assert answer.status_code in (400, 404) and code_of(answer)[1] in ("invalid", "not_found")
        assert not any(isinstance(asked, GetProfile) for _, asked in api.actors.asked)

    run(story())


@pytest.mark.parametrize(
    "authorization",
    [
        [],
        [""],
        ["Bearer"],
        ["Bearer "],
        ["Basic YW5uOmE="],
        ["Bearer wbl:ann:" + "a" * 43],
        ["Bearer wbl:nobody:" + "a" * 43],
        ["Bearer wbl:room:../x:" + "a" * 43],
        ["Bearer " + "x" * 10_000],
        ["Token {token}"],
        ["{token}"],
        ["Bearer {token}x"],
        ["Bearer {token}", "Bearer {token}"],
        ["Bearer {token}", "Bearer other"],
    ],
)
def test_only_one_good_bearer_token_opens_the_door(authorization: list[str]) -> None:
    async def story() -> None:
        api = Api()
        token = (await api.registered("ann"))["token"]
        headers = [("Authorization", value.replace("{token}", token)) for value in authorization]
        answer = await api.client().get("/api/v1/me", headers=headers)
        assert code_of(answer) == (401, "bad_token")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        good = await api.client().get("/api/v1/me", headers={"Authorization": f"bEARER {token}"})
        assert good.status_code == 200

    run(story())


def test_a_token_in_a_cookie_is_no_token() -> None:
    async def story() -> None:
        api = Api()
        token = (await api.registered("ann"))["token"]
        answer = await api.client().get("/api/v1/me", headers={"Cookie": f"token={token}; Authorization=Bearer {token}"})
        assert code_of(answer) == (401, "bad_token")
        assert "set-cookie" not in answer.headers

    run(story())


@pytest.mark.parametrize(
    "url",
    [
        "/api/v1/me?token={token}",
        "/api/v1/me?access_token=x",
        "/api/v1/me?x={token}",
        "/api/v1/me?{token}",
        "/?ToKeN=x",
        "/{token}",
        "/connect?password=x",
    ],
)
def test_a_secret_in_a_url_is_refused_also_beside_a_good_header(url: str) -> None:
    async def story() -> None:
        api = Api()
        token = (await api.registered("ann"))["token"]
        answer = await api.client(token=token).get(url.replace("{token}", token))
        assert code_of(answer) == (400, "invalid")
        assert token not in answer.text and not any(isinstance(asked, CheckToken) for _, asked in api.actors.asked)

    run(story())


def test_long_urls_and_many_fields_are_refused() -> None:
    async def story() -> None:
        client = Api().client()
        assert code_of(await client.get("/" + "a" * 5_000)) == (413, "too_large")
        assert code_of(await client.get("/connect?" + "&".join(f"a{n}=1" for n in range(30)))) == (400, "invalid")

    run(story())


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "[::1]", "chat.example@evil.example"])
def test_no_answer_is_built_from_the_host_and_a_list_of_names_is_kept(host: str) -> None:
    async def story() -> None:
        for path in ("/connect", "/api/v1/me/", "/api/v1", "/docs/", "/openapi.json"):
            answer = await Api().client().get(path, headers={"Host": host})
            assert "evil" not in answer.text + str(answer.headers) and not answer.is_redirect
        strict = Api(settings=ApiSettings(hosts=("chat.example", "[::2]"))).client()
        assert code_of(await strict.get("/connect", headers={"Host": host})) == (400, "invalid")
        for good in ("chat.example", "CHAT.example:8443", "[::2]:80"):
            assert (await strict.get("/connect", headers={"Host": good})).status_code == 200

    run(story())


def test_what_somebody_sends_never_becomes_a_header() -> None:
    async def story() -> None:
        api = Api()
        ann = await api.signed_in("ann")
        evil = "x%0d%0aSet-Cookie:%20a=b"
        for answer in (
            await ann.get(f"/api/v1/users/{evil}"),
            await ann.get(f"/{evil}"),
            await ann.get(f"/api/v1/rooms?after={evil}"),
            await ann.post("/api/v1/rooms", json={"name": "x\r\nSet-Cookie: a=b"}, headers={"Idempotency-Key": KEY}),
        ):
            assert "set-cookie" not in answer.headers
            assert all("\r" not in value and "\n" not in value for value in answer.headers.values())

    run(story())


def test_every_answer_carries_the_headers_that_keep_browsers_strict() -> None:
    async def story() -> None:
        api = Api(settings=ApiSettings(hsts_s=3_600))
        client = api.client()
        for answer in (
            await client.get("/connect"),
            await client.get("/nothing.here"),
            await client.get("/api/v1/me"),
            await client.get("/?token=x"),
            await register(api, b"x" * 70_000),
        ):
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["Strict-Transport-Security"] == "max-age=3600"
            assert answer.headers["Cache-Control"] == "no-store"
        assert "strict-transport-security" not in (await Api().client().get("/connect")).headers

    run(story())


def test_a_bug_is_told_as_internal_and_only_the_log_knows_more(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        api = Api()
        api.actors.fail_next(Register, RuntimeError("secret inside at /srv/warbler"))
        with caplog.at_level(logging.ERROR):
            answer = await register(api, json.dumps(ACCOUNT).encode())
        assert code_of(answer) == (500, "internal")
        assert "secret" not in answer.text and "srv" not in answer.text
        assert any(record.exc_info and "secret inside" in str(record.exc_info[1]) for record in caplog.records)
        assert (await register(api, json.dumps(ACCOUNT).encode())).status_code == 201

    run(story())


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v1/nothing"), ("GET", "/api"), ("POST", "/api/v1/me"), ("TRACE", "/api/v1/me")])
def test_unknown_paths_and_methods_have_the_shape_of_all_errors(method: str, path: str) -> None:
    async def story() -> None:
        assert code_of(await Api().client().request(method, path)) in ((404, "not_found"), (405, "bad_method"))

    run(story())


def test_addresses_and_accounts_have_a_rate() -> None:
    async def story() -> None:
        api = Api(limits=Limits(address=Rate(1.0, 5.0), account=Rate(1.0, 2.0)))
        token = (await api.registered("ann", address="192.0.2.9"))["token"]
        one, other = api.client(address="192.0.2.1", token=token), api.client(address="192.0.2.2", token=token)
        answers = [await one.get("/api/v1/me") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 429, 429]
        assert (await other.get("/connect")).status_code == 200
        assert code_of(await other.get("/api/v1/me")) == (429, "rate_limited")
        api.clock.advance(1.0)
        assert (await other.get("/api/v1/me")).status_code == 200

    run(story())


def test_behind_a_trusted_proxy_each_client_has_a_rate_of_its_own() -> None:
    async def story() -> None:
        api = Api(limits=Limits(address=Rate(1.0, 1.0)), proxies=Proxies(["10.0.0.0/8"]))
        proxy, stranger = api.client(address="10.0.0.1"), api.client(address="192.0.2.1")

        async def status(client: httpx.AsyncClient, told: str) -> int:
            return (await client.get("/connect", headers={"X-Forwarded-For": told})).status_code

        assert [await status(proxy, told) for told in ("198.51.100.1", "198.51.100.1", "198.51.100.2")] == [200, 429, 200]
        assert [await status(stranger, told) for told in ("198.51.100.3", "198.51.100.4")] == [200, 429]

    run(story())


def test_other_origins_are_answered_only_when_they_are_configured() -> None:
    async def story() -> None:
        open_to = Api(settings=ApiSettings(origins=("https://app.example",)))

        async def asked(api: Api, origin: str) -> Any:
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
            async with api.client() as client:
                before = await client.options("/api/v1/rooms", headers=headers)
                real = await client.get("/api/v1/me", headers={"Origin": origin})
            return [answer.headers.get("access-control-allow-origin") for answer in (before, real)]

        assert await asked(open_to, "https://app.example") == ["https://app.example"] * 2
        for origin in ("https://evil.example", "null", "https://app.example.evil.example", "http://app.example"):
            assert await asked(open_to, origin) == [None, None]
        assert await asked(Api(), "https://app.example") == [None, None]

    run(story())
