"""Tokens are refreshed, end, and are taken away."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.auth.successors import STRETCH_S
from tests.kit.api import PASSWORD, Api, code_of, run


async def log_in(api: Api, name: str = "ann", password: str = PASSWORD, address: str = "127.0.0.1") -> Any:
    async with api.client(address=address) as client:
        return await client.post("/api/v1/login", json={"name": name, "password": password, "device_name": "Phone"})


def test_refreshing_replaces_both_tokens_and_keeps_the_device() -> None:
    async def story() -> None:
        api = Api()
        old = await api.registered("ann")
        async with api.client() as client:
            new = (await client.post("/api/v1/refresh", json={"refresh": old["refresh"]})).json()
        assert new["device"] == old["device"]
        for token, status in ((old["token"], 401), (new["token"], 200)):
            async with api.client(token=token) as client:
                assert (await client.get("/api/v1/me")).status_code == status

    run(story())


@pytest.mark.parametrize("text", ["", "nonsense", "wbr:nobody:device01:" + "a" * 43, "wbl:ann:" + "a" * 43])
def test_what_is_no_refresh_token_refreshes_nothing(text: str) -> None:
    async def story() -> None:
        api = Api()
        await api.registered("ann")
        async with api.client() as client:
            answer = await client.post("/api/v1/refresh", json={"refresh": text})
        assert code_of(answer) in ((401, "bad_token"), (400, "invalid"))

    run(story())


def test_a_refresh_whose_answer_was_lost_can_be_repeated_for_a_while_and_gives_the_same() -> None:
    async def story() -> None:
        api = Api()
        old = await api.registered("ann")
        async with api.client() as client:
            new = (await client.post("/api/v1/refresh", json={"refresh": old["refresh"]})).json()
            again = (await client.post("/api/v1/refresh", json={"refresh": old["refresh"]})).json()
            api.clock.advance(STRETCH_S)
            later = (await client.post("/api/v1/refresh", json={"refresh": old["refresh"]})).json()
            assert new == again == {**later, "expires_in": new["expires_in"]}
            api.clock.advance(2 * STRETCH_S)
            assert code_of(await client.post("/api/v1/refresh", json={"refresh": old["refresh"]})) == (401, "bad_token")

    run(story())


def test_a_refresh_token_shown_again_after_its_successor_was_used_logs_the_device_out() -> None:
    async def story() -> None:
        api = Api()
        old = await api.registered("ann")
        async with api.client() as client:
            new = (await client.post("/api/v1/refresh", json={"refresh": old["refresh"]})).json()
            used = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {new['token']}"})
            assert used.status_code == 200
            again = await client.post("/api/v1/refresh", json={"refresh": old["refresh"]})
            assert code_of(again) == (401, "bad_token")
            me = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {new['token']}"})
            assert code_of(me) == (401, "bad_token")

    run(story())


def test_a_token_ends_with_its_time() -> None:
    async def story() -> None:
        api = Api()
        client = await api.signed_in("ann")
        api.clock.advance(30 * 86_400 + 1)
        assert code_of(await client.get("/api/v1/me")) == (401, "bad_token")

    run(story())


def test_logging_out_ends_this_token_and_no_other() -> None:
    async def story() -> None:
        api = Api()
        first = await api.registered("ann")
        second = (await log_in(api)).json()
        async with api.client(token=first["token"]) as client:
            out = await client.post("/api/v1/logout")
            assert (out.status_code, out.content) == (204, b"")
            assert code_of(await client.get("/api/v1/me")) == (401, "bad_token")
        async with api.client(token=second["token"]) as client:
            assert (await client.get("/api/v1/me")).status_code == 200

    run(story())


def test_a_device_can_be_logged_out_from_another() -> None:
    async def story() -> None:
        api = Api()
        first = await api.registered("ann")
        second = (await log_in(api)).json()
        async with api.client(token=second["token"]) as client:
            assert (await client.delete(f"/api/v1/devices/{first['device']}")).status_code == 204
            assert code_of(await client.delete(f"/api/v1/devices/{first['device']}")) == (404, "no_such_device")
        async with api.client(token=first["token"]) as client:
            assert code_of(await client.get("/api/v1/me")) == (401, "bad_token")

    run(story())
