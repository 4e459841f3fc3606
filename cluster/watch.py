"""Notices the death of a process at once, and says what is known of it: a call on it that never ends fails when the process does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from cluster.problems import in_short

WELL = "it ended in good order"
"""The reason of a process that ended by itself: nobody killed it, and it did not crash."""
DOUBT_S = 0.2
"""Between two looks at a process whose call failed though it lives (its line broke, say)."""


async def until_gone(endless: Callable[[], Awaitable[object]], alive: Callable[[], bool]) -> str:
    """Wait until the process is dead; returns why. `endless` makes the call that never ends; `alive` asks the system."""
    while True:
        try:
            await endless()
            reason = "it ended a call that never ends"
        except Exception as error:  # noqa: BLE001 - any failure is a reason to look; what counts is whether it lives
            reason = in_plain_words(in_short(error))
        if not alive():
            return reason
        await asyncio.sleep(DOUBT_S)


def in_plain_words(reason: str) -> str:
    """What Ray says of a dead process is a paragraph of guesses; what it knows is one word."""
    if "worker process has died" not in reason:
        return reason
    kind = re.search(r"exit type: (\w+)", reason)
    if kind is not None and kind[1] == "INTENDED_USER_EXIT":
        return WELL
    return f"it was killed or it crashed ({kind[1]})" if kind is not None else "it was killed or it crashed"
