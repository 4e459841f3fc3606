"""Oneself, other users, and what administrators do."""

from __future__ import annotations

import httpx
import pytest

from actors.messages.saga import DeleteAccount
from actors.messages.user import Register, SetProfile
from actors.naming import saga_for
from actors.runtime.actor import actor_id
from gateway.api.settings import ApiSettings
from gateway.auth.tokens import NO_END_MS
from tests.kit.api import PASSWORD, Api, code_of, run

NEW = "another good one"


async def patch_me(client: httpx.AsyncClient, **changes: object) -> httpx.Response:
    return await client.patch("/api/v1/me", json=changes)


def test_a_name_for_show_is_changed_alone() -> None:
    async def story() -> None:
        api = Api()
        client = await api.signed_in("ann")
        answer = await patch_me(client, display="Ann <b>安</b>")
        assert answer.json() == {"user": "ann", "display": "Ann <b>安</b>", "login": None}
        assert (await client.get("/api/v1/users/ann")).json() == {"user": "ann", "display": "Ann <b>安</b>", "service": False}

    run(story())


def test_a_new_password_needs_the_old_one_and_ends_all_other_logins() -> None:
    async def story() -> None:
        api = Api()
        first = await api.registered("ann")
        async with api.client() as client:
            other = (await client.post("/api/v1/login", json={"name": "ann", "password": PASSWORD})).json()
        client = api.client(token=first["token"])
        assert code_of(await patch_me(client, password=NEW, old_password="wrong one")) == (401, "bad_credentials")
        assert code_of(await patch_me(client, password=NEW)) == (400, "invalid")
        changed = (await patch_me(client, password=NEW, old_password=PASSWORD, display="Ann")).json()
        login = changed["login"]
        assert changed["display"] == "Ann" and login["device"] == first["device"]
        for token, status in ((first["token"], 401), (other["token"], 401), (login["token"], 200)):
            assert (await api.client(token=token).get("/api/v1/me")).status_code == status
        async with api.client() as anybody:
            for password, status in ((PASSWORD, 401), (NEW, 200)):
                answer = await anybody.post("/api/v1/login", json={"name": "ann", "password": password})
                assert answer.status_code == status

    run(story())


def test_an_account_ends_with_its_password_and_is_nobodys_then() -> None:
    async def story() -> None:
        api = Api()
        client = await api.signed_in("ann")
        assert code_of(await client.post("/api/v1/me/delete", json={"password": "wrong one"})) == (401, "bad_credentials")
        assert code_of(await client.post("/api/v1/me/delete", json={})) == (400, "invalid")
        assert code_of(await api.client().post("/api/v1/me/delete", json={"password": PASSWORD})) == (401, "bad_token")
        assert "ann" in api.actors.accounts
        assert (await client.post("/api/v1/me/delete", json={"password": PASSWORD})).status_code == 204
        assert code_of(await client.get("/api/v1/me")) == (401, "bad_token")
        assert [(to, asked.user) for to, asked in api.actors.asked if isinstance(asked, DeleteAccount)] == [
            (actor_id("saga", saga_for("delete", "ann", "")), "ann")
        ]

    run(story())


def test_an_administrator_ends_the_account_of_another_but_not_by_a_slip_their_own() -> None:
    async def story() -> None:
        api = Api()
        admin = await api.signed_in("ann", admin=True)
        bob = await api.signed_in("bob")
        assert code_of(await bob.delete("/api/v1/admin/accounts/ann")) == (403, "forbidden")
        assert code_of(await admin.delete("/api/v1/admin/accounts/ann")) == (403, "forbidden")
        assert (await admin.delete("/api/v1/admin/accounts/bob")).status_code == 204
        assert code_of(await admin.delete("/api/v1/admin/accounts/nobody")) == (404, "no_such_user")
        assert set(api.actors.accounts) == {"ann"}

    run(story())


def test_users_are_found_by_exact_name_and_only_with_a_token() -> None:
    async def story() -> None:
        api = Api()
        client = await api.signed_in("ann")
        await api.registered("bob")
        assert (await client.get("/api/v1/users/bob")).json()["user"] == "bob"
        assert code_of(await client.get("/api/v1/users/bo")) == (404, "no_such_user")
        assert code_of(await api.client().get("/api/v1/users/bob")) == (401, "bad_token")
        api.actors.accounts["bob"].disabled = True
        assert code_of(await client.get("/api/v1/users/bob")) == (404, "no_such_user")

    run(story())


@pytest.mark.parametrize(("method", "path"), [("POST", "accounts"), ("PATCH", "accounts/ann")])
def test_administration_is_for_administrators(method: str, path: str) -> None:
    async def story() -> None:
        api = Api()
        client = await api.signed_in("ann")
        body = {"name": "bob", "password": PASSWORD} if method == "POST" else {"admin": True}
        assert code_of(await client.request(method, f"/api/v1/admin/{path}", json=body)) == (403, "forbidden")
        assert not any(isinstance(asked, SetProfile) for _, asked in api.actors.asked)
        assert code_of(await api.client().request(method, f"/api/v1/admin/{path}", json=body)) == (401, "bad_token")

    run(story())


def test_an_administrator_makes_accounts_for_people() -> None:
    async def story() -> None:
        api = Api()
        root = await api.signed_in("root", admin=True)
        made = await root.post("/api/v1/admin/accounts", json={"name": "bob", "password": PASSWORD, "admin": True})
        assert made.status_code == 201
        assert made.json() == {"user": "bob", "display": "bob", "admin": True, "service": False, "device": None, "token": None}
        async with api.client() as client:
            assert (await client.post("/api/v1/login", json={"name": "bob", "password": PASSWORD})).status_code == 200

    run(story())


def test_an_administrator_makes_service_accounts_whose_token_has_no_end_and_no_password() -> None:
    async def story() -> None:
        api = Api()
        root = await api.signed_in("root", admin=True)
        made = (await root.post("/api/v1/admin/accounts", json={"name": "bot", "service": True})).json()
        asked = next(asked for _, asked in api.actors.asked if isinstance(asked, Register) and asked.service)
        assert asked.grant is not None and asked.grant.token_ends_at == NO_END_MS and asked.password == ""
        api.clock.advance(20 * 365 * 86_400)
        me = (await api.client(token=made["token"]).get("/api/v1/me")).json()
        assert (me["user"], me["device"], me["service"]) == ("bot", made["device"], True)
        for password in ("", " ", "decoy", PASSWORD):
            answer = await api.client().post("/api/v1/login", json={"name": "bot", "password": password})
            assert code_of(answer) in ((401, "bad_credentials"), (400, "invalid"))

    run(story())


@pytest.mark.parametrize("body", [{"name": "bob"}, {"name": "bob", "service": True, "password": PASSWORD}])
def test_an_account_is_of_one_kind(body: dict[str, object]) -> None:
    async def story() -> None:
        api = Api()
        root = await api.signed_in("root", admin=True)
        assert code_of(await root.post("/api/v1/admin/accounts", json=body)) == (400, "invalid")

    run(story())


def test_an_administrator_disables_and_resets_and_the_account_is_logged_out() -> None:
    async def story() -> None:
        api = Api()
        root = await api.signed_in("root", admin=True)
        bob = await api.signed_in("bob")
        answer = await root.patch("/api/v1/admin/accounts/bob", json={"password": NEW})
        assert answer.status_code == 200 and "password" not in answer.json()
        assert code_of(await bob.get("/api/v1/me")) == (401, "bad_token")
        assert (await root.patch("/api/v1/admin/accounts/bob", json={"disabled": True})).json()["disabled"] is True
        login = await api.client().post("/api/v1/login", json={"name": "bob", "password": NEW})
        assert code_of(login) == (403, "disabled")
        assert code_of(await root.patch("/api/v1/admin/accounts/nobody", json={"admin": True})) == (404, "no_such_user")

    run(story())


def test_administrators_cannot_lock_themselves_out() -> None:
    async def story() -> None:
        api = Api()
        root = await api.signed_in("root", admin=True)
        for changes in ({"disabled": True}, {"admin": False}):
            assert code_of(await root.patch("/api/v1/admin/accounts/root", json=changes)) == (403, "forbidden")
        assert (await root.get("/api/v1/me")).json()["admin"] is True

    run(story())


@pytest.mark.parametrize("name", ["admin", "ad.min", "support", "sup-port_", "warbler"])
def test_names_that_would_pass_for_the_operators_cannot_be_registered(name: str) -> None:
    async def story() -> None:
        api = Api(settings=ApiSettings(reserved_names=frozenset({"admin", "support", "warbler"})))
        async with api.client() as client:
            answer = await client.post("/api/v1/accounts", json={"name": name, "password": PASSWORD})
            assert code_of(answer) == (409, "name_reserved")
            assert (await client.post("/api/v1/accounts", json={"name": f"{name}2", "password": PASSWORD})).status_code == 201
        assert name not in api.actors.accounts

    run(story())
