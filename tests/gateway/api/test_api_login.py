"""Registering and logging in with a password."""

from __future__ import annotations

import asyncio
from typing import Any

from actors.errors import ChatError, Unavailable
from actors.messages.user import GetCredentials, Register, Rehash
from gateway.api.settings import ApiSettings
from gateway.auth.limits import Growth, Limits, Rate
from gateway.auth.tokens import digest
from tests.kit.api import PASSWORD, Api, code_of, run


async def log_in(api: Api, name: str = "ann", password: str = PASSWORD, address: str = "127.0.0.1") -> Any:
    async with api.client(address=address) as client:
        return await client.post("/api/v1/login", json={"name": name, "password": password, "device_name": "Phone"})


def test_registering_answers_with_a_device_that_is_logged_in() -> None:
    async def story() -> None:
        api = Api()
        login = await api.registered("ann")
        assert set(login) == {"user", "device", "display", "token", "refresh", "expires_in"}
        assert (login["user"], login["display"], login["expires_in"]) == ("ann", "ann", 30 * 86_400)
        async with api.client(token=login["token"]) as client:
            me = (await client.get("/api/v1/me")).json()
        assert (me["user"], me["device"], me["admin"]) == ("ann", login["device"], False)

    run(story())


def test_neither_password_nor_token_reaches_the_actors_in_the_clear() -> None:
    async def story() -> None:
        api = Api()
        login = await api.registered("ann")
        asked = next(request for _, request in api.actors.asked if isinstance(request, Register))
        assert asked.grant is not None
        assert asked.password == api.hasher.hash(PASSWORD)
        assert asked.grant.token == digest(login["token"])
        assert login["token"] not in repr(asked) and login["refresh"] not in repr(asked)

    run(story())


def test_a_name_that_is_taken_is_refused() -> None:
    async def story() -> None:
        api = Api()
        await api.registered("ann")
        async with api.client() as client:
            answer = await client.post("/api/v1/accounts", json={"name": "ann", "password": PASSWORD})
        assert code_of(answer) == (409, "name_taken")

    run(story())


def test_of_many_who_register_one_name_at_once_one_gets_it() -> None:
    async def story() -> None:
        api = Api()
        async with api.client() as client:
            wanted = {"name": "ann", "password": PASSWORD}
            answers = await asyncio.gather(*(client.post("/api/v1/accounts", json=wanted) for _ in range(10)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [201] + [409] * 9
        winner = next(answer for answer in answers if answer.status_code == 201).json()
        async with api.client(token=winner["token"]) as client:
            assert (await client.get("/api/v1/me")).status_code == 200

    run(story())


def test_a_closed_server_registers_nobody() -> None:
    async def story() -> None:
        api = Api(settings=ApiSettings(open_registration=False))
        async with api.client() as client:
            answer = await client.post("/api/v1/accounts", json={"name": "ann", "password": PASSWORD})
        assert code_of(answer) == (403, "forbidden")
        assert api.actors.asked == []

    run(story())


def test_logging_in_gives_each_device_tokens_of_its_own() -> None:
    async def story() -> None:
        api = Api()
        first = await api.registered("ann")
        second = (await log_in(api)).json()
        assert first["device"] != second["device"] and first["token"] != second["token"]
        async with api.client(token=second["token"]) as client:
            devices = (await client.get("/api/v1/devices")).json()["devices"]
        assert {device["device"]: device["current"] for device in devices} == {first["device"]: False, second["device"]: True}
        assert "Phone" in {device["name"] for device in devices}

    run(story())


def test_a_wrong_password_and_a_wrong_name_get_the_same_answer_for_the_same_work() -> None:
    async def story() -> None:
        api = Api()
        await api.registered("ann")
        wrong, nobody = await log_in(api, "ann", "not it at all"), await log_in(api, "nobody", PASSWORD)
        assert code_of(wrong) == code_of(nobody) == (401, "bad_credentials")
        assert wrong.content == nobody.content
        assert api.hasher.checked == [api.hasher.hash(PASSWORD), api.hasher.decoy()]

    run(story())


def test_a_disabled_account_is_told_only_to_who_knows_the_password() -> None:
    async def story() -> None:
        api = Api()
        await api.registered("ann")
        api.actors.accounts["ann"].disabled = True
        assert code_of(await log_in(api)) == (403, "disabled")
        assert code_of(await log_in(api, password="something else")) == (401, "bad_credentials")

    run(story())


def test_a_password_kept_with_old_parameters_is_hashed_again_and_nobody_is_logged_out() -> None:
    async def story() -> None:
        api = Api()
        before = await api.registered("ann")
        api.hasher.mark = "v2"
        assert (await log_in(api)).status_code == 200
        assert api.actors.accounts["ann"].password == f"v2:{PASSWORD}"
        async with api.client(token=before["token"]) as client:
            assert (await client.get("/api/v1/me")).status_code == 200

    run(story())


def test_a_login_is_good_also_where_hashing_again_fails() -> None:
    async def story() -> None:
        api = Api()
        await api.registered("ann")
        api.hasher.mark = "v2"
        api.actors.fail_next(Rehash, Unavailable())
        assert (await log_in(api)).status_code == 200
        assert api.actors.accounts["ann"].password == f"v1:{PASSWORD}"

    run(story())


def test_a_thousand_wrong_passwords_cost_few_checks_and_no_wait_of_ours() -> None:
    async def story() -> None:
        api = Api(limits=Limits(address=Rate(10_000.0, 10_000.0)))
        await api.registered("ann")
        async with api.client() as client:
            tried = {"name": "ann", "password": "wrong guess"}
            answers = [await client.post("/api/v1/login", json=tried) for _ in range(1_000)]
        limited = [answer for answer in answers if answer.status_code == 429]
        assert len(api.hasher.checked) == 1_000 - len(limited) <= 30
        assert code_of(limited[-1]) == (429, "rate_limited") and int(limited[-1].headers["Retry-After"]) >= 1
        assert code_of(await log_in(api)) == (429, "rate_limited")
        api.clock.advance(901.0)
        assert (await log_in(api)).status_code == 200

    run(story())


def test_wrong_passwords_at_once_get_no_further_than_in_a_row() -> None:
    async def story() -> None:
        api = Api(limits=Limits(address=Rate(10_000.0, 10_000.0), login_account=Growth(5, 60.0)))
        await api.registered("ann")
        async with api.client() as client:
            tried = {"name": "ann", "password": "wrong guess"}
            answers = await asyncio.gather(*(client.post("/api/v1/login", json=tried) for _ in range(50)))
        assert sum(answer.status_code == 401 for answer in answers) == 6
        assert len(api.hasher.checked) == 6

    run(story())


def test_a_busy_server_is_no_failed_login() -> None:
    async def story() -> None:
        api = Api(limits=Limits(login_account=Growth(1, 60.0)))
        await api.registered("ann")
        for _ in range(10):
            api.actors.fail_next(GetCredentials, Unavailable(retry_after=1.0))
            answer = await log_in(api)
            assert code_of(answer) == (503, "unavailable") and answer.headers["Retry-After"] == "1"
        assert (await log_in(api)).status_code == 200

    run(story())


def test_a_full_queue_of_hashes_is_told_with_a_time() -> None:
    async def story() -> None:
        api = Api(queue=0)
        async with api.client() as client:
            answer = await client.post("/api/v1/accounts", json={"name": "ann", "password": PASSWORD})
        assert code_of(answer) == (503, "overloaded")
        assert answer.json()["retry"] and int(answer.headers["Retry-After"]) >= 1

    run(story())


def test_an_error_of_the_actors_is_passed_on_with_its_fields() -> None:
    async def story() -> None:
        api = Api()
        api.actors.fail_next(Register, ChatError("refused", retry_after=2.5, reason="odd name"))
        async with api.client() as client:
            answer = await client.post("/api/v1/accounts", json={"name": "ann", "password": PASSWORD})
        assert answer.json() == {
            "code": "refused",
            "text": "The message was not accepted: odd name",
            "retry": False,
            "retry_after": 2.5,
            "fields": {"reason": "odd name"},
        }
        assert answer.headers["Retry-After"] == "3"

    run(story())
