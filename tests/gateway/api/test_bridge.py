"""Promises and asyncio meet in one place, and every ending comes through."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.errors import ChatError, Overloaded, Unknown
from actors.messages.user import GetProfile
from actors.runtime.actor import ActorId, Request, actor_id
from actors.runtime.plain import Message
from actors.runtime.promise import Promise, rejected, resolved
from gateway.api import bridge
from gateway.api.bridge import ask, settle
from tests.kit.api import run


def test_a_value_that_is_there_comes_at_once() -> None:
    assert run(settle(resolved(7))) == 7


def test_a_value_that_comes_later_wakes_who_waits() -> None:
    async def story() -> int:
        promise: Promise[int] = Promise()
        asyncio.get_running_loop().call_soon(promise.resolve, 7)
        return await settle(promise)

    assert run(story()) == 7


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("error", [ChatError("name_taken"), Overloaded(retry_after=2.0), KeyError("bug"), StopIteration()])
def test_errors_come_through_as_they_are(error: BaseException, later: bool) -> None:
    async def story() -> None:
        promise: Promise[int] = Promise()
        if later:
            asyncio.get_running_loop().call_soon(promise.reject, error)
        else:
            promise = rejected(error)
        (raised,) = await asyncio.gather(settle(promise), return_exceptions=True)
        # A coroutine makes a RuntimeError of a StopIteration.
        assert raised is error or (isinstance(raised, RuntimeError) and raised.__cause__ is error)

    run(story())


def test_a_promise_that_settles_after_its_asker_has_gone_harms_nobody() -> None:
    async def story() -> None:
        promise: Promise[int] = Promise()
        waiting = asyncio.create_task(settle(promise))
        gone = asyncio.Event()
        asyncio.get_running_loop().call_soon(waiting.cancel)
        waiting.add_done_callback(lambda _: gone.set())
        await gone.wait()
        assert waiting.cancelled()
        promise.resolve(7)

    run(story())


def test_an_actor_system_that_never_answers_is_an_unknown_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def ask(self, to: ActorId, request: Request[Any], *, timeout: float = 5.0) -> Promise[Any]:
            return Promise()

        def tell(self, to: ActorId, message: Message) -> None:
            raise AssertionError

    monkeypatch.setattr(bridge, "GRACE_S", 0.0)
    with pytest.raises(Unknown):
        run(ask(Silent(), actor_id("user", "ann"), GetProfile(), timeout=0.0))
