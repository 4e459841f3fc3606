"""From promises of the actor system to asyncio: the one place where the two meet.

Promises and the event loop share a thread, so a settled promise settles the future at once.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

from actors.errors import Unknown
from actors.ports import Asker
from actors.runtime.actor import ActorId, R, Request
from actors.runtime.promise import Promise

T = TypeVar("T")

ASK_TIMEOUT_S = 5.0
GRACE_S = 1.0
"""What the actor system is given beyond its own time limit before an ask is taken for lost."""


async def settle(promise: Promise[T]) -> T:
    """The promise's value. Raises what it was rejected with, `ChatError`s above all.

    Where the waiting task is cancelled the promise goes on; nobody hears its result.
    """
    if promise.settled:
        return promise.result()
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(_: Promise[T]) -> None:
        if not future.done():
            future.set_result(None)

    promise.when_settled(wake)
    await future
    return promise.result()


async def ask(asker: Asker, to: ActorId, request: Request[R], *, timeout: float = ASK_TIMEOUT_S) -> R:
    """Ask an actor. Raises `ChatError`; `Unknown` also where the actor system itself does not answer in time."""
    try:
        async with asyncio.timeout(timeout + GRACE_S):
            return await settle(asker.ask(to, request, timeout=timeout))
    except TimeoutError as late:
        raise Unknown from late
