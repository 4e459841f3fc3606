"""Coroutines that await promises, outside of any actor: run by whoever settles the promises, without a task of a loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from actors.runtime.promise import Promise
from actors.runtime.scheduler import Scheduler

T = TypeVar("T")


def drive(coroutine: Coroutine[Any, Any, T]) -> Promise[T]:
    """Run it until it waits, and on whenever what it waits for is settled; the promise has its value or its exception."""
    done: Promise[T] = Promise()

    def advance(_: Promise[Any] | None = None) -> None:
        try:
            waits_for = coroutine.send(None)
        except StopIteration as end:
            done.resolve(end.value)
        except Exception as error:
            done.reject(error)
        else:
            waits_for.when_settled(advance)

    advance()
    return done


def pause(scheduler: Scheduler, seconds: float) -> Promise[None]:
    """Settled after this time."""
    done: Promise[None] = Promise()
    scheduler.later(seconds, done.resolve, None)
    return done
