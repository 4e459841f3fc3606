"""The account calls of the SDK against the HTTP API under a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest

from actors.errors import ChatError, Unavailable
from gateway.client_accounts import REFRESH_PAUSES_S, Accounts, Login
from tests.kit.api import Api
from tests.kit.http_server import serving

T = TypeVar("T")
PASSWORD = "correct horse battery"


def with_accounts(calls: Callable[[Accounts], T], api: Api | None = None) -> T:
    """Make blocking calls in a thread, against a served API."""

    async def main() -> T:
        async with serving((api or Api()).app) as port:
            return await asyncio.to_thread(calls, Accounts(f"http://127.0.0.1:{port}"))

    return asyncio.run(main())


def test_register_log_in_and_refresh_give_tokens() -> None:
    def calls(accounts: Accounts) -> tuple[Login, Login, Login]:
        registered = accounts.register("alice", PASSWORD, "Alice", "laptop")
        logged_in = accounts.log_in("alice", PASSWORD, "phone")
        return registered, logged_in, accounts.refresh(logged_in.refresh)

    registered, logged_in, refreshed = with_accounts(calls)
    assert {login.user for login in (registered, logged_in, refreshed)} == {"alice"}
    assert registered.device != logged_in.device == refreshed.device
    assert len({login.token for login in (registered, logged_in, refreshed)}) == 3


def test_refusals_are_chat_errors_with_the_code_of_the_server() -> None:
    def calls(accounts: Accounts) -> list[str]:
        accounts.register("alice", PASSWORD)
        codes = []
        for call in (
            lambda: accounts.register("alice", PASSWORD),
            lambda: accounts.log_in("alice", "something else"),
            lambda: accounts.refresh("nonsense-nonsense"),
            lambda: accounts.register("Not A Name", PASSWORD),
        ):
            with pytest.raises(ChatError) as refused:
                call()
            codes.append(refused.value.code)
        return codes

    assert with_accounts(calls) == ["name_taken", "bad_credentials", "bad_token", "invalid"]


def test_an_account_is_ended_with_its_password() -> None:
    def calls(accounts: Accounts) -> list[str]:
        login = accounts.register("alice", PASSWORD)
        codes = []
        for call in (
            lambda: accounts.delete(login.token, "something else"),
            lambda: accounts.delete(login.token, PASSWORD),
            lambda: accounts.log_in("alice", PASSWORD),
        ):
            try:
                call()
                codes.append("ok")
            except ChatError as error:
                codes.append(error.code)
        return codes

    assert with_accounts(calls) == ["bad_credentials", "ok", "bad_credentials"]


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        Accounts("http://127.0.0.1:9").log_in("alice", PASSWORD)


def test_a_refresh_whose_answer_was_lost_is_asked_again_and_one_that_is_refused_is_not() -> None:
    pauses: list[float] = []
    with pytest.raises(Unavailable):
        Accounts("http://127.0.0.1:9", pause=pauses.append).refresh("wbr:alice:device01:" + "a" * 43)
    assert pauses == list(REFRESH_PAUSES_S)

    def calls(accounts: Accounts) -> tuple[Login, Login]:
        old = accounts.register("alice", PASSWORD)
        return accounts.refresh(old.refresh), accounts.refresh(old.refresh)

    first, again = with_accounts(calls)
    assert (first.token, first.refresh) == (again.token, again.refresh)


@pytest.mark.parametrize(
    ("url", "websocket_url"),
    [
        ("http://chat.example", "ws://chat.example/ws"),
        ("https://chat.example:8443/", "wss://chat.example:8443/ws"),
        ("http://[::1]:80", "ws://[::1]:80/ws"),
    ],
)
def test_the_address_of_the_websocket_follows(url: str, websocket_url: str) -> None:
    assert Accounts(url).websocket_url == websocket_url


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="ftp"):
        Accounts("ftp://chat.example")
