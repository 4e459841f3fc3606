"""Login in steps, with further factors plugged in."""

from __future__ import annotations

import asyncio
from typing import Any

from actors.messages.user import GetCredentials, LogIn, Profile
from tests.kit.api import PASSWORD, Api, code_of, run


class CodeFactor:
    """A second factor: the account's name backwards."""

    def __init__(self, name: str = "code", wanted_by: tuple[str, ...] = ("ann",)) -> None:
        self.name = name
        self._wanted_by = wanted_by

    async def wanted(self, profile: Profile) -> bool:
        return profile.user in self._wanted_by

    async def accepts(self, profile: Profile, value: str) -> bool:
        return value == profile.user[::-1] + self.name


async def log_in(api: Api, name: str = "ann", password: str = PASSWORD, address: str = "127.0.0.1") -> Any:
    async with api.client(address=address) as client:
        return await client.post("/api/v1/login", json={"name": name, "password": password, "device_name": "Phone"})


async def show(api: Api, ticket: str, value: str, factor: str = "code") -> Any:
    async with api.client() as client:
        return await client.post(f"/api/v1/login/{ticket}", json={"factor": factor, "value": value})


def test_a_second_factor_is_asked_for_by_name_and_ends_the_login() -> None:
    async def story() -> None:
        api = Api(factors=(CodeFactor(),))
        await api.registered("ann")
        await api.registered("bob")
        step = (await log_in(api)).json()
        assert set(step) == {"next", "ticket"} and step["next"] == "code"
        assert not any(isinstance(asked, LogIn) for _, asked in api.actors.asked)
        assert code_of(await show(api, step["ticket"], "wrong")) == (401, "bad_credentials")
        login = (await show(api, step["ticket"], "nnacode")).json()
        assert login["user"] == "ann" and login["token"].startswith("wbl:ann:")
        assert code_of(await show(api, step["ticket"], "nnacode")) == (401, "bad_ticket")
        assert "token" in (await log_in(api, "bob")).json()

    run(story())


def test_several_factors_follow_each_other_in_order() -> None:
    async def story() -> None:
        api = Api(factors=(CodeFactor("code"), CodeFactor("word")))
        await api.registered("ann")
        first = (await log_in(api)).json()
        early = await show(api, first["ticket"], "nnaword", "word")
        assert code_of(early) == (409, "not_now") and early.json()["fields"] == {"next": "code"}
        second = (await show(api, first["ticket"], "nnacode")).json()
        assert second["next"] == "word"
        assert "token" in (await show(api, second["ticket"], "nnaword", "word")).json()

    run(story())


def test_a_ticket_bears_few_tries_and_an_end() -> None:
    async def story() -> None:
        api = Api(factors=(CodeFactor(),))
        await api.registered("ann")
        ticket = (await log_in(api)).json()["ticket"]
        codes = [code_of(await show(api, ticket, "wrong"))[1] for _ in range(6)]
        assert codes == ["bad_credentials"] * 5 + ["bad_ticket"]
        late = (await log_in(api)).json()["ticket"]
        api.clock.advance(301.0)
        assert code_of(await show(api, late, "nnacode")) == (401, "bad_ticket")

    run(story())


def test_a_ticket_ends_when_the_password_changes_on_the_way() -> None:
    async def story() -> None:
        api = Api(factors=(CodeFactor(),))
        await api.registered("ann")
        ticket = (await log_in(api)).json()["ticket"]
        api.actors.accounts["ann"].password = "v1:another"
        assert code_of(await show(api, ticket, "nnacode")) == (401, "bad_ticket")

    run(story())


def test_two_right_answers_at_once_log_in_once() -> None:
    async def story() -> None:
        api = Api(factors=(CodeFactor(),))
        await api.registered("ann")
        ticket = (await log_in(api)).json()["ticket"]
        held = api.actors.hold(GetCredentials)
        answers = [asyncio.create_task(show(api, ticket, "nnacode")) for _ in range(2)]
        for promise in await held.until(2):
            promise.resolve(api.actors.accounts["ann"].profile(with_password=True))
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*answers))
        assert statuses == [200, 401]

    run(story())


def test_a_stale_password_hash_does_not_spoil_the_ticket() -> None:
    async def story() -> None:
        api = Api(factors=(CodeFactor(),))
        await api.registered("ann")
        api.hasher.mark = "v2"
        ticket = (await log_in(api)).json()["ticket"]
        assert (await show(api, ticket, "nnacode")).status_code == 200

    run(story())


def test_the_table_of_tickets_is_bounded() -> None:
    async def story() -> None:
        api = Api(factors=(CodeFactor(),))
        await api.registered("ann")
        answers = [await log_in(api) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200] * 3 + [503]
        assert code_of(answers[3]) == (503, "overloaded") and int(answers[3].headers["Retry-After"]) > 290

    run(story())


def test_a_login_that_one_cell_began_is_ended_at_another() -> None:
    async def story() -> None:
        one = Api(factors=(CodeFactor(),))
        two = Api(factors=(CodeFactor(),), beside=one)
        await one.registered("ann")
        step = (await log_in(one)).json()
        assert (await show(two, step["ticket"], "nnacode")).json()["user"] == "ann"
        assert code_of(await show(one, step["ticket"], "nnacode")) == (401, "bad_ticket")

    run(story())
