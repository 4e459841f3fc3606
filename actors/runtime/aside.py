"""Running a coroutine beside the mailbox: for work whose order does not matter and that changes nothing by itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_aside(coroutine: Coroutine[Any, Any, T], done: Callable[[T | None, Exception | None], None]) -> None:
    """Drive the coroutine as its promises settle; `done(result, error)` at its end, which must not raise.

    Starts at once, in the caller's stack.
    """
    try:
        waits_for = coroutine.send(None)
    except StopIteration as end:
        done(end.value, None)
    except Exception as error:
        done(None, error)
    else:
        waits_for.when_settled(lambda _: run_aside(coroutine, done))
